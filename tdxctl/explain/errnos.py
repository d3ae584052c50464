# SPDX-License-Identifier: Apache-2.0
"""What each errno means when a kernel's TDX bring-up returns it."""

from __future__ import annotations

from tdxctl.errnos import Errno
from tdxctl.explain.words import Words
from tdxctl.messages.boot import ENABLED_BY_BIOS
from tdxctl.messages.bring_up import MODULE_NOT_LOADED

_LOG = "read the kernel's log for the line before it"

ERRNOS: dict[Errno, Words] = {
    Errno.EPERM: Words(
        "Memory may not be onlined: it lies outside what was fixed when the module was "
        "initialized (6.8 and later).",
        "online the memory before TDX is initialized, or use it as device memory",
    ),
    Errno.EIO: Words(
        "6.8 and later: a SEAMCALL failed; the log has its leaf and status.",
        "explain the status in the log",
    ),
    Errno.E2BIG: Words(
        "v5, inside: more TDMRs or reserved areas than the module has; the caller gets -EFAULT.",
        "fewer memory regions and holes",
    ),
    Errno.ENOMEM: Words(
        "An allocation failed, most likely a PAMT's contiguous pages. v5 turns it into -EFAULT.",
        "initialize TDX right after boot",
    ),
    Errno.EACCES: Words(
        "6.8 and later: SEAMCALL raised #UD: a CPU without TDX, or not in VMX operation.",
        "use a CPU with TDX; load KVM before TDX is used",
    ),
    Errno.EFAULT: Words(
        "v5: initialization failed, now or earlier, and the module was shut down.",
        f"{_LOG}; then reboot",
    ),
    Errno.EBUSY: Words(
        "The last online CPU of a package cannot go offline while TDs use it (2026), and the "
        "last CPU of all never can.",
        "delete all TDs first",
    ),
    Errno.ENODEV: Words(
        "TDX is not enabled by the BIOS, or no module is loaded.",
        f"see the kernel's log: '{ENABLED_BY_BIOS.shown}', '{MODULE_NOT_LOADED.shown}'",
    ),
    Errno.EINVAL: Words(
        "v5: a CPU is offline or a MADT slot is not enabled, and a retry is allowed; too few "
        "KeyIDs at boot. 6.8 and later: an earlier failure, or a missing feature.",
        _LOG,
    ),
    Errno.ENOSPC: Words(
        "6.8 and later: TDMRs or reserved areas exhausted.",
        "fewer memory regions and holes, or a kernel that walks CMRs",
    ),
    Errno.ENOSYS: Words(
        "6.8: there is no kexec where TDX is built in.",
        "use a kernel without TDX for kexec, or a later one",
    ),
    Errno.EOPNOTSUPP: Words(
        "6.8 and later: SEAMCALL raised #GP, SEAMRR is not enabled; or kexec is refused for the "
        "partial-write erratum.",
        "enable TDX in the BIOS",
    ),
}
