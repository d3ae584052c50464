# SPDX-License-Identifier: Apache-2.0
"""A module release is a row of data: what it reports and what it does are read from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdxctl import Machine, Platform
from tdxctl.seam import releases
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.module import ModuleInfo, ModulePlatform, TdxModule
from tdxctl.seam.port import Registers
from tdxctl.seam.status import Operand, Status, with_operand

INVENTED = {
    "version": "1.6.02",
    "versions": ["1.6.2", "1.6.2"],
    "build_date": 20270101,
    "build_num": 7,
    "features0": "0x40002",
    "num_cpuid_config": 28,
    "profile": {"like": "1.5.25", "module_hv": 3, "dynamic_pamt": False},
}


@pytest.fixture
def invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table with one row more; its version."""
    table = json.loads(Path(releases.PATH).read_text())
    table["releases"].append(INVENTED)
    path = tmp_path / "releases.json"
    path.write_text(json.dumps(table))
    monkeypatch.setattr(releases, "PATH", str(path))
    releases.releases.cache_clear()
    yield "1.6.02"
    releases.releases.cache_clear()


def test_an_invented_release_is_one_row(invented: str) -> None:
    """Expect it to initialise a platform, to report its own build and to do what its row says."""
    platform = Platform.from_dict(
        {
            "cpus": {"madt": [{"apic_id": "0-3"}]},
            "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
            "module": {"version": invented},
        }
    )
    machine = Machine.boot(platform, kernel="v5")
    assert machine.tdx_init().returned == 0
    printed = "tdx: TDX module: vendor_id 0x8086, major_version 1, minor_version 6, build_date "
    assert f"{printed}20270101, build_num 7" in [line.text for line in machine.dmesg]


def test_what_its_row_does_not_name_is_as_the_release_it_is_like(invented: str) -> None:
    """Expect handoff version 3 of its own, no Dynamic PAMT, and 1.5.25's version 1 of SYS.INIT."""
    module = TdxModule(
        ModulePlatform(
            lps=1,
            packages=1,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=[(0x100000, 0x7FF00000)],
            seamrr=(0x3FFE000000, 0x2000000),
        ),
        version=invented,
    )
    no_report = (1 << 52) - 64
    assert module.seamcall(0, Registers(Leaf.TDH_SYS_INIT | 1 << 16, r8=no_report)).rax == 0
    assert module.seamcall(0, Registers(Leaf.TDH_SYS_LP_INIT)).rax == 0
    handoff_version = module.seamcall(0, Registers(Leaf.TDH_SYS_RD, rdx=0x8900000100000000)).r8
    assert handoff_version == 3
    dynamic = Registers(Leaf.TDH_SYS_CONFIG, rcx=0x200000, rdx=1, r8=32 | 1 << 16)
    refused = with_operand(Status.TDX_OPERAND_INVALID, Operand.R8)
    assert module.seamcall(0, dynamic).rax == refused


@pytest.mark.parametrize(
    ("version", "behaves_as"),
    [
        ("1.0", "1.0"),
        ("1.5", "1.5.01"),
        ("1.5.01", "1.5.01"),
        ("1.5.12", "1.5.01"),
        ("1.5.13", "1.5.25"),
        ("1.5.25", "1.5.25"),
        ("1.5.9999", "1.5.25"),
    ],
)
def test_a_version_between_the_rows_behaves_as_the_row_that_speaks_for_it(
    version: str, behaves_as: str
) -> None:
    assert ModuleInfo.of_version(version).version.release == behaves_as


@pytest.mark.parametrize("version", ["0.9", "1.0.1", "1.4.99", "1.6.02", "2.0.08"])
def test_a_version_that_no_row_speaks_for_is_not_modelled(version: str) -> None:
    with pytest.raises(ValueError, match="not modelled"):
        ModuleInfo.of_version(version)
