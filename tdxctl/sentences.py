# SPDX-License-Identifier: Apache-2.0
"""What each command does: the first sentence of its help, for listing it without loading it.

Made by `python -m tools.tables`.
"""

SENTENCES = {
    "init": "Bring TDX up on a machine, booting it if it is not running.",
    "status": "Show what a machine's kernel knows of its TDX module.",
    "boot": "Boot a machine, or boot it again.",
    "dmesg": "Print a machine's kernel log since boot.",
    "trace": "Print a machine's hardware events since boot.",
    "machines": "List the machines, or print one as JSON that reproduces it.",
    "forget": "Delete a machine and all that happened on it.",
    "cpu": "Bring CPUs of a running machine online or offline.",
    "memory": "Bring memory of a running machine online.",
    "hotplug": "Add or remove CPUs or memory of a running machine.",
    "module": "Load, unload, shut down or update a running machine's module.",
    "kvm": "Load or unload kvm_intel on a running machine.",
    "keyid": "Take or give back a guest KeyID, as KVM does for a TD.",
    "pamt": "Take or give back a page for a TD, as Dynamic PAMT counts them.",
    "kexec": "Boot a running machine's kernel anew by kexec.",
    "fault": "Script a fault on a running machine, or clear all of them.",
    "seamcall": "Make the SEAMCALLs of a script, and say what each answered.",
    "plan": "Say what each kernel would do on a platform, and the cost.",
    "sweep": "Fail each call of a bring-up in turn, and say what comes of it.",
    "states": "Draw the states that a kernel can have the TDX module in.",
    "map": "Draw a machine's memory: ranges, TDMRs, PAMTs, reserved areas.",
    "html": "Write a page about a machine, for a ticket.",
    "validate": "Check platform descriptions and scenarios.",
    "platforms": "List the shipped platforms, or print one.",
    "capture": "Make a platform description from what a real machine shows.",
    "diagnose": "Say from a real kernel's log what state TDX is in, and why.",
    "lint": "Say what a log pattern misses, and what it matches wrongly.",
    "fleet": "Say of each host of a fleet whether it would bring TDX up.",
    "test": "Run scenarios: platforms, operations and what is expected.",
    "scenario": "Print a scenario whose expectations are what happens today.",
    "root": "Write what a machine shows to programs, as files of a host.",
    "kernels": "List the kernels that can be booted, or tell one in full.",
    "modules": "List the TDX module releases, or say all of one.",
    "explain": "Say what a status, errno, leaf, check or line of a log means.",
    "schema": "Print a JSON Schema, for editors and other tools.",
    "completion": "Print the script that completes tdxctl's words in a shell.",
}
