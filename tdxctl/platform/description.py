# SPDX-License-Identifier: Apache-2.0
"""The frozen platform description, every default and `auto` resolved.

Plain dataclasses of ints, strings and tuples; needs nothing that reads text. Addresses and
sizes are bytes, ranges half-open. to_dict() is a description again: Platform.from_dict of
it gives an equal Platform.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

SCHEMA = "tdxctl.platform/1"

#: What a description may have at most: CPUs, memory ranges, CMRs, and the largest numbers of a node
#: and of a package.
MAX_CPUS, MAX_RANGES, MAX_CMRS = 8192, 4096, 32
MAX_NODE, MAX_PACKAGE = 1023, 31


class Seamrr(StrEnum):
    """How firmware left the SEAM range registers."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    ABSENT = "absent"


class Checks(StrEnum):
    """How the module checks: strict, as Intel's does, or lax.

    lax: SYS.INIT accepts any firmware and SYS.CONFIG any TDMR, to reach host code that a
    strict module never reaches.
    """

    STRICT = "strict"
    LAX = "lax"


class CpuFeatures(Struct, frozen=True):
    """CPU features the bring-up looks at."""

    mtrr: bool = True
    vmx: bool = True
    xsave: bool = True
    movdir64b: bool = True
    self_snoop: bool = True
    no_seamret_invd_vmcs: bool = True


class MadtEntry(Struct, frozen=True):
    """A local APIC structure of the MADT."""

    apic_id: int
    package: int
    enabled: bool


class CpuidValue(Struct, frozen=True):
    """What CPUID reports in a register; a cpu of None is every logical CPU."""

    leaf: int
    subleaf: int
    register: str
    value: int
    cpu: int | None = None


class SeamopsValue(Struct, frozen=True):
    """The SEAMOPS capabilities; a cpu of None is every logical CPU."""

    value: int
    cpu: int | None = None


class MsrValue(Struct, frozen=True):
    """What an MSR holds; a cpu of None is every logical CPU."""

    msr: int
    value: int
    cpu: int | None = None


class Cpus(Struct, frozen=True):
    """madt in table order; online holds logical CPUs, ascending.

    cpuid, seamops: values that differ from those of the baseline CPU, which passes every check.
    """

    family: int
    model: int
    features: CpuFeatures
    madt: tuple[MadtEntry, ...]
    online: tuple[int, ...]
    disabled_cpus: int
    cpuid: tuple[CpuidValue, ...] = ()
    seamops: tuple[SeamopsValue, ...] = ()


class MemoryRange(Struct, frozen=True):
    """A memblock.memory region [start, end) in bytes, as described: not yet cut to pages."""

    start: int
    end: int
    node: int


class Memory(Struct, frozen=True):
    """reserved: [start, end) pairs. cmrs: (base, size) pairs, order and empty entries kept."""

    ranges: tuple[MemoryRange, ...]
    reserved: tuple[tuple[int, int], ...]
    cmrs: tuple[tuple[int, int], ...]


class Firmware(Struct, frozen=True):
    """The TDX-relevant part of what firmware set up.

    msrs: values that differ from those of the baseline, which passes every check.
    tdx_without_integrity: TME encrypts TDs without integrity (TDX_WITHOUT_INTEGRITY).
    """

    seamrr: Seamrr
    mktme_keyids: int
    tdx_keyids: int
    keyid_bits: int
    seamrr_base: int
    seamrr_size: int
    msrs: tuple[MsrValue, ...] = ()
    tdx_without_integrity: bool = False


class Module(Struct, frozen=True):
    """The TDX module image; pamt_entry_size is bytes for (4K, 2M, 1G) pages."""

    loaded: bool
    version: str
    build_date: int
    build_num: int
    vendor_id: int
    features: int
    num_cpuid_config: int
    max_tdmrs: int
    max_reserved_per_tdmr: int
    pamt_entry_size: tuple[int, int, int]
    pamt_page_bitmap_entry_bits: int
    sysinfo_cmr_entries: int
    checks: Checks


class KernelConfig(Struct, frozen=True):
    """How the booted kernel was built and started."""

    hibernation: bool = False


class SeamcallFault(Struct, frozen=True):
    """Calls call .. call+times-1 of leaf (on cpu, if one is named) return status."""

    leaf: int
    status: int
    cpu: int | None = None
    call: int = 1
    times: int = 1


class AllocationFault(Struct, frozen=True):
    """Allocations call .. call+times-1 fail; what is `pamt` or `kernel`."""

    allocation: str
    call: int = 1
    times: int = 1


class BootFault(Struct, frozen=True):
    """A boot-time registration (memory_notifier) fails with errno, a positive number."""

    boot: str
    errno: int


class MsrReadFault(Struct, frozen=True):
    """RDMSR of msr raises #GP."""

    msr: int


class PconfigFault(Struct, frozen=True):
    """The module's PCONFIGs call .. call+times-1 complete with code."""

    code: int
    call: int = 1
    times: int = 1


class RdrandFault(Struct, frozen=True):
    """RDRANDs call .. call+times-1 of the module and of P-SEAMLDR have no entropy."""

    call: int = 1
    times: int = 1


class GlobalLock(Struct, frozen=True):
    """Another CPU holds the module's global lock: mode is exclusive or shared."""

    mode: str


class TdmrLock(Struct, frozen=True):
    """Another CPU holds the lock of the TDMR with that index."""

    tdmr: int


class BusyCpu(Struct, frozen=True):
    """A CPU that is inside the module."""

    cpu: int


class HaltedModule(Struct, frozen=True):
    """The module shut itself down on a fatal error."""


ModuleFault = PconfigFault | RdrandFault | GlobalLock | TdmrLock | BusyCpu | HaltedModule
#: What can be scripted on a running machine.
RuntimeFault = SeamcallFault | AllocationFault | ModuleFault
Fault = RuntimeFault | BootFault | MsrReadFault


class Platform(Struct, frozen=True):
    """A described machine."""

    name: str
    description: str
    cpus: Cpus
    memory: Memory
    firmware: Firmware
    module: Module
    kernel: KernelConfig
    faults: tuple[Fault, ...]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Platform:
        """The description in a YAML or JSON file.

        Raises DescriptionError with every problem found, UsageError where there is no such
        file.
        """
        from tdxctl.platform import load

        return load.load_file(os.fspath(path))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Platform:
        """The description in a dict of the same keys. Raises DescriptionError."""
        from tdxctl.platform import load

        return load.from_dict(data)

    @classmethod
    def from_canonical(cls, data: dict[str, Any]) -> Platform:
        """The Platform of a to_dict(), without any check: for what tdxctl itself wrote.

        What an earlier tdxctl did not know yet has its default.
        """
        cpus, memory, module = data["cpus"], data["memory"], data["module"]
        firmware = data["firmware"]
        online = cpus["online"]
        return cls(
            name=data["name"],
            description=data["description"],
            cpus=Cpus(
                family=cpus["model"]["family"],
                model=cpus["model"]["model"],
                features=CpuFeatures(**cpus["features"]),
                madt=tuple(MadtEntry(**entry) for entry in cpus["madt"]),
                online=tuple(int(cpu) for cpu in online.split(",")),
                disabled_cpus=cpus["disabled_cpus"],
                cpuid=tuple(
                    CpuidValue(**{**entry, "value": int(entry["value"], 16)})
                    for entry in cpus.get("cpuid", ())
                ),
                seamops=tuple(
                    SeamopsValue(**{**entry, "value": int(entry["value"], 16)})
                    for entry in cpus.get("seamops", ())
                ),
            ),
            memory=Memory(
                ranges=tuple(MemoryRange(**entry) for entry in memory["ranges"]),
                reserved=tuple((entry["start"], entry["end"]) for entry in memory["reserved"]),
                cmrs=tuple((entry["base"], entry["size"]) for entry in memory["cmrs"]),
            ),
            firmware=Firmware(
                seamrr=Seamrr(firmware["seamrr"]),
                mktme_keyids=firmware["mktme_keyids"],
                tdx_keyids=firmware["tdx_keyids"],
                keyid_bits=firmware["keyid_bits"],
                seamrr_base=firmware["seamrr_range"]["base"],
                seamrr_size=firmware["seamrr_range"]["size"],
                msrs=tuple(
                    MsrValue(**{**entry, "value": int(entry["value"], 16)})
                    for entry in firmware.get("msrs", ())
                ),
                tdx_without_integrity=firmware.get("tdx_without_integrity", False),
            ),
            module=Module(
                **{
                    **module,
                    "pamt_entry_size": tuple(
                        module["pamt_entry_size"][level] for level in ("4k", "2m", "1g")
                    ),
                    "checks": Checks(module["checks"]),
                }
            ),
            kernel=KernelConfig(**data["kernel"]),
            faults=tuple(fault_from_dict(fault) for fault in data["faults"]),
        )

    def to_dict(self) -> dict[str, object]:
        """The canonical description: every key present, nothing `auto`, JSON types only."""
        cpus, memory, firmware, module = self.cpus, self.memory, self.firmware, self.module
        features = cpus.features
        return {
            "schema": SCHEMA,
            "name": self.name,
            "description": self.description,
            "cpus": {
                "model": {"family": cpus.family, "model": cpus.model},
                "features": {
                    "mtrr": features.mtrr,
                    "vmx": features.vmx,
                    "xsave": features.xsave,
                    "movdir64b": features.movdir64b,
                    "self_snoop": features.self_snoop,
                    "no_seamret_invd_vmcs": features.no_seamret_invd_vmcs,
                },
                "madt": [
                    {"apic_id": e.apic_id, "package": e.package, "enabled": e.enabled}
                    for e in cpus.madt
                ],
                "online": ",".join(map(str, cpus.online)),
                "disabled_cpus": cpus.disabled_cpus,
                "cpuid": [
                    {
                        "leaf": entry.leaf,
                        "subleaf": entry.subleaf,
                        "register": entry.register,
                        "value": hex(entry.value),
                    }
                    | _of_cpu(entry.cpu)
                    for entry in cpus.cpuid
                ],
                "seamops": [
                    {"value": hex(entry.value)} | _of_cpu(entry.cpu) for entry in cpus.seamops
                ],
            },
            "memory": {
                "ranges": [{"start": r.start, "end": r.end, "node": r.node} for r in memory.ranges],
                "reserved": [{"start": start, "end": end} for start, end in memory.reserved],
                "cmrs": [{"base": base, "size": size} for base, size in memory.cmrs],
            },
            "firmware": {
                "seamrr": firmware.seamrr.value,
                "mktme_keyids": firmware.mktme_keyids,
                "tdx_keyids": firmware.tdx_keyids,
                "keyid_bits": firmware.keyid_bits,
                "seamrr_range": {"base": firmware.seamrr_base, "size": firmware.seamrr_size},
                "msrs": [
                    {"msr": entry.msr, "value": hex(entry.value)} | _of_cpu(entry.cpu)
                    for entry in firmware.msrs
                ],
                "tdx_without_integrity": firmware.tdx_without_integrity,
            },
            "module": {
                "loaded": module.loaded,
                "version": module.version,
                "build_date": module.build_date,
                "build_num": module.build_num,
                "vendor_id": module.vendor_id,
                "features": module.features,
                "num_cpuid_config": module.num_cpuid_config,
                "max_tdmrs": module.max_tdmrs,
                "max_reserved_per_tdmr": module.max_reserved_per_tdmr,
                "pamt_entry_size": dict(
                    zip(("4k", "2m", "1g"), module.pamt_entry_size, strict=True)
                ),
                "pamt_page_bitmap_entry_bits": module.pamt_page_bitmap_entry_bits,
                "sysinfo_cmr_entries": module.sysinfo_cmr_entries,
                "checks": module.checks.value,
            },
            "kernel": {"hibernation": self.kernel.hibernation},
            "faults": [fault_to_dict(fault) for fault in self.faults],
        }


def _of_cpu(cpu: int | None) -> dict[str, object]:
    return {} if cpu is None else {"cpu": cpu}


def fault_to_dict(fault: Fault) -> dict[str, object]:
    """A fault as the canonical description has it."""
    match fault:
        case SeamcallFault():
            entry: dict[str, object] = {"leaf": fault.leaf, "status": hex(fault.status)}
            entry |= _of_cpu(fault.cpu)
            return entry | {"call": fault.call, "times": fault.times}
        case AllocationFault():
            return {"allocation": fault.allocation, "call": fault.call, "times": fault.times}
        case BootFault():
            return {"boot": fault.boot, "errno": fault.errno}
        case MsrReadFault():
            return {"msr": fault.msr, "fault": True}
        case PconfigFault():
            return {"pconfig": fault.code, "call": fault.call, "times": fault.times}
        case RdrandFault():
            return {"rdrand": "no_entropy", "call": fault.call, "times": fault.times}
        case GlobalLock():
            return {"global_lock": fault.mode}
        case TdmrLock():
            return {"tdmr_lock": fault.tdmr}
        case BusyCpu():
            return {"busy_cpu": fault.cpu}
        case HaltedModule():
            return {"module": "halted"}


def fault_from_dict(data: dict[str, Any]) -> Fault:
    """The fault of a fault_to_dict()."""
    match data:
        case {"leaf": _, "status": status}:
            return SeamcallFault(**{**data, "status": int(status, 16)})
        case {"allocation": _}:
            return AllocationFault(**data)
        case {"boot": _}:
            return BootFault(**data)
        case {"pconfig": code, "call": call, "times": times}:
            return PconfigFault(code, call, times)
        case {"rdrand": _, "call": call, "times": times}:
            return RdrandFault(call, times)
        case {"global_lock": mode}:
            return GlobalLock(mode)
        case {"tdmr_lock": tdmr}:
            return TdmrLock(tdmr)
        case {"busy_cpu": cpu}:
            return BusyCpu(cpu)
        case {"module": _}:
            return HaltedModule()
        case _:
            return MsrReadFault(data["msr"])
