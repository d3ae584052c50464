# SPDX-License-Identifier: Apache-2.0
"""What kernels differ by: a record for each change, which an engine asks for where tdx.c has it.

Adding one: its record here, and `if self.has(IT):` at the lines of an engine that it patches.
`--kernel RELEASE+ID` boots a release that carries it.
"""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.messages.words import KVM_OF_2024, UBUNTU_24_04, UBUNTU_25_04


class Evidence(NamedTuple):
    """On what it rests that a kernel does what is said of it; rank 0 is the strongest."""

    rank: int
    word: str


EXECUTED = Evidence(0, "executed")
READ = Evidence(1, "read")
SEEN = Evidence(2, "seen in logs")
ASSUMED = Evidence(3, "assumed")


class Commit(NamedTuple):
    """A commit as the kernel cites one: hash of 12 digits, subject, and where it came in.

    hash and subject are None where they are not known here.
    """

    hash: str | None
    subject: str | None
    where: str

    def __str__(self) -> str:
        subject = f'("{self.subject}")' if self.subject else None
        return " ".join(filter(None, (self.hash, subject, f"({self.where})")))


class Change(NamedTuple):
    """A change of a kernel's TDX host code.

    id: what follows the `+` of --kernel. does: one sentence. engine: whose lines it patches. since:
    the first release that has it, None for one that no release has. needs, excludes: ids of other
    changes; one side of two that exclude each other says so.
    """

    id: str
    title: str
    does: str
    engine: str
    since: str | None
    commits: tuple[Commit, ...]
    evidence: Evidence = EXECUTED
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    #: Whose words the log has with it, where the release that it is on lacks some.
    wording: tuple[int, int] | None = None
    #: The last release of mainline that it can be had on, where later ones have no place for it.
    up_to: tuple[int, int] | None = None
    #: Whose words some lines have with it: Template.of.
    words_of: str | None = None


#: The last release of mainline whose KVM does not know TDX.
BEFORE_KVM = (6, 15)
#: The last one that distributions' patches to the core are for [linux-host 5.5]: 6.15 is as 6.14.
_PATCHED = (6, 15)

# v5

NONE_WHEN_NOT_LOADED = Change(
    "none-when-not-loaded",
    "a module that is not loaded leaves NONE",
    "TDH.SYS.INIT answering VMfailInvalid ends in NONE: later calls are -ENODEV without a SEAMCALL",
    "v5",
    "v5",
    (Commit(None, None, "review of patch 06/22, adopted in series v6"),),
)
PAMT_SIZE_64BIT = Change(
    "pamt-size-64bit",
    "PAMT sizes in 64 bits",
    "the PAMT of a TDMR of 512 GiB and more has the size that it needs",
    "v5",
    "v5",
    (Commit(None, None, "as in 6.8"),),
)

# 6.8 to 7.0

CMR_WALK = Change(
    "cmr-walk",
    "holes are found by walking CMRs",
    "reserved areas are made for what lies between CMRs, not between memory regions; memory "
    "outside every CMR is refused",
    "v6_8",
    None,
    (
        Commit(
            None,
            "Reduce TDMR's reserved areas by using CMRs to find memory holes",
            "posted July to December 2024, v8.2; carried by distributions",
        ),
    ),
    READ,
    up_to=_PATCHED,
)
NO_RBP_MOD_REQUIRED = Change(
    "no-rbp-mod-required",
    "a module must have NO_RBP_MOD",
    "a module whose TDX_FEATURES0 lacks bit 18 is refused with -EINVAL",
    "v6_8",
    "6.14",
    (Commit(None, None, "in v6.14"),),
    wording=(6, 14),
)
KVM_ASKS_FOR_TDX = Change(
    "kvm-asks-for-tdx",
    "KVM asks for TDX",
    "the load of kvm_intel with tdx=1 brings the module up; an errno but -ENODEV makes it fail",
    "v6_8",
    "6.16",
    (Commit(None, None, "in v6.16"),),
    needs=("no-rbp-mod-required",),
    wording=(6, 16),
)
KVM_REFUSALS_FAIL = Change(
    "kvm-refusals-fail",
    "KVM's silent refusals of a module fail",
    "a module whose attributes, XFAM or topology KVM cannot serve makes the load of kvm_intel fail "
    "with -EINVAL; before, it went on with tdx=Y and no capacity",
    "v6_8",
    "6.17.4",
    (Commit(None, None, "in v6.18, and v6.17.4 of stable"),),
    needs=("kvm-asks-for-tdx",),
)
PAMT_RESET_ONLY_WITH_ERRATUM = Change(
    "pamt-reset-only-with-erratum",
    "PAMTs are reset only with the partial-write erratum",
    "after a failed KEY.CONFIG or TDMR.INIT PAMTs are written over by MOVDIR64B only on a CPU with "
    "X86_BUG_TDX_PW_MCE; before, always",
    "v6_8",
    "6.18",
    (Commit(None, None, "in v6.18"),),
)
CACHES_MARKED_INCOHERENT = Change(
    "caches-marked-incoherent",
    "a SEAMCALL marks its CPU's cache",
    "each SEAMCALL marks the cache of its CPU as incoherent, before the call is made; kexec and "
    "CPUs that go offline flush what is marked",
    "v6_8",
    "6.18",
    (Commit(None, None, "in v6.18"),),
)
KEXEC_BESIDE_TDX = Change(
    "kexec-beside-tdx",
    "kexec is built beside TDX",
    "kexec is there, and is refused with -EOPNOTSUPP on a CPU with the partial-write erratum",
    "v6_8",
    "6.18",
    (Commit(None, None, "in v6.18"),),
    needs=("caches-marked-incoherent",),
    wording=(6, 18),
)

# 6.8 to 6.15 as distributions have them

SYSINFO_BY_INFO = Change(
    "sysinfo-by-info",
    "TDH.SYS.INFO first, its module and CMRs in the log",
    "TDH.SYS.INFO is called before the metadata is read, and what it says of the module and CMRs "
    "is printed",
    "v6_8",
    None,
    (Commit(None, None, "carried by Ubuntu's 6.8 -intel kernels"),),
    SEEN,
    excludes=("module-line",),
    words_of=UBUNTU_24_04,
    up_to=_PATCHED,
)
MODULE_LINE = Change(
    "module-line",
    "a line with the module's version and build",
    "version, build number and build date are read with the metadata and printed",
    "v6_8",
    None,
    (Commit(None, None, "carried by Ubuntu's 6.14 -intel kernels"),),
    SEEN,
    excludes=("sysinfo-by-info",),
    words_of=UBUNTU_25_04,
    up_to=_PATCHED,
)
KVM_TELLS_OF_FAILURE = Change(
    "kvm-tells-of-failure",
    "KVM tells of a failure and goes on without TDX",
    "where the initialization fails KVM prints `Failed to initialize TDX module.`, and loads",
    "v6_8",
    None,
    (Commit(None, None, "KVM's series of 2024, carried by distributions"),),
    SEEN,
    excludes=("kvm-asks-for-tdx",),
    words_of=KVM_OF_2024,
    up_to=BEFORE_KVM,
)
NO_CALLER = Change(
    "no-caller",
    "nobody calls tdx_enable()",
    "mainline's KVM does not know TDX before 6.16: after the boot's lines nothing follows",
    "v6_8",
    None,
    (Commit(None, None, "mainline of 6.8 to 6.15"),),
    READ,
    excludes=("kvm-asks-for-tdx", "kvm-tells-of-failure"),
    up_to=BEFORE_KVM,
)

# 7.1 on

INITIALIZED_AT_BOOT = Change(
    "initialized-at-boot",
    "initialization is a boot step of the core",
    "tdx_enable() is a subsys_initcall, one attempt; VMX and the CPU callbacks are the core's; the "
    "lines say TDX-Module",
    "v7_1",
    "7.1",
    (Commit(None, None, "in v7.1"),),
)
WBINVD_IN_CALLBACKS = Change(
    "wbinvd-in-callbacks",
    "CPUs that TDX lets go flush their caches",
    "a CPU that goes offline, is torn down or shut down makes WBINVD if it made a SEAMCALL since "
    "its last one",
    "v7_1",
    "7.2",
    (Commit(None, None, "in v7.2"),),
    needs=("caches-marked-incoherent",),
)
SYS_DISABLE_AT_SHUTDOWN = Change(
    "sys-disable-at-shutdown",
    "shutdown disables the module",
    "kexec, reboot and power-off call TDH.SYS.DISABLE; kexec is no longer refused",
    "v7_1",
    "7.2",
    (Commit(None, None, "in v7.2"),),
    needs=("kexec-beside-tdx", "wbinvd-in-callbacks"),
    wording=(7, 2),
)
RUNTIME_UPDATE = Change(
    "runtime-update",
    "the module is updated at run time",
    "a module with TD_PRESERVING is replaced while TDs run, unless SEAMRET clobbers the VMCS of "
    "this CPU",
    "v7_1",
    "7.2",
    (Commit("b2128290c299", None, "seamldr.c, in v7.2"), Commit("637315cb400e", None, "in v7.2")),
    wording=(7, 2),
)
DYNAMIC_PAMT = Change(
    "dynamic-pamt",
    "Dynamic PAMT",
    "with TDX_FEATURES0 bit 36 the 4K part of the PAMT is a bitmap; pages for it are given to the "
    "module as TDs take memory",
    "v7_1",
    None,
    (Commit(None, None, "tip x86/tdx of September 2026, expected in v7.4"),),
    wording=(7, 4),
)

#: All of them, in the order in which they stand here.
CHANGES = tuple(value for value in tuple(globals().values()) if isinstance(value, Change))
CHANGE_OF = {change.id: change for change in CHANGES}
