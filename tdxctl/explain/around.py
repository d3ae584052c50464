# SPDX-License-Identifier: Apache-2.0
"""Words of what stands around TDX: firmware and its tables, features of CPUs, guests, the host."""

from __future__ import annotations

from tdxctl.advice import to_do
from tdxctl.explain.term import Term

_T = Term
AROUND: tuple[Term, ...] = (
    # Firmware
    _T(
        "BIOS",
        "The firmware: it enables TDX, gives KeyIDs and memory, and loads the module.",
        ("UEFI",),
    ),
    _T(
        "ESP",
        "The EFI system partition: its folder EFI/TDX may hold the module's files.",
        ("EFI system partition",),
    ),
    _T(
        "microcode",
        "The CPU's own firmware: MCHECK is part of it, and the module asks for a recent one.",
        ("ucode",),
        to_do.UPDATE_THE_FIRMWARE,
    ),
    _T(
        "sigstruct",
        "The signature of the module's file: for which CPUs it is, and its security version.",
        ("signature structure",),
    ),
    _T(
        "e820",
        "The firmware's map of memory: its usable ranges are what the kernel takes as RAM. Each "
        "hole inside a TDMR costs a reserved area.",
        ("BIOS-e820", "e820 map"),
    ),
    _T(
        "memory hole",
        "What no usable range covers inside a TDMR: each costs one of its reserved areas.",
        ("hole",),
    ),
    _T("SRAT", "The ACPI table that says which memory and which CPU is of which NUMA node."),
    _T(
        "MADT",
        "The ACPI table of CPUs: the kernel counts its slots, and v5 those that are not enabled.",
        ("ACPI APIC table",),
    ),
    _T("NUMA", "Memory in nodes: a PAMT is allocated on the node of its memory.", ("NUMA node",)),
    _T(
        "DIMM population",
        "TDX and SGX need slot 0 of every memory channel of every socket populated alike: else "
        "they are greyed out.",
        ("DIMM", "symmetric DIMMs"),
    ),
    _T(
        "SGX Auto MP Registration",
        "The option that registers a platform of several sockets for attestation.",
        ("SGX registration", "MPA", "multi-package registration", "platform registration"),
    ),
    # CPUs
    _T(
        "LP",
        "A logical processor: a hardware thread. TDH.SYS.LP.INIT is made once on each.",
        ("logical processor",),
    ),
    _T(
        "VMCS",
        "The structure by which VMX runs a virtual CPU. Some P-SEAMLDR calls lose the current "
        "one on older CPUs.",
    ),
    _T(
        "EPT",
        "Extended page tables: a virtual machine's, which KVM must have on for TDX.",
        ("extended page tables", "EPT violation"),
    ),
    _T(
        "MOVDIR64B",
        "An instruction that writes 64 bytes at once: the kernel resets TDX private pages with it.",
    ),
    _T(
        "WBINVD",
        "The instruction that writes caches back: between KeyIDs of one page it keeps memory "
        "whole.",
        ("WBNOINVD",),
    ),
    _T(
        "RDRAND",
        "The CPU's source of random numbers: TDH.SYS.INIT and keys need its entropy.",
        ("RDSEED", "entropy"),
        to_do.TRY_AGAIN,
    ),
    _T("SEV-SNP", "What AMD's servers have where Intel's have TDX.", ("SEV", "SNP", "SEV-ES")),
    _T(
        "TSX",
        "Transactions in memory: what the BIOS set in IA32_TSX_CTRL has to be what the module "
        "expects, and the same on all CPUs.",
        ("transactional synchronization extensions", "RTM"),
        to_do.MATCH_FIRMWARE_AND_MODULE,
    ),
    _T(
        "machine check",
        "What the CPU raises where memory is poisoned: reading TDX private memory that was partly "
        "written does so on Sapphire and Emerald Rapids.",
        ("MCE", "poison", "poisoned memory"),
    ),
    _T(
        "SNC",
        "Sub-NUMA clustering: more nodes than packages, so that a PAMT is placed on more of them.",
        ("sub-NUMA clustering", "UMA-based clustering"),
    ),
    _T("VT-d", "Intel's IOMMU: TDX does not need it, devices of virtual machines do.", ("IOMMU",)),
    _T(
        "TXT",
        "Trusted execution technology. Where it is on in the BIOS, VMX may be off outside it.",
        ("trusted execution technology",),
    ),
    # Guests
    _T(
        "confidential computing",
        "Work on memory that the host cannot read: TDX on Intel's servers, SEV-SNP on AMD's.",
        ("coco", "confidential VM"),
    ),
    _T(
        "attestation",
        "How a TD shows elsewhere what it is: a report of the module's, signed as a quote.",
        ("remote attestation",),
    ),
    _T(
        "TDVF",
        "The firmware of a TD (OVMF built for it), which QEMU copies into its first pages.",
        ("OVMF", "OVMF.fd", "TD firmware"),
    ),
    _T(
        "TDVMCALL",
        "TDG.VP.VMCALL: what a TD asks of its host, through the module.",
        ("TDG.VP.VMCALL exit",),
    ),
    _T(
        "QE",
        "The quoting enclave: it signs a TDREPORT, and runs in SGX.",
        ("quoting enclave", "TDQE"),
    ),
    _T(
        "QvE",
        "The quote verification enclave: it verifies a quote, and runs in SGX.",
        ("quote verification enclave",),
    ),
    _T(
        "FMSPC",
        "What names a platform's kind and its TCB for attestation: family, model, stepping, "
        "platform type.",
    ),
    _T(
        "guest_memfd",
        "Memory of KVM's for a guest's private pages, which the host cannot map.",
        ("gmem",),
    ),
    _T(
        "TCB",
        "What has to be trusted: CPU microcode, SEAM loader, module, by their security versions.",
        ("TCB level", "TCB recovery"),
    ),
    _T(
        "MRCONFIGID",
        "A value of the owner's that a TD is measured with.",
        ("MROWNER", "MROWNERCONFIG"),
    ),
    _T(
        "TDX Connect",
        "TDX with devices that are trusted too: TEE-IO and TDISP. Newer modules and CPUs have it.",
        ("TEE-IO", "TDISP", "TDX IO"),
    ),
    _T(
        "migration TD",
        "A TD that carries the keys for moving others between hosts.",
        ("MigTD", "service TD", "servtd", "servtds", "live migration"),
    ),
    _T(
        "debug TD",
        "A TD with the attribute DEBUG: the host may read its state and memory. Quotes say so.",
        ("off-TD debug", "ATTRIBUTES.DEBUG"),
    ),
    _T("TD partitioning", "Virtual machines (L2) inside a TD (L1).", ("L2 VM", "L1 VMM")),
    _T(
        "handoff",
        "What a module that is updated leaves for the next one; both name versions of it.",
        ("handoff version", "HV"),
    ),
    # The host
    _T(
        "kvm_intel",
        "KVM's module for Intel: it asks for TDX where it is loaded with tdx=1.",
        ("kvm-intel", "kvm_intel.ko", "/dev/kvm"),
    ),
    _T("virt/tdx", "The prefix of the kernel's lines on TDX from 6.8 on; before it was tdx."),
    _T("misc cgroup", "The cgroup controller that counts KeyIDs: misc.capacity has a line tdx."),
    _T(
        "kdump",
        "A second kernel that saves a crashed one's memory; on hosts with the partial-write "
        "erratum it needs a newer kernel and module.",
        ("crashkernel", "crash kernel"),
        to_do.RENEW_FOR_KEXEC,
    ),
    _T(
        "S3",
        "Suspend to RAM: with TDX the kernel does without, and says so. Harmless.",
        ("suspend", "suspend to RAM", "ACPI S3"),
    ),
    _T(
        "hotplug",
        "CPUs and memory that come later: memory that no CMR holds at the initialization is not "
        "onlined.",
        ("memory hotplug", "CPU hotplug"),
    ),
    _T(
        "CXL",
        "Memory on a bus of its own: no CMR holds it.",
        ("CXL memory", "PMEM"),
        to_do.USE_AS_DEVICE_MEMORY,
    ),
)
