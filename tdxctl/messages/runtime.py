# SPDX-License-Identifier: Apache-2.0
"""Lines of what comes after a bring-up: CPUs, kexec, shutdown, update; and of debugging."""

from __future__ import annotations

from tdxctl.messages.message import (
    ERR,
    INFO,
    WARN,
    WARN_ON,
    Message,
    Source,
    Stage,
    Template,
)

LAST_CPU_OF_PACKAGE = Message(
    "last-cpu-of-package",
    Stage.RUNTIME,
    WARN,
    (
        Template(
            "TDX requires all packages to have an online CPU. Delete all TDs in order to offline "
            "all CPUs of a package.",
            since=(6, 16),
        ),
    ),
    "The last CPU of a package stays online while there are TDs, whose keys it is needed for.",
    sources=(Source.TDX, Source.KVM),
)
KEXEC_REFUSED = Message(
    "kexec",
    Stage.BOOT,
    INFO,
    (Template("Not allowed on platform with tdx_pw_mce bug", (6, 18)),),
    "Kexec is refused: this CPU has the partial-write erratum.",
    "kexec",
    sources=(Source.KEXEC,),
)
SYS_DISABLE_FAILED = Message(
    "sys-disable-failed",
    Stage.BOOT,
    ERR,
    (Template("TDH.SYS.DISABLE failed: 0x{status:016x}", (7, 2)),),
    "The module was not taken down for the next kernel, which then cannot initialize it.",
)
VERSION_NOT_REREAD = Message(
    "version-not-reread",
    Stage.RUNTIME,
    WARN_ON,
    (Template("WARN_ON_ONCE(ret) in tdx_module_run_update", (7, 2)),),
    "A warning: the module was updated, and its new version could not be read.",
)
DEBUG_UNSUPPORTED = Message(
    "debugconfig",
    Stage.ASKED,
    INFO,
    (Template("TDDEBUGCONFIG isn't supported.", of="trees of 6.2 for TDX 1.5"),),
    "Harmless: a debug interface that production modules do not have.",
    "harmless",
)
HOST_WARNING = Message(
    "host-warning",
    Stage.BOOT,
    WARN_ON,
    (
        Template(
            "WARNING: CPU: {cpu:d} PID: {pid:d} at arch/x86/virt/vmx/tdx/{file}:{line:d} "
            "{function}+",
            of="any release",
        ),
    ),
    "The kernel's own TDX code met something unexpected.",
)
