# SPDX-License-Identifier: Apache-2.0
"""Causes that several checks share, each with what to do.

`seen` is how many public reports show it [field-notes 1].
"""

from __future__ import annotations

from dataclasses import dataclass

from tdxctl.advice import to_do
from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.messages.check_ids import CheckId
from tdxctl.seam.status import Status, base_status


@dataclass(frozen=True, slots=True)
class KnownCause:
    """Why a check fails, and what to do. seen: reports that show it, None where not counted.

    statuses: the only ones that it ends in; none named is any. refuted_by: the check
    that, where it passes, shows that this is not the cause.
    """

    cause: str
    to_do: str
    seen: int | None = None
    statuses: tuple[Status, ...] = ()
    refuted_by: CheckId | None = None

    def can_end_in(self, status: int) -> bool:
        """Whether a SEAMCALL with that status can come of it; one that is not known can."""
        base = base_status(status)
        return not self.statuses or base is None or base in self.statuses

    @property
    def and_how_often(self) -> str:
        """The cause, and how many reports show it."""
        return self.cause if self.seen is None else f"{self.cause} (seen {self.seen} times)"


BIOS = KnownCause(
    "the BIOS is incomplete, or its options were set in the wrong order",
    SET_UP_THE_BIOS,
    12,
)
DIMMS = KnownCause(
    "the DIMMs are not populated symmetrically: TDX is greyed out in the BIOS",
    "repopulate the DIMMs as the board's manual says",
    5,
)
SKU = KnownCause(
    "the CPU has no TDX: not every model of a generation has it",
    to_do.USE_A_CPU_WITH_TDX,
    4,
    refuted_by="cpu",
)
NO_SERVER = KnownCause(
    "the CPU has no TDX: only Xeons from Sapphire Rapids on have it, no client and no workstation",
    to_do.NOTHING_HELPS_THIS_CPU,
)
OTHER_VENDOR = KnownCause(
    "the CPU has no TDX: it is none of Intel's; AMD's servers have SEV-SNP instead",
    f"{to_do.NOTHING_HELPS_THIS_CPU}; for SEV-SNP ask `snphost ok`",
)
VIRTUAL_MACHINE = KnownCause(
    "the log is of a virtual machine: TDX is the host's, and no hypervisor shows it to a guest",
    "take the log of the host",
)
NO_CALLER = KnownCause(
    "nobody brings TDX up on this kernel: mainline's KVM does from 6.16 on",
    to_do.BOOT_A_KERNEL_WITH_A_CALLER,
)
SGX = KnownCause(
    "SGX is off: without it the CPU does not verify the SEAM loader",
    to_do.TURN_ON_SGX,
    4,
    refuted_by="sgx",
)
SGX_REGISTRATION = KnownCause(
    "the UEFI variables of SGX's registration may be corrupt: 1861 is what MCHECK says then",
    to_do.REGISTER_SGX_ANEW,
)
VIRTUALIZATION = KnownCause(
    "virtualization (VT-x) is off in the BIOS", to_do.TURN_ON_VIRTUALIZATION
)
TOO_MANY_CPUS = KnownCause(
    "the machine has more CPUs than a TD may have (MAX_VCPUS_PER_TD)", to_do.FEWER_CPUS
)
OWN_LOADER = KnownCause(
    "the files that this kernel loads itself are not where it looks, or do not suit this CPU: "
    "intel-seam/np-seamldr.acm, libtdx.so and its sigstruct",
    "put them into the initrd, as its build's guide says, or boot a kernel that leaves it to the "
    "firmware",
)
VMX_NOT_ON = KnownCause(
    "VMX was not switched on on that CPU: KVM does that while it is loaded",
    "load kvm_intel before TDX is used, and bring every CPU online first",
)
SILENT_KVM = KnownCause(
    "KVM gave up early: TDH.SYS.LP.INIT failed on one CPU, which prints nothing",
    "look at /sys/module/kvm_intel/parameters/tdx; update BIOS and microcode",
    4,
)
OLD_BIOS = KnownCause(
    "BIOS or microcode are too old for the TDX module",
    to_do.MATCH_FIRMWARE_AND_MODULE,
    3,
)
MISMATCH = KnownCause(
    "the TDX module is too old for this kernel, or the reverse",
    to_do.MATCH_MODULE_AND_KERNEL,
    6,
)
WRONG_KERNEL = KnownCause(
    "another kernel was booted than the one with TDX, often after an upgrade",
    "choose the kernel with TDX in the boot loader, and make it the default",
    6,
)
OTHER_BUILD = KnownCause(
    "kvm_intel is of another build than the running kernel, or is not installed",
    "install the kernel's own modules (linux-modules-extra), depmod -a, renew the initrd, reboot",
)
PARAMETER = KnownCause(
    "kvm_intel.tdx=1 is missing from the command line, or misspelt",
    "kvm_intel.tdx=1 nohibernate on the command line (compare with /proc/cmdline), or "
    "`options kvm_intel tdx=1` in /etc/modprobe.d",
    6,
    refuted_by="command-line",
)
HIBERNATION = KnownCause(
    "the kernel was booted without nohibernate", to_do.BOOT_WITH_NOHIBERNATE, 6
)
FAILED_SEAMCALL = KnownCause(
    "a SEAMCALL failed: a line before it, which is not here, says which and with what status",
    to_do.EXPLAIN_THE_SEAMCALL,
)
IN_ITS_OWN_WORDS = KnownCause(
    "what the kernel's own words say, which are not known here",
    "read the line, and the ones before it",
)
EARLIER_ATTEMPT = KnownCause(
    "an earlier attempt failed, and this kernel tries once", to_do.READ_THE_FIRST_ATTEMPT
)
