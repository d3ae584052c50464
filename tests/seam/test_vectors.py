# SPDX-License-Identifier: Apache-2.0
"""What Intel's module code answered, call by call: the fake module answers the same."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tdxctl.seam import Registers, TdxModule, platform_tables, releases
from tdxctl.seam.leaves import Leaf
from tests import golden
from tests.golden import Golden
from tests.seam import vectors
from tests.seam.vectors import number

#: File -> how many vectors, by the test that plays them.
SCENARIOS = {
    "1.5.01-platform_faults": 431,
    "1.5.01-states": 428,
    "1.5.05-platform_faults": 1205,
    "1.5.05-states": 561,
    "1.5.06-maxpa": 45,
    "1.5.06-platform_faults": 1207,
    "1.5.06-states": 561,
    "1.5.08-maxpa": 45,
    "1.5.08-platform_faults": 1206,
    "1.5.08-states": 561,
    "1.5.09-maxpa": 45,
    "1.5.09-platform_faults": 1207,
    "1.5.09-states": 561,
    "1.5.13-maxpa": 45,
    "1.5.13-platform_faults": 1207,
    "1.5.13-states": 569,
    "1.5.16-maxpa": 45,
    "1.5.16-platform_faults": 1206,
    "1.5.16-states": 569,
    "1.5.20-maxpa": 45,
    "1.5.20-platform_faults": 1207,
    "1.5.20-states": 602,
    "1.5.25-maxpa": 45,
    "1.5.25-platform_faults": 433,
    "1.5.25-states": 479,
}
SYS_CONFIG = {
    "1.5.01-sys_config": 612,
    "1.5.05-sys_config": 612,
    "1.5.06-sys_config": 612,
    "1.5.08-sys_config": 612,
    "1.5.09-sys_config": 612,
    "1.5.13-sys_config": 612,
    "1.5.16-sys_config": 612,
    "1.5.16-sys_config_dpamt": 621,
    "1.5.20-sys_config": 612,
    "1.5.20-sys_config_dpamt": 621,
    "1.5.25-sys_config_dpamt": 621,
}
SYS_RD = {
    "1.5.01-sys_rd": 669,
    "1.5.05-sys_rd": 1005,
    "1.5.06-sys_rd": 1024,
    "1.5.08-sys_rd": 1023,
    "1.5.09-sys_rd": 1035,
    "1.5.13-sys_rd": 1018,
    "1.5.16-sys_rd": 1012,
    "1.5.20-sys_rd": 1026,
    "1.5.25-sys_rd": 674,
}
SYS_RDALL = {
    "1.5.01-sys_rdall": 17,
    "1.5.05-sys_rdall": 83,
    "1.5.06-sys_rdall": 84,
    "1.5.08-sys_rdall": 84,
    "1.5.09-sys_rdall": 85,
    "1.5.13-sys_rdall": 85,
    "1.5.16-sys_rdall": 85,
    "1.5.20-sys_rdall": 87,
    "1.5.25-sys_rdall": 17,
}
_FILES = {
    "scenarios": SCENARIOS,
    "sys_config": SYS_CONFIG,
    "sys_rd": SYS_RD,
    "sys_rdall": SYS_RDALL,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument in _FILES.keys() & set(metafunc.fixturenames):
        golden.items(metafunc, argument, map(vectors.results, _FILES[argument]))


def _version(results: Golden) -> str:
    return results.label[:6]


def test_every_scenario(scenarios: Golden) -> None:
    """Expect each step's status, changed registers and module state."""
    version = _version(scenarios)
    played = golden.check(scenarios, lambda case: vectors.differences(case, version))
    assert played == (SCENARIOS[scenarios.label] if scenarios.only is None else 1)


def _initialized(platform: dict[str, object], version: str) -> TdxModule:
    # "SYS.INIT and LP.INIT are done on all LPs" [tdx-module 8]
    module = vectors.module_of(platform, version)
    lps = platform["lps"]
    assert isinstance(lps, int)
    assert module.seamcall(0, Registers(Leaf.TDH_SYS_INIT)).rax == 0
    for lp in range(lps):
        assert module.seamcall(lp, Registers(Leaf.TDH_SYS_LP_INIT)).rax == 0
    return module


def test_every_sys_config(sys_config: Golden) -> None:
    """Expect the status with its detail bytes, and what of the state a CONFIG changes."""

    def play(case: dict[str, Any]) -> Iterator[str]:
        module = _initialized(case["platform"], _version(sys_config))
        call = {register: number(case["call"][register]) for register in ("rcx", "rdx", "r8")}
        step = {**case, "array_pa": case["call"]["rcx"]}
        vectors.write_tdmrs(module, case["platform"]["keyid_bits"], step)
        out = module.seamcall(0, Registers(Leaf.TDH_SYS_CONFIG, **call))
        expect, state = case["expect"], module.state
        found = {
            "status": hex(out.rax),
            "sys_state": module.sys_state,
            "num_tdmrs": len(state.tdmrs),
            "global_hkid": state.global_hkid,
        }
        expected = {key: expect[key] for key in found} | {"status": hex(number(expect["status"]))}
        yield from golden.differences(found, expected)

    played = golden.check(sys_config, play)
    assert played == (SYS_CONFIG[sys_config.label] if sys_config.only is None else 1)


def _read(case: dict[str, Any], version: str) -> TdxModule:
    # The module that a vector of SYS.RD or SYS.RDALL asks.
    before = case["category"] == "before_lp_init"
    return (vectors.module_of if before else _initialized)(case["platform"], version)


def test_every_sys_rd(sys_rd: Golden) -> None:
    """Expect value and next field id of every metadata field and of every odd id."""

    def play(case: dict[str, Any]) -> Iterator[str]:
        call = Registers(Leaf.TDH_SYS_RD, rdx=number(case["rdx"]), r8=number(case["r8"]))
        out = _read(case, _version(sys_rd)).seamcall(0, call)
        found = {"status": hex(out.rax), "rdx_out": hex(out.rdx), "r8_out": hex(out.r8)}
        expected = {key: hex(number(case[key])) for key in found}
        yield from golden.differences(found, expected, f"field {case['rdx']}")

    played = golden.check(sys_rd, play)
    assert played == (SYS_RD[sys_rd.label] if sys_rd.only is None else 1)


@pytest.mark.parametrize(
    ("version", "elements"),
    [
        ("1.5.01", 354),
        ("1.5.05", 355),
        ("1.5.06", 356),
        ("1.5.08", 356),
        ("1.5.09", 357),
        ("1.5.13", 357),
        ("1.5.16", 357),
        ("1.5.20", 359),
        ("1.5.25", 359),
    ],
)
def test_the_metadata_walk(version: str, elements: int) -> None:
    """Expect to come past every element, by the ids that SYS.RD itself gives."""
    elements_of_it = vectors.load(f"{version}-metadata_walk")
    assert len(elements_of_it) == elements
    module = _initialized(vectors.load(f"{version}-sys_rd")[0]["platform"], version)
    field_id, walked = (1 << 64) - 1, []
    field_id = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=field_id)).rdx
    while field_id != (1 << 64) - 1:
        out = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=field_id))
        walked.append((hex(field_id), hex(out.rax), hex(out.r8), hex(out.rdx)))
        field_id = out.rdx
    assert walked == [(g["field"], g["status"], g["value"], g["next"]) for g in elements_of_it]


def _words(page: str) -> list[str]:
    # Of 8 bytes, the last one as long as what is left.
    return [page[i : i + 16] for i in range(0, len(page), 16)]


def test_every_sys_rdall(sys_rdall: Golden) -> None:
    """Expect the metadata list in memory, to the byte."""

    def play(case: dict[str, Any]) -> Iterator[str]:
        module = _read(case, _version(sys_rdall))
        pa = number(case["rdx"])
        call = Registers(Leaf.TDH_SYS_RDALL, rdx=pa, r8=number(case["r8"]))
        out = module.seamcall(0, call)
        page = module.memory.read(pa & ((1 << 46) - 1), 4096).rstrip(b"\0").hex()
        yield from golden.differences(hex(out.rax), hex(number(case["status"])), "status")
        yield from golden.differences(hex(out.r8), hex(number(case["r8_out"])), "r8_out")
        yield from golden.differences(_words(page), _words(case["page"]), "page")

    played = golden.check(sys_rdall, play)
    assert played == (SYS_RDALL[sys_rdall.label] if sys_rdall.only is None else 1)


def test_the_metadata_list_is_little_endian_words() -> None:
    """Expect size and number of sequences in the first word: 3128 bytes, 36 of them."""
    case = vectors.load("1.5.01-sys_rdall")[0]
    module = _initialized(case["platform"], "1.5.01")
    module.seamcall(0, Registers(Leaf.TDH_SYS_RDALL, rdx=0x40000, r8=(1 << 64) - 1))
    assert struct.unpack("<HHI", module.memory.read(0x40000, 8)) == (3128, 36, 0)


@pytest.mark.parametrize("version", vectors.platforms())
def test_what_is_checked_in_which_order(version: str) -> None:
    """Expect every mask, value and bound of the release's own tables, row by row."""
    golden_table = vectors.platform_table(version)
    found = platform_tables.table(releases.release(version).profile.checks)
    del golden_table["platform"]  # the one that the vectors were played on
    for key in ("version", "like"):
        golden_table.pop(key, None)
        found.pop(key, None)
    for row in golden_table["baseline_msr"]:
        row.pop("derived", None)  # said in words
    assert found == golden_table
