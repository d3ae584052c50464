# SPDX-License-Identifier: Apache-2.0
"""The words of the field: what people ask about that is no code, no leaf and no line of a log."""

from __future__ import annotations

import re
from functools import cache

from tdxctl.advice import to_do
from tdxctl.explain.around import AROUND
from tdxctl.explain.term import Term
from tdxctl.seam.msrs import MSRS

_T = Term
TERMS: tuple[Term, ...] = (
    # The parts
    _T(
        "TDX",
        "Intel's Trust Domain Extensions: virtual machines, each a trust domain (TD), whose "
        "memory and CPU state the host cannot read.",
        ("Intel TDX", "trust domain extensions"),
    ),
    _T(
        "TD",
        "A trust domain: a virtual machine that TDX protects from its host.",
        ("trust domain", "TD guest", "TDVM"),
    ),
    _T(
        "SEAM",
        "Secure Arbitration Mode, the mode of the CPU in which the TDX module runs.",
        ("secure arbitration mode", "SEAM mode"),
    ),
    _T(
        "SEAMRR",
        "The SEAM range register: the range of memory that the BIOS reserved for the TDX module. "
        "MSR 0x1400 has its base, MSR 0x1401 its mask, and whether it is locked and enabled.",
        ("SEAM range register", "SEAM_RR", "SEAM_RR bit", "SEAM range"),
    ),
    _T(
        "SEAMLDR",
        "The loaders of the TDX module: NP-SEAMLDR, an authenticated code module that the "
        "firmware or the kernel starts, puts P-SEAMLDR in place, which stays and installs the "
        "module.",
        ("SEAM loader", "NP-SEAMLDR", "np-seamldr.acm", "seamldr.so"),
    ),
    _T(
        "P-SEAMLDR",
        "The persistent SEAM loader: it installs the TDX module and updates it at run time. Its "
        "SEAMCALL leaves have bit 63 set.",
        ("persistent SEAM loader", "PSEAMLDR"),
    ),
    _T(
        "SEAMCALL",
        "The instruction by which the host calls the TDX module or P-SEAMLDR: the leaf in RAX, "
        "and the status comes back there. It needs VMX operation.",
        ("SEAMCALL instruction",),
    ),
    _T(
        "SEAMRET",
        "The instruction by which the TDX module returns from SEAMCALL to the host.",
    ),
    _T(
        "TDCALL",
        "The instruction by which a TD calls the TDX module: the guest's side, TDG leaves.",
    ),
    _T(
        "TDX module",
        "Software that Intel signed and that runs in SEAM mode: it creates TDs and runs them.",
        ("Intel TDX module", "TDX-SEAM module", "libtdx.so", "TDX SEAM module"),
    ),
    _T(
        "TDX-SEAM.so",
        "The file of the TDX module: EFI/TDX on the EFI system partition, from where the SEAM "
        "loader of the BIOS takes it; TDX-SEAM.so.sigstruct beside it is its signature.",
        ("TDX-SEAM.so.sigstruct", "TDX-SEAMLDR.bin", "EFI/TDX"),
    ),
    _T(
        "TD-preserving update",
        "An update of the TDX module at run time, through P-SEAMLDR, while TDs keep existing.",
        ("TD preserving", "TD_PRESERVING", "runtime update", "module update"),
    ),
    # Memory
    _T(
        "TDMR",
        "A memory region for TDs: a range in whole GiB that the kernel gives the module as memory "
        "for TDs, less its reserved areas.",
        ("TD memory region",),
    ),
    _T(
        "CMR",
        "A convertible memory region: memory that the firmware declares, and the CPU checked, as "
        "usable for TDX.",
        ("convertible memory region", "convertible memory"),
    ),
    _T(
        "PAMT",
        "Physical address metadata table: metadata of 16 bytes for each page of a TDMR, owned by "
        "the module; about 0.4 % of memory.",
        ("physical address metadata table",),
    ),
    _T(
        "Dynamic PAMT",
        "Of the PAMT, only the parts for 2M and 1G pages are allocated at initialization; the one "
        "for 4K pages follows on demand, in pairs of pages. The static part is about 0.004 %.",
        ("DPAMT",),
    ),
    _T(
        "reserved area",
        "A part of a TDMR that is no memory for TDs: a hole in memory, or a PAMT. A TDMR has 16 "
        "at most.",
    ),
    _T(
        "MAX_RESERVED_PER_TDMR",
        "How many reserved areas a TDMR may have, holes and PAMTs together: 16.",
    ),
    _T(
        "memblock",
        "Linux's memory allocator of the early boot: from its list of memory the ranges for TDX "
        "are built. The log shows it as `Early memory node ranges`.",
    ),
    _T(
        "SEPT",
        "Secure EPT: the page tables of a TD's private memory, owned by the module.",
        ("secure EPT",),
    ),
    _T("TDR", "The root page of a TD: the first that TDH.MNG.CREATE makes."),
    _T("TDCS", "The control structure of a TD, in pages that the module owns."),
    _T("TDVPS", "The state of a TD's virtual CPU, in pages that the module owns.", ("TDVPR",)),
    _T(
        "GPAW",
        "Guest physical address width of a TD: 48 or 52 bits; it says where the shared bit is.",
    ),
    # Keys
    _T(
        "KeyID",
        "The number of a memory encryption key, in the upper bits of a physical address.",
        ("key ID",),
    ),
    _T(
        "private KeyID",
        "A KeyID of the upper part of the range (MSR 0x87): only TDX may use it, the module and "
        "TDs.",
        ("TDX KeyID", "TDX private KeyID", "NUM_TDX_PRIV_KEYS", "tdx_keyids"),
    ),
    _T(
        "global KeyID",
        "The private KeyID with which the module encrypts its own metadata, the PAMTs; Linux "
        "takes the first one.",
        ("TDX global KeyID",),
    ),
    _T("HKID", "Host key id: the private KeyID whose key protects one TD.", ("host key id",)),
    _T(
        "TME",
        "Total memory encryption: all memory with one key. TME-MT and TDX need it.",
        ("total memory encryption",),
    ),
    _T(
        "MKTME",
        "Multi-key total memory encryption: a key for each KeyID. Now TME-MK; the BIOS says "
        "TME-MT.",
        ("TME-MK", "TME-MT", "multi-key TME", "multi-tenant TME", "MK-TME"),
    ),
    # CPU and firmware
    _T(
        "MCHECK",
        "The check that the CPU makes of the platform at boot, with its microcode: without it "
        "SEAM stays locked. It needs SGX.",
        ("SGX_AND_MCHECK_STATUS",),
        "SGX on in the BIOS; update BIOS and microcode; for status 1861 SGX Factory Reset",
    ),
    _T(
        "SMRR",
        "System management range registers: where SMM's memory is. The module checks that they "
        "are locked, and that no CMR overlaps them.",
    ),
    _T(
        "SGX",
        "Software guard extensions, Intel's enclaves: needed to load the SEAM loader, and for the "
        "attestation of TDs.",
        ("software guard extensions",),
        f"{to_do.TURN_ON_SGX}; it is greyed out where DIMMs are not populated symmetrically",
    ),
    _T(
        "EPC",
        "Enclave page cache: the memory that the BIOS gave SGX (PRMRR).",
        ("PRMRR", "PRM size"),
    ),
    _T(
        "ACM",
        "Authenticated code module: code that Intel signed and the CPU verifies before it runs.",
    ),
    _T(
        "partial write erratum",
        "On Sapphire and Emerald Rapids a write of less than a cache line to TDX private memory "
        "poisons it, and the next read raises a machine check. Early kernels refuse kexec for it.",
        ("erratum", "errata", "tdx_pw_mce", "tdx_pw_mce bug"),
        to_do.RENEW_FOR_KEXEC,
    ),
    _T("VMX", "Intel's virtualization. SEAMCALL works in VMX operation only.", ("VT-x",)),
    _T(
        "VMXON",
        "The instruction that switches VMX operation on: each CPU needs it before SEAMCALL. KVM "
        "makes it, and from 7.1 on the kernel.",
        ("VMX operation",),
    ),
    _T(
        "x2APIC",
        "The mode of the interrupt controller that TDX needs; a TD is never moved to xAPIC mode.",
        ("x2apic mode", "xAPIC"),
    ),
    _T(
        "#GP",
        "A general protection exception: SEAMCALL raises it where SEAMRR is not enabled. Linux "
        "calls it TDX_SEAMCALL_GP.",
        ("general protection fault",),
        to_do.UPDATE_THE_FIRMWARE,
    ),
    _T(
        "#UD",
        "Undefined opcode (#UD): SEAMCALL raises it where VMX is not switched on, or where the "
        "CPU has no SEAM at all. Linux calls it TDX_SEAMCALL_UD.",
        ("undefined opcode",),
        to_do.LOAD_KVM,
    ),
    _T(
        "#VE", "Virtualization exception: what a TD gets where it did something the host has to do."
    ),
    _T(
        "NO_RBP_MOD",
        "Feature bit 18 of the module: it leaves RBP as it was over TDH.VP.ENTER. Linux insists "
        "on it from 6.14 on, and distributions before.",
        ("frame pointer clobber", "RBP clobber"),
        to_do.MATCH_MODULE_AND_KERNEL,
    ),
    # Attestation
    _T("MRSEAM", "The hash of the TDX module: the measurement of it that attestation shows."),
    _T("MRTD", "The measurement of a TD as it was built: a hash over its first pages."),
    _T("RTMR", "Run-time measurement registers of a TD: hashes that the guest extends."),
    _T(
        "TDREPORT",
        "What the module says of a TD, for attestation on the same machine.",
        ("TD report",),
    ),
    _T("quote", "A TDREPORT that is signed for attestation elsewhere.", ("TD quote",)),
    _T(
        "DCAP",
        "Intel's data center attestation primitives: libraries that make quotes and verify them.",
        ("PCCS", "PCK", "QVL", "QPL"),
    ),
    _T(
        "QGS",
        "The quote generation service on the host: a TD asks it for a quote.",
        ("qgsd", "quote generation service"),
    ),
    _T("SVN", "Security version number: a module with a lower one does not replace a higher one."),
    # Linux
    _T(
        "kvm_intel.tdx=1",
        "The parameter of KVM's module that makes it use TDX: kvm_intel.tdx=1 on the kernel's "
        "command line, or `options kvm_intel tdx=1` in /etc/modprobe.d.",
        ("kvm_intel.tdx", "kvm_intel.tdx=Y", "kvm_intel.tdx=on", "kvm_intel tdx=1"),
    ),
    _T(
        "tdx_host=on",
        "The parameter of kernels that came before 6.8 (trees of 5.10 to 6.2): later ones do not "
        "know it, and ask for kvm_intel.tdx=1.",
        ("tdx_host", "enable_tdx_host"),
    ),
    _T(
        "nohibernate",
        "The parameter that turns hibernation off: with it possible, kernels of 6.8 and later do "
        "without TDX.",
    ),
    _T(
        "tdx_host_platform",
        "A flag in /proc/cpuinfo: the kernel found TDX enabled by the BIOS.",
        ("X86_FEATURE_TDX_HOST_PLATFORM",),
    ),
    _T("tdx_guest", "A flag in /proc/cpuinfo: this kernel runs inside a TD.", ("/dev/tdx_guest",)),
    _T(
        "/sys/module/kvm_intel/parameters/tdx",
        "Y where KVM can run TDs, N where not: not asked for it, or the initialization failed.",
        ("parameters/tdx",),
    ),
    _T(
        "CONFIG_INTEL_TDX_HOST",
        "The option of the kernel's build that gives it TDX host support; KVM's part is "
        "CONFIG_KVM_INTEL_TDX.",
        ("INTEL_TDX_HOST", "CONFIG_KVM_INTEL_TDX"),
    ),
    _T(
        "misc.capacity",
        "A file of the misc cgroup: its line `tdx` is the number of KeyIDs for guests.",
        ("misc.current", "misc.max"),
    ),
    _T("devdax", "Memory as a device, not as RAM: for CXL and PMEM that no CMR holds.", ("dax",)),
)

ALL_TERMS = (*AROUND, *TERMS)

_MSR_WORDS = {
    "IA32_MKTME_KEYID_PARTITIONING": "How KeyIDs are parted: bits 31:0 those of TME-MT, bits 63:32 "
    "the private ones of TDX.",
    "IA32_MTRRCAP": "Bit 15 says that there is a SEAMRR.",
    "IA32_TSX_CTRL": "TSX's control; TDH.SYS.INIT looks at it.",
    "IA32_TME_CAPABILITY": "What TME can do: its algorithms, and how many KeyIDs there can be.",
    "IA32_TME_ACTIVATE": "TME as the BIOS set it up: locked, enabled, KeyID bits and how many of "
    "them are TDX's.",
    "IA32_SEAMRR_PHYS_BASE": "The base of the SEAMRR.",
    "IA32_SEAMRR_PHYS_MASK": "The mask of the SEAMRR: bit 10 says that it is locked, bit 11 that "
    "it is enabled.",
}
#: MSRs that TDX is set up with, by number: what they say of it. One has no name in the SDM.
MSR_WORDS: dict[int, str] = {
    **{MSRS[name]: words for name, words in _MSR_WORDS.items()},
    0xA0: "A system report's SGX_AND_MCHECK_STATUS; SGX and MCHECK passed where it is 0.",
}


def find_term(text: str) -> Term | None:
    """The word that text is, in any case, with or without a plural's s; None for none."""
    names = _by_name()
    name = _folded(text)
    return names.get(name) or names.get(name.removesuffix("s")) or names.get(name + "s")


def _folded(text: str) -> str:
    return re.sub(r"[\s_.:;,()\[\]\"'`-]+", "", text).casefold()


@cache
def _by_name() -> dict[str, Term]:
    return {_folded(name): term for term in ALL_TERMS for name in (term.name, *term.others)}
