# SPDX-License-Identifier: Apache-2.0
"""What each errno means when a kernel's TDX bring-up returns it."""

from __future__ import annotations

from tdxctl.advice import to_do
from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.advice.words import Advice
from tdxctl.errnos import Errno
from tdxctl.messages.boot import ENABLED_BY_BIOS
from tdxctl.messages.bring_up import MODULE_NOT_LOADED

_LOG = "read the kernel's log for the line before it"

ERRNOS: dict[Errno, Advice] = {
    Errno.EPERM: Advice(
        "Memory may not be onlined: it lies outside what was fixed when the module was "
        "initialized (6.8 and later).",
        f"online the memory before TDX is initialized, or {to_do.USE_AS_DEVICE_MEMORY}",
    ),
    Errno.ENOENT: Advice(
        "kvm_intel cannot be removed: it is not loaded.",
        "load it first, or leave it",
    ),
    Errno.EEXIST: Advice(
        "kvm_intel is loaded already; its parameter stays what it is.",
        "remove it first to load it with another parameter",
    ),
    Errno.EIO: Advice(
        "6.8 and later: a SEAMCALL failed; the log has its leaf and status.",
        to_do.EXPLAIN_THE_SEAMCALL,
    ),
    Errno.E2BIG: Advice(
        "v5, inside: more TDMRs or reserved areas than the module has; the caller gets -EFAULT.",
        "fewer memory regions and holes",
    ),
    Errno.ENOMEM: Advice(
        "An allocation failed, most likely a PAMT's contiguous pages. v5 turns it into -EFAULT.",
        to_do.INITIALIZE_EARLY,
    ),
    Errno.EACCES: Advice(
        "6.8 and later: SEAMCALL raised #UD: a CPU without TDX, or not in VMX operation.",
        to_do.LOAD_KVM,
    ),
    Errno.EFAULT: Advice(
        "v5: initialization failed, now or earlier, and the module was shut down. 6.16: the unload "
        "of kvm_intel hit BUG, for which it stands: nothing returns.",
        f"{_LOG}; then reboot",
    ),
    Errno.EBUSY: Advice(
        "The last online CPU of a package cannot go offline while TDs use it (2026), and the "
        "last CPU of all never can.",
        "delete all TDs first",
    ),
    Errno.ENODEV: Advice(
        "TDX is not enabled by the BIOS, or no module is loaded.",
        f"see the kernel's log: '{ENABLED_BY_BIOS.shown}', '{MODULE_NOT_LOADED.shown}'",
    ),
    Errno.EINVAL: Advice(
        "v5: a CPU is offline or a MADT slot is not enabled, and a retry is allowed; too few "
        "KeyIDs at boot. 6.8 and later: an earlier failure, or a missing feature. 6.16 and later, "
        "of the load of kvm_intel: a module that KVM cannot serve, often without a line.",
        _LOG,
    ),
    Errno.ENOSPC: Advice(
        "6.8 and later: TDMRs or reserved areas exhausted.",
        "fewer memory regions and holes, or a kernel that walks CMRs",
    ),
    Errno.ENOSYS: Advice(
        "6.8: there is no kexec where TDX is built in.",
        "use a kernel without TDX for kexec, or a later one",
    ),
    Errno.EOPNOTSUPP: Advice(
        "6.8 and later: SEAMCALL raised #GP, SEAMRR is not enabled; or kexec is refused for the "
        "partial-write erratum.",
        f"{SET_UP_THE_BIOS}; for kexec, {to_do.RENEW_FOR_KEXEC}",
    ),
}
