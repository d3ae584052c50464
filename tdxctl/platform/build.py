# SPDX-License-Identifier: Apache-2.0
"""From the validated model to the frozen description: `auto` and defaults resolved."""

from __future__ import annotations

from tdxctl.platform.cmrs import auto_cmrs, auto_seamrr
from tdxctl.platform.description import (
    AllocationFault,
    BootFault,
    BusyCpu,
    Checks,
    CpuFeatures,
    CpuidValue,
    Cpus,
    Fault,
    Firmware,
    GlobalLock,
    HaltedModule,
    KernelConfig,
    MadtEntry,
    Memory,
    MemoryRange,
    Module,
    MsrReadFault,
    MsrValue,
    PconfigFault,
    Platform,
    RdrandFault,
    SeamcallFault,
    SeamopsValue,
    Seamrr,
    TdmrLock,
)
from tdxctl.platform.fields import MAX_KEYID_BITS, MIN_KEYID_BITS
from tdxctl.platform.model import (
    AllocationFaultModel,
    BootFaultModel,
    BusyCpuFaultModel,
    CpuidModel,
    CpusModel,
    FaultModel,
    FirmwareModel,
    GlobalLockModel,
    MemoryModel,
    ModuleFaultModel,
    ModuleModel,
    MsrFaultModel,
    PconfigFaultModel,
    PlatformModel,
    RdrandFaultModel,
    SeamcallFaultModel,
    TdmrLockModel,
)
from tdxctl.seam.versions import SAMPLES, ModuleVersion


def build(model: PlatformModel, default_name: str) -> Platform:
    """The Platform a valid model describes; default_name where it has no name."""
    memory = _memory(model.memory)
    return Platform(
        name=model.name if model.name is not None else default_name,
        description=model.description,
        cpus=_cpus(model.cpus),
        memory=memory,
        firmware=_firmware(model.firmware, memory),
        module=_module(model.module),
        kernel=KernelConfig(hibernation=model.kernel.hibernation),
        faults=tuple(fault_of(fault) for fault in model.faults if _faults_at_all(fault)),
    )


def _cpus(cpus: CpusModel) -> Cpus:
    madt = tuple(
        MadtEntry(apic_id, entry.package, entry.enabled)
        for entry in cpus.madt
        for apic_id in entry.apic_id
    )
    enabled = sum(entry.enabled for entry in madt)
    cpuid = (
        (cpus.model.family, cpus.model.model)
        if isinstance(cpus.model, CpuidModel)
        else (6, cpus.model)
    )
    features = cpus.features
    return Cpus(
        family=cpuid[0],
        model=cpuid[1],
        features=CpuFeatures(
            mtrr=features.mtrr,
            vmx=features.vmx,
            xsave=features.xsave,
            movdir64b=features.movdir64b,
            self_snoop=features.self_snoop,
            no_seamret_invd_vmcs=features.no_seamret_invd_vmcs,
        ),
        madt=madt,
        online=tuple(range(enabled)) if cpus.online is None else tuple(sorted(set(cpus.online))),
        disabled_cpus=len(madt) - enabled if cpus.disabled_cpus is None else cpus.disabled_cpus,
        cpuid=tuple(
            CpuidValue(entry.leaf, entry.subleaf, entry.register_, entry.value, entry.cpu)
            for entry in cpus.cpuid
        ),
        seamops=tuple(SeamopsValue(entry.value, entry.cpu) for entry in cpus.seamops),
    )


def _memory(memory: MemoryModel) -> Memory:
    ranges = tuple(
        MemoryRange(r.start, r.end if r.end is not None else r.start + (r.size or 0), r.node)
        for r in memory.ranges
    )
    if memory.cmrs is None:
        cmrs = auto_cmrs([(r.start, r.end) for r in ranges])
    else:
        cmrs = [(cmr.base, cmr.size) for cmr in memory.cmrs]
    return Memory(
        ranges=ranges,
        reserved=tuple((r.start, r.end) for r in memory.reserved),
        cmrs=tuple(cmrs),
    )


def _firmware(firmware: FirmwareModel, memory: Memory) -> Firmware:
    keyid_bits = firmware.keyid_bits
    if keyid_bits is None:
        # "smallest n in 6..15 with 2^n > the KeyIDs"; 15 where there are more.
        needed = (firmware.mktme_keyids + firmware.tdx_keyids).bit_length()
        keyid_bits = min(max(needed, MIN_KEYID_BITS), MAX_KEYID_BITS)
    if firmware.seamrr_range is not None:
        base, size = firmware.seamrr_range.base, firmware.seamrr_range.size
    else:
        base, size = auto_seamrr(memory.ranges[-1].end if memory.ranges else 0)
    return Firmware(
        seamrr=Seamrr(firmware.seamrr),
        mktme_keyids=firmware.mktme_keyids,
        tdx_keyids=firmware.tdx_keyids,
        keyid_bits=keyid_bits,
        seamrr_base=base,
        seamrr_size=size,
        msrs=tuple(MsrValue(entry.msr, entry.value, entry.cpu) for entry in firmware.msrs),
        tdx_without_integrity=firmware.tdx_without_integrity,
    )


def _module(module: ModuleModel) -> Module:
    sample = SAMPLES[ModuleVersion.parse(module.version).behaviour]
    sizes = module.pamt_entry_size
    return Module(
        loaded=module.loaded,
        version=module.version,
        build_date=sample.build_date if module.build_date is None else module.build_date,
        build_num=sample.build_num if module.build_num is None else module.build_num,
        vendor_id=module.vendor_id,
        features=sample.features0 if module.features is None else module.features,
        num_cpuid_config=(
            sample.num_cpuid_config if module.num_cpuid_config is None else module.num_cpuid_config
        ),
        max_tdmrs=module.max_tdmrs,
        max_reserved_per_tdmr=module.max_reserved_per_tdmr,
        pamt_entry_size=(sizes.size_4k, sizes.size_2m, sizes.size_1g),
        pamt_page_bitmap_entry_bits=module.pamt_page_bitmap_entry_bits,
        sysinfo_cmr_entries=module.sysinfo_cmr_entries,
        checks=Checks(module.checks),
    )


def _faults_at_all(fault: FaultModel) -> bool:
    return not isinstance(fault, MsrFaultModel) or fault.fault


def fault_of(fault: FaultModel) -> Fault:
    """The fault of its model."""
    match fault:
        case SeamcallFaultModel():
            return SeamcallFault(fault.leaf, fault.status, fault.cpu, fault.call, fault.times)
        case AllocationFaultModel():
            return AllocationFault(fault.allocation, fault.call, fault.times)
        case BootFaultModel():
            return BootFault(fault.boot, fault.errno)
        case PconfigFaultModel():
            return PconfigFault(fault.pconfig, fault.call, fault.times)
        case RdrandFaultModel():
            return RdrandFault(fault.call, fault.times)
        case GlobalLockModel():
            return GlobalLock(fault.global_lock)
        case TdmrLockModel():
            return TdmrLock(fault.tdmr_lock)
        case BusyCpuFaultModel():
            return BusyCpu(fault.busy_cpu)
        case ModuleFaultModel():
            return HaltedModule()
        case _:
            return MsrReadFault(fault.msr)
