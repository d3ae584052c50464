# SPDX-License-Identifier: Apache-2.0
"""What Intel's module code answered, call by call: the fake module answers the same."""

from __future__ import annotations

import struct

import pytest

from tdxctl.seam import Registers, TdxModule
from tdxctl.seam.leaves import Leaf
from tests.seam import vectors
from tests.seam.vectors import number


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("1.5.01-states", 428),
        ("1.5.25-states", 479),
        ("1.5.01-platform_faults", 431),
        ("1.5.25-platform_faults", 433),
        ("1.5.25-maxpa", 45),
    ],
)
def test_every_scenario(name: str, cases: int) -> None:
    """Expect each step's status, changed registers and module state."""
    scenarios = vectors.load(name)
    assert len(scenarios) == cases
    differing = {
        case["id"]: found
        for case in scenarios
        if (found := list(vectors.differences(case, name[:6])))
    }
    assert differing == {}


def _initialized(platform: dict[str, object], version: str) -> TdxModule:
    # "SYS.INIT and LP.INIT are done on all LPs"
    module = vectors.module_of(platform, version)
    lps = platform["lps"]
    assert isinstance(lps, int)
    assert module.seamcall(0, Registers(Leaf.TDH_SYS_INIT)).rax == 0
    for lp in range(lps):
        assert module.seamcall(lp, Registers(Leaf.TDH_SYS_LP_INIT)).rax == 0
    return module


@pytest.mark.parametrize(
    ("name", "cases"), [("1.5.01-sys_config", 612), ("1.5.25-sys_config_dpamt", 621)]
)
def test_every_sys_config(name: str, cases: int) -> None:
    """Expect the status with its detail bytes, and what of the state a CONFIG changes."""
    all_cases = vectors.load(name)
    assert len(all_cases) == cases
    differing = []
    for case in all_cases:
        module = _initialized(case["platform"], name[:6])
        call = {register: number(case["call"][register]) for register in ("rcx", "rdx", "r8")}
        step = {**case, "array_pa": case["call"]["rcx"]}
        vectors.write_tdmrs(module, case["platform"]["keyid_bits"], step)
        out = module.seamcall(0, Registers(Leaf.TDH_SYS_CONFIG, **call))
        expect, state = case["expect"], module.state
        found = (out.rax, module.sys_state, len(state.tdmrs), state.global_hkid)
        golden = (
            number(expect["status"]),
            expect["sys_state"],
            expect["num_tdmrs"],
            expect["global_hkid"],
        )
        if found != golden:
            differing.append((case["id"], found, golden))
    assert differing == []


@pytest.mark.parametrize("version", ["1.5.01", "1.5.25"])
def test_every_sys_rd(version: str) -> None:
    """Expect value and next field id of every metadata field and of every odd id."""
    differing = []
    for case in vectors.load(f"{version}-sys_rd"):
        before = case["category"] == "before_lp_init"
        module = (vectors.module_of if before else _initialized)(case["platform"], version)
        call = Registers(Leaf.TDH_SYS_RD, rdx=number(case["rdx"]), r8=number(case["r8"]))
        out = module.seamcall(0, call)
        found = (out.rax, out.rdx, out.r8)
        golden = (number(case["status"]), number(case["rdx_out"]), number(case["r8_out"]))
        if found != golden:
            differing.append((case, tuple(map(hex, found))))
    assert differing == []


@pytest.mark.parametrize(("version", "elements"), [("1.5.01", 354), ("1.5.25", 359)])
def test_the_metadata_walk(version: str, elements: int) -> None:
    """Expect to come past every element, by the ids that SYS.RD itself gives."""
    golden = vectors.load(f"{version}-metadata_walk")
    assert len(golden) == elements
    module = _initialized(vectors.load(f"{version}-sys_rd")[0]["platform"], version)
    field_id, walked = (1 << 64) - 1, []
    field_id = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=field_id)).rdx
    while field_id != (1 << 64) - 1:
        out = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=field_id))
        walked.append((hex(field_id), hex(out.rax), hex(out.r8), hex(out.rdx)))
        field_id = out.rdx
    assert walked == [(g["field"], g["status"], g["value"], g["next"]) for g in golden]


@pytest.mark.parametrize("version", ["1.5.01", "1.5.25"])
def test_every_sys_rdall(version: str) -> None:
    """Expect the metadata list in memory, to the byte."""
    differing = []
    for case in vectors.load(f"{version}-sys_rdall"):
        before = case["category"] == "before_lp_init"
        module = (vectors.module_of if before else _initialized)(case["platform"], version)
        pa = number(case["rdx"])
        call = Registers(Leaf.TDH_SYS_RDALL, rdx=pa, r8=number(case["r8"]))
        out = module.seamcall(0, call)
        page = module.memory.read(pa & ((1 << 46) - 1), 4096).rstrip(b"\0").hex()
        found = (out.rax, out.r8, page)
        golden = (number(case["status"]), number(case["r8_out"]), case["page"])
        if found != golden:
            differing.append((case["category"], found[:2], golden[:2], found[2] == golden[2]))
    assert differing == []


def test_the_metadata_list_is_little_endian_words() -> None:
    """Expect size and number of sequences in the first word: 3128 bytes, 36 of them."""
    case = vectors.load("1.5.01-sys_rdall")[0]
    module = _initialized(case["platform"], "1.5.01")
    module.seamcall(0, Registers(Leaf.TDH_SYS_RDALL, rdx=0x40000, r8=(1 << 64) - 1))
    assert struct.unpack("<HHI", module.memory.read(0x40000, 8)) == (3128, 36, 0)
