# SPDX-License-Identifier: Apache-2.0
"""The MSRs and CPUID rows that the module checks, and the baseline that passes every check.

Data of the published module sources [tdx-module 4.3, tdx-module-releases A], a
file for each release whose table differs from the one before: `like` names the table that it
changes. Its rows of baseline_msr and cpuid take the place of those for the same MSR or leaf, or
stand behind them; a row that is there as it is moves behind. Everything else in it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

from msgspec import Struct

from tdxctl.seam.msrs import CPUID_REGISTERS
from tdxctl.seam.releases import Values, releases

_DATA = os.path.join(os.path.dirname(__file__), "data")
# Tables of which a release changes rows.
_BY_ROW = ("baseline_msr", "cpuid")


def tme_capability(keyid_bits: int, *, plain: bool = False) -> int:
    """IA32_TME_CAPABILITY: AES-XTS, and room for KeyIDs. plain: without integrity."""
    return (1 if plain else 2) | keyid_bits << 32 | 127 << 36


def tme_activate(keyid_bits: int, *, plain: bool = False) -> int:
    """IA32_TME_ACTIVATE: locked and enabled, so many bits of addresses for KeyIDs."""
    return 3 | keyid_bits << 32 | (1 << 48 if plain else 1 << 49)


class CpuidRow(Struct, frozen=True):
    """A row of the CPUID table, in check order; registers as (eax, ebx, ecx, edx).

    subleaf is None where it does not apply. init: what SYS.INIT wants, (mask, value) pairs,
    None for a register that it does not look at. same: masks of what LP.INIT compares.
    """

    leaf: int
    subleaf: int | None
    baseline: Values
    init: tuple[tuple[int, int] | None, ...]
    same: tuple[int | None, ...]


class MsrRule(Struct, frozen=True):
    """(MSR & must_be_1) == must_be_1 and (MSR & must_be_0) == 0, and a bound on a field."""

    msr: int
    must_be_1: int
    must_be_0: int
    status: str | None
    reported_as: int
    pairs: bool
    high: int
    low: int
    minimum: int | None
    maximum: int | None


class CpuidBit(Struct, frozen=True):
    """A bit of a CPUID register; register is an index into CPUID_REGISTERS."""

    leaf: int
    subleaf: int
    register: int
    bit: int


class Tables(Struct, frozen=True):
    """What one module version checks, in its order."""

    baseline_msr: dict[int, int]
    sys_init_msr: tuple[MsrRule, ...]
    sys_init_vmx: tuple[tuple[MsrRule, CpuidBit | None], ...]
    cpuid: tuple[CpuidRow, ...]
    baseline_cpuid: dict[tuple[int, int | None], Values]
    max_extended_leaf: int
    same_before_cpuid: tuple[int, ...]
    same_after_cpuid: tuple[int, ...]
    seamops_capabilities: int
    package_fms: int
    smrr2_not_supported: bool


@cache
def tables(checks: str) -> Tables:
    """The tables of that name, which a release's profile has, from the package's data."""
    data = table(checks)
    rows = tuple(_cpuid_row(row) for row in data["cpuid"])
    return Tables(
        baseline_msr={_hex(row["msr"]): _hex(row["value"]) for row in data["baseline_msr"]},
        sys_init_msr=tuple(_msr_rule(row) for row in data["sys_init_msr"]),
        sys_init_vmx=tuple((_msr_rule(row), _only_if(row)) for row in data["sys_init_vmx"]),
        cpuid=rows,
        baseline_cpuid={(row.leaf, row.subleaf): row.baseline for row in rows},
        max_extended_leaf=_hex(data["max_extended_leaf_baseline"]),
        same_before_cpuid=tuple(map(_hex, data["lp_init_same_msr_before_cpuid"])),
        same_after_cpuid=tuple(map(_hex, data["lp_init_same_msr_after_cpuid"])),
        seamops_capabilities=_hex(data["seamops_capabilities"]),
        package_fms=_hex(data["package_fms"]),
        smrr2_not_supported=bool(data["smrr2_not_supported"]),
    )


def checked_cpuid_leaves() -> dict[int, list[int]]:
    """The CPUID leaves that a module version looks at, each with its sub-leaves; 0 for none."""
    leaves: dict[int, set[int]] = {0x80000000: {0}}
    for checks in {release.profile.checks for release in releases()}:
        for row in tables(checks).cpuid:
            leaves.setdefault(row.leaf, set()).add(row.subleaf or 0)
    return {leaf: sorted(leaves[leaf]) for leaf in sorted(leaves)}


def table(checks: str) -> dict[str, Any]:
    """The table of that name as its file has it, with what it does not change filled in."""
    with open(os.path.join(_DATA, f"platform-{checks}.json"), encoding="utf-8") as file:
        data: dict[str, Any] = json.load(file)
    if "like" not in data:
        return data
    whole = table(data["like"])
    return whole | data | {key: _changed(whole[key], data.get(key, ())) for key in _BY_ROW}


def _changed(rows: list[dict[str, Any]], changes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    table = {_key(row): row for row in rows}
    for row in changes:
        if table.get(_key(row)) == row:
            del table[_key(row)]
        table[_key(row)] = row
    return list(table.values())


def _key(row: dict[str, Any]) -> tuple[str | None, ...]:
    return (row["msr"],) if "msr" in row else (row["leaf"], row["subleaf"])


def _hex(text: str) -> int:
    return int(text, 16)


def _msr_rule(row: dict[str, Any]) -> MsrRule:
    bounds = row.get("field", {})
    high, _, low = bounds.get("bits", "63:0").partition(":")
    return MsrRule(
        msr=_hex(row["msr"]),
        must_be_1=_hex(row["must_be_1"]),
        must_be_0=_hex(row["must_be_0"]),
        status=row.get("status"),
        reported_as=_hex(row.get("reported_as", row["msr"])),
        pairs=row.get("pairs", False),
        high=int(high),
        low=int(low),
        minimum=bounds.get("min"),
        maximum=bounds.get("max"),
    )


def _only_if(row: dict[str, Any]) -> CpuidBit | None:
    # The CPUID bit that the rule depends on.
    if "only_if" not in row:
        return None
    bit = row["only_if"]["cpuid"]
    return CpuidBit(
        _hex(bit["leaf"]), _hex(bit["subleaf"]), CPUID_REGISTERS.index(bit["reg"]), bit["bit"]
    )


def _cpuid_row(row: dict[str, Any]) -> CpuidRow:
    baseline = row["baseline"]
    init, same = row.get("init", {}), row.get("same", {})
    return CpuidRow(
        leaf=_hex(row["leaf"]),
        subleaf=None if row["subleaf"] is None else _hex(row["subleaf"]),
        baseline=(
            _hex(baseline["eax"]),
            _hex(baseline["ebx"]),
            _hex(baseline["ecx"]),
            _hex(baseline["edx"]),
        ),
        init=tuple(
            (_hex(init[reg]["mask"]), _hex(init[reg]["value"])) if reg in init else None
            for reg in CPUID_REGISTERS
        ),
        same=tuple(_hex(same[reg]) if reg in same else None for reg in CPUID_REGISTERS),
    )
