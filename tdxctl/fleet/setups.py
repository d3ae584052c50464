# SPDX-License-Identifier: Apache-2.0
"""Everything of a host but its memory, and what a kernel makes of it, asked once.

How a bring-up ends hangs on two things. One is how the layout of memory ends, which `layout.batch`
says for many hosts at once. The other is all the rest: CPUs, firmware, module, KVM, which a fleet
has few of. So a machine is booted for each of those, with a memory that makes the layout end
in each way that comes up: what it says then, every host says whose layout ends so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple, replace

from tdxctl.causes import (
    Cause,
    NoMemory,
    NotConvertible,
    OutsideCmrs,
    PamtAllocation,
    ReservedAreasExhausted,
    TdmrsExhausted,
)
from tdxctl.errors import DescriptionError
from tdxctl.fleet.outcomes import Outcome, of_machine
from tdxctl.layout.batch import Ends
from tdxctl.linux.releases import KernelId
from tdxctl.platform.description import (
    BaseSize,
    Cpus,
    MadtEntry,
    Memory,
    MemoryRange,
    Platform,
)
from tdxctl.seam.features import FEATURES0
from tdxctl.units import SZ_1G, SZ_1M, SZ_4G, SZ_4K

Cells = Mapping[str, Any]

_DYNAMIC_PAMT = 1 << FEATURES0["DYNAMIC_PAMT"]
_MAX_CMRS_TOLD = 32
_PA_BITS = 52


class End(IntEnum):
    """How the layout of a host ends: `layout.batch.Ends`, and memory that no CMR holds."""

    DONE = Ends.DONE
    NO_MEMORY = Ends.NO_MEMORY
    TDMRS = Ends.TDMRS
    PAMT = Ends.PAMT
    RESERVED = Ends.RESERVED
    OUTSIDE = 5


class WrongRowError(Exception):
    """A row is wrong: in which column, and what."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(f"{column}: {what}")
        self.column = column
        self.what = what


class Setup(Struct, frozen=True):
    """All of a host but its memory.

    given: the description without memory, as it was written. platform: the same as a machine has
    it, on a memory that it is well with and with no more CPUs than tell. alone: why only a machine
    of its own can say what becomes of such a host; None where a layout and this can.
    """

    given: dict[str, Any]
    platform: Platform
    alone: str | None

    @property
    def dynamic(self) -> bool:
        """Whether the module says it has Dynamic PAMT."""
        return bool(self.platform.module.features & _DYNAMIC_PAMT)

    @property
    def highest(self) -> int:
        """Where addresses begin that have bits of a KeyID."""
        return 1 << (_PA_BITS - self.platform.firmware.keyid_bits)

    def with_memory(self, memory: dict[str, Any]) -> Platform:
        """The host with that memory, as a description has it. Raises WrongRowError."""
        return _read(self.given | {"memory": memory})


def setup_of(cells: Cells) -> Setup:
    """The setup of a row; cells: its columns but for memory. Raises WrongRowError."""
    given = _description(cells)
    platform = _read(given | {"memory": _WELL})
    return Setup(given, _with_few_cpus(platform), _why_alone(platform))


def _description(cells: Cells) -> dict[str, Any]:
    # What a person would have written of it.
    given: dict[str, Any] = {"name": "host", "cpus": _cpus(cells["cpus"])}
    for column, (record, key) in _KEYS.items():
        if cells[column] is not None:
            given.setdefault(record, {})[key] = cells[column]
    if cells["settings"] is None:
        return given
    try:
        settings = json.loads(cells["settings"])
    except ValueError:
        raise WrongRowError("settings", "is not JSON") from None
    if not isinstance(settings, dict):
        raise WrongRowError("settings", "is not a JSON object")
    for key in ("memory", "name"):
        if key in settings:
            raise WrongRowError("settings", f"has '{key}', which has columns of its own")
    return _merged(given, settings)


#: Column -> record and key of a description.
_KEYS = {
    "cpu_model": ("cpus", "model"),
    "mktme_keyids": ("firmware", "mktme_keyids"),
    "tdx_keyids": ("firmware", "tdx_keyids"),
    "seamrr": ("firmware", "seamrr"),
    "module": ("module", "version"),
    "build_date": ("module", "build_date"),
    "build_num": ("module", "build_num"),
    "kvm": ("kvm", "tdx"),
}
_COLUMN_OF = {f"{record}.{key}": column for column, (record, key) in _KEYS.items()}


def _cpus(entries: list[dict[str, int]] | None) -> dict[str, Any]:
    # APIC ids one behind the other: nothing that a row can say hangs on them.
    if entries is None:
        entries = [{"package": 0, "cpus": 1, "online": 1, "not_enabled": 0}]
    madt, online = [], []
    apic_id = cpu = 0
    for entry in entries:
        for count, enabled in ((entry["cpus"], True), (entry["not_enabled"], False)):
            if count:
                ids = f"{apic_id}-{apic_id + count - 1}"
                madt.append({"apic_id": ids, "package": entry["package"], "enabled": enabled})
                apic_id += count
        if entry["online"]:
            online.append(f"{cpu}-{cpu + entry['online'] - 1}")
        cpu += entry["cpus"]
    return {"madt": madt, "online": ",".join(online)}


def _merged(given: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    merged = dict(given)
    for key, value in settings.items():
        before = merged.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        merged[key] = _merged(before, value) if both and isinstance(before, dict) else value
    return merged


def _read(description: dict[str, Any]) -> Platform:
    try:
        return Platform.from_dict(description)
    except DescriptionError as error:
        problem = error.problems[0]
        path = problem.path or "settings"
        column = _COLUMN_OF.get(path) or _column_of(path)
        what = problem.summary if path in _COLUMN_OF else f"{path} {problem.summary}"
        detail = f" ({problem.detail})" if problem.detail else ""
        raise WrongRowError(column, what + detail) from None


def _column_of(path: str) -> str:
    # The column that a key of a description is written in, where it is not alone there.
    for start, column in (
        ("memory.ranges", "memory"),
        ("memory.reserved", "reserved"),
        ("memory.cmrs", "cmrs"),
    ):
        if path.startswith(start):
            return column
    return "settings"


def _why_alone(platform: Platform) -> str | None:
    module, cpus = platform.module, platform.cpus
    if platform.faults:
        return "faults"
    if cpus.cpuid or cpus.seamops or platform.firmware.msrs:
        return "values of CPUID or MSRs"
    sizes = astuple(module.pamt_entry_size)
    no_size = 0 in (*sizes, module.pamt_page_bitmap_entry_bits, module.max_reserved_per_tdmr)
    if no_size or module.sysinfo_cmr_entries < _MAX_CMRS_TOLD:
        return "limits that no module has"
    return None


def has_entries_of_one_size(platform: Platform) -> bool:
    """Whether PAMT entries are of one size, which v5 takes them to be."""
    return len(set(astuple(platform.module.pamt_entry_size))) == 1


def _with_few_cpus(platform: Platform) -> Platform:
    # Of each run of CPUs one that is online and one that is not, where there are such: how many
    # there are beside them is in no column of a verdict, but for KVM's limit.
    cpus, module = platform.cpus, platform.module
    enabled = [entry for entry in cpus.madt if entry.enabled]
    if platform.faults or cpus.cpuid or cpus.seamops or platform.firmware.msrs:
        return platform
    up = set(cpus.online)
    kept = {(entry.package, cpu in up): cpu for cpu, entry in reversed(list(enumerate(enabled)))}
    chosen = sorted(kept.values())
    off = [entry for entry in cpus.madt if not entry.enabled][:1]
    madt = tuple(MadtEntry(i, enabled[cpu].package) for i, cpu in enumerate(chosen))
    few = Cpus(
        model=cpus.model,
        features=cpus.features,
        madt=(*madt, *(MadtEntry(len(madt), entry.package, enabled=False) for entry in off)),
        online=tuple(i for i, cpu in enumerate(chosen) if cpu in up),
        disabled_cpus=min(cpus.disabled_cpus, 1),
    )
    limit = module.max_vcpus_per_td
    if limit is not None and limit < len(enabled):
        module = replace(module, max_vcpus_per_td=0)
    return replace(platform, cpus=few, module=module)


#: A memory that every bring-up is well with, as a description has it.
_WELL = {"ranges": [{"start": SZ_4G, "end": SZ_4G + 2 * SZ_1G}], "cmrs": "auto"}

_BASE = SZ_4G
#: The causes that a bring-up ends with then.
_CAUSES: dict[End, tuple[type[Cause], ...]] = {
    End.NO_MEMORY: (NoMemory,),
    End.TDMRS: (TdmrsExhausted,),
    End.PAMT: (PamtAllocation,),
    End.RESERVED: (ReservedAreasExhausted,),
    End.OUTSIDE: (NotConvertible, OutsideCmrs),
}
_OF_MEMORY = frozenset(each.id for causes in _CAUSES.values() for each in causes)


def _memory(*ranges: tuple[int, int], cmrs: tuple[tuple[int, int], ...] = ()) -> Memory:
    return Memory(
        ranges=tuple(MemoryRange(start, end, 0) for start, end in ranges),
        cmrs=tuple(BaseSize(start, end - start) for start, end in cmrs or ranges),
    )


_WHOLE = (_BASE, _BASE + 2 * SZ_1G)
#: Memory, and the module's limits, with which the layout ends so.
_EXAMPLES: dict[End, tuple[Memory, dict[str, int]]] = {
    End.DONE: (_memory(_WHOLE), {}),
    End.NO_MEMORY: (_memory(cmrs=(_WHOLE,)), {}),
    End.TDMRS: (
        _memory((_BASE, _BASE + SZ_1G), (_BASE + 2 * SZ_1G, _BASE + 3 * SZ_1G)),
        {"max_tdmrs": 1},
    ),
    End.PAMT: (_memory((_BASE, _BASE + SZ_4K)), {}),
    End.RESERVED: (_memory((_BASE + SZ_1M, _BASE + 2 * SZ_1G)), {"max_reserved_per_tdmr": 1}),
    End.OUTSIDE: (_memory(_WHOLE, cmrs=((_BASE, _BASE + SZ_1G),)), {}),
}


class References:
    """What machines said of setups, by how the layout ends; kept for as long as this is.

    machines: how many were booted. alone: how many of them for one host and kernel.
    """

    def __init__(self) -> None:
        self.machines = 0
        self.alone = 0
        self._setups: dict[str, Setup | WrongRowError] = {}
        self._known: dict[tuple[Platform, KernelId, End], Outcome | None] = {}

    def setup(self, cells: Cells) -> Setup | WrongRowError:
        """setup_of(), or why there is none."""
        key = json.dumps(cells)
        if key not in self._setups:
            try:
                self._setups[key] = setup_of(cells)
            except WrongRowError as error:
                self._setups[key] = error
        return self._setups[key]

    def of_host(self, platform: Platform, kernel: KernelId) -> Outcome:
        """What becomes of one host, which its setup does not tell."""
        self.machines += 1
        self.alone += 1
        return of_machine(platform, kernel)

    def of(self, setup: Setup, kernel: KernelId, end: End) -> Outcome | None:
        """What becomes of hosts of that setup, whose numbers are not its own.

        An outcome without numbers: it never came to the layout, however that ends. None: no
        machine could be made whose layout ends so, and each host has to be asked itself.
        """
        key = (setup.platform, kernel, end)
        if key not in self._known:
            self._known[key] = self._ask(setup.platform, kernel, end)
        return self._known[key]

    def _ask(self, platform: Platform, kernel: KernelId, end: End) -> Outcome | None:
        memory, limits = _EXAMPLES[end]
        module = replace(platform.module, **limits)
        self.machines += 1
        outcome = of_machine(replace(platform, memory=memory, module=module), kernel)
        cause = outcome.words.cause
        if end is End.DONE:
            return None if cause in _OF_MEMORY else outcome
        return outcome if cause in {each.id for each in _CAUSES[end]} else None
