# SPDX-License-Identifier: Apache-2.0
"""From a description to the parts of a machine: module, memory management, registers, faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from msgspec.structs import astuple, replace

from tdxctl.events import Journal, ModuleEvidence
from tdxctl.hardware.cpus import CpuSet
from tdxctl.hardware.firmware import FirmwareRegisters
from tdxctl.linux import mm as linux_mm
from tdxctl.linux.kernel import Hardware
from tdxctl.memory import SparseMemory
from tdxctl.platform.description import Checks, CpuModel, Module, Platform
from tdxctl.platform.faults import AllocationFault, BootFault, MsrReadFault, SeamcallFault
from tdxctl.seam.conditions import Conditions
from tdxctl.seam.cpu_models import has_seam
from tdxctl.seam.environment import Environment
from tdxctl.seam.faults import Fault
from tdxctl.seam.metadata import MAX_VCPUS_PER_TD
from tdxctl.seam.module import ModuleInfo, ModulePlatform, TdxModule
from tdxctl.seam.msrs import MSRS
from tdxctl.seam.port import SeamcallPort
from tdxctl.seam.releases import ModuleVersion, release
from tdxctl.seam.status import Status

_SMRR_MSRS = (MSRS["IA32_SMRR_PHYSBASE"], MSRS["IA32_SMRR_PHYSMASK"])
_SMRR_LOCKED_NOT_VALID = 1 << 10


def module_info(module: Module) -> ModuleInfo:
    """What a described module image is and reports."""
    return ModuleInfo(
        version=version_of(module),
        build_date=module.build_date,
        build_num=module.build_num,
        features0=module.features,
        num_cpuid_config=module.num_cpuid_config,
        vendor_id=module.vendor_id,
        max_tdmrs=module.max_tdmrs,
        max_reserved_per_tdmr=module.max_reserved_per_tdmr,
        pamt_entry_sizes=astuple(module.pamt_entry_size),
        pamt_page_bitmap_entry_bits=module.pamt_page_bitmap_entry_bits,
        sysinfo_cmr_entries=module.sysinfo_cmr_entries,
        strict=module.checks is Checks.STRICT,
        reports=_reports(module),
    )


def _reports(module: Module) -> dict[str, int | None]:
    # Fields that KVM looks at, as far as they are described or follow from what is.
    described = {
        "ATTRIBUTES_FIXED0": module.attributes_fixed0,
        "ATTRIBUTES_FIXED1": module.attributes_fixed1,
        "XFAM_FIXED0": module.xfam_fixed0,
        "XFAM_FIXED1": module.xfam_fixed1,
    }
    given = {name: value for name, value in described.items() if value is not None}
    return {MAX_VCPUS_PER_TD: module.max_vcpus_per_td} | given


def version_of(module: Module) -> ModuleVersion:
    """The version of a described module, and which release it is."""
    return ModuleVersion.parse(module.version, module.build_date, module.build_num)


def module_evidence(platform: Platform) -> ModuleEvidence:
    """Which release the described module is taken to be, and on what evidence."""
    module = platform.module
    return evidence_of(module.version, version_of(module), platform.cpus.model)


def evidence_of(text: str, version: ModuleVersion, cpu: CpuModel) -> ModuleEvidence:
    """The same of a version, written as text, on CPUs of that model."""
    signed = release(version.release).is_signed_for(cpu.family, cpu.model)
    return ModuleEvidence(text, version.release, version.evidence, signed)


def of_version(now: ModuleInfo, version: str) -> ModuleInfo:
    """The image of another version, else like the one that is there.

    Raises ValueError for a version that is not modelled.
    """
    parsed = ModuleVersion.parse(version)
    row = release(parsed.release)
    if parsed.release == now.version.release:
        return replace(now, version=parsed)
    return replace(
        now,
        version=parsed,
        build_date=row.build_date,
        build_num=row.build_num,
        features0=row.features0,
        num_cpuid_config=row.num_cpuid_config,
        reports={},
    )


def build_module(
    platform: Platform,
    info: ModuleInfo,
    *,
    cpus: CpuSet,
    memory: SparseMemory,
    conditions: Conditions,
) -> TdxModule:
    """A fresh module image on the described platform."""
    firmware = platform.firmware
    return TdxModule(
        ModulePlatform(
            lps=cpus.present,
            packages=cpus.packages,
            keyid_bits=firmware.keyid_bits,
            mktme_keyids=firmware.mktme_keyids,
            tdx_keyids=firmware.tdx_keyids,
            cmrs=[astuple(cmr) for cmr in platform.memory.cmrs],
            seamrr=astuple(firmware.seamrr_range),
            x2apic_ids=cpus.apic_ids,
            package_ids=cpus.package_ids,
            num_handoff_pages=info.num_handoff_pages,
        ),
        info=info,
        memory=memory,
        conditions=conditions,
        environment=_environment(platform),
    )


def seamcall_exceptions(platform: Platform) -> Callable[[int], Status | None]:
    """The exception that SEAMCALL raises on a logical CPU; None where it gets through.

    Intel SDM, SEAMCALL: #UD where the CPU does not have it or is not in VMX operation, #GP while
    SEAMRR is not enabled. A CPU that is not known here is taken to have it.
    """
    cpus = platform.cpus
    if has_seam(cpus.model.family, cpus.model.model) is False or not cpus.features.vmx:
        return lambda _: Status.UD
    registers = FirmwareRegisters(platform.firmware)
    return lambda cpu: None if registers.seamrr_is_enabled(cpu) else Status.GP


def build_hardware(
    platform: Platform,
    *,
    cpus: CpuSet,
    memory: SparseMemory,
    port: SeamcallPort,
    mm: linux_mm.Mm,
) -> Hardware:
    """What a kernel is booted on, and how it was built and started."""
    faulting = frozenset(f.msr for f in platform.faults if isinstance(f, MsrReadFault) and f.fault)
    return Hardware(
        cpus=cpus,
        msrs=FirmwareRegisters(platform.firmware, faulting=faulting),
        memory=memory,
        port=port,
        mm=mm,
        seamcall_raises=seamcall_exceptions(platform),
        hibernation=platform.kernel.hibernation,
        tdx_host=platform.kernel.tdx_host,
        notifier_errno=next((f.errno for f in platform.faults if isinstance(f, BootFault)), 0),
    )


def seamcall_fault(fault: SeamcallFault) -> Fault:
    """A described fault as the SEAMCALL instruction has it."""
    return Fault(fault.leaf, fault.status, fault.cpu, fault.call, fault.times)


def allocation_fault(fault: AllocationFault) -> linux_mm.AllocationFault:
    """A described fault as Linux mm has it."""
    return linux_mm.AllocationFault(fault.allocation, fault.call, fault.times)


def build_mm(platform: Platform, journal: Journal) -> linux_mm.Mm:
    """memblock and the page allocator of a kernel that was just booted."""
    ranges, firmware = platform.memory.ranges, platform.firmware
    return linux_mm.Mm(
        _int64s(r.start for r in ranges),
        _int64s(r.end for r in ranges),
        _int64s(r.node for r in ranges),
        reserved=tuple((r.start, r.end) for r in platform.memory.reserved),
        kernel_avoid=astuple(firmware.seamrr_range),
        faults=tuple(
            allocation_fault(f) for f in platform.faults if isinstance(f, AllocationFault)
        ),
        journal=journal,
    )


def _environment(platform: Platform) -> Environment:
    environment = Environment(without_integrity=platform.firmware.tdx_without_integrity)
    for seamops in platform.cpus.seamops:
        environment.set_seamops(seamops.cpu, seamops.value)
    for msr in platform.firmware.msrs:
        environment.set_msr(msr.cpu, msr.msr, msr.value)
    for cpuid in platform.cpus.cpuid:
        environment.set_cpuid(cpuid.cpu, cpuid.leaf, cpuid.subleaf, cpuid.register, cpuid.value)
    smrr_is_described = any(
        msr.msr in _SMRR_MSRS and msr.cpu is None for msr in platform.firmware.msrs
    )
    if not environment.is_baseline and not smrr_is_described:
        # Where firmware put its SMRR nobody said: nowhere, rather than in convertible memory.
        environment.set_msr(None, MSRS["IA32_SMRR_PHYSMASK"], _SMRR_LOCKED_NOT_VALID)
    return environment


def _int64s(values: Iterable[int]) -> linux_mm.Int64s:
    return np.fromiter(values, np.int64)
