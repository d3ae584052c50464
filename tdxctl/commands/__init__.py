# SPDX-License-Identifier: Apache-2.0
"""One file per command: parse, call one function, hand the result to a renderer.

inputs/ is where what they work on comes from, outputs/ where what they say goes; operation.py makes
the commands that do something to a running machine.
"""

#: Set by the shell when it asks for completions.
COMPLETE_VARIABLE = "_TDXCTL_COMPLETE"

#: The commands, as `tdxctl --help` shows them. What each does is the first sentence of its help.
GROUPS = {
    "Machines": ("init", "status", "boot", "dmesg", "trace", "machines", "forget"),
    "What happens to a running machine": (
        "cpu",
        "memory",
        "hotplug",
        "module",
        "kvm",
        "keyid",
        "pamt",
        "kexec",
        "fault",
        "seamcall",
    ),
    "Questions about a platform": (
        "plan",
        "sweep",
        "states",
        "map",
        "html",
        "validate",
        "platforms",
    ),
    "Real hosts": ("capture", "diagnose", "lint", "fleet"),
    "Tests and CI": ("test", "scenario", "root", "run"),
    "Reference": ("kernels", "modules", "explain", "schema", "completion"),
}
