# SPDX-License-Identifier: Apache-2.0
"""A module release is a row of data: what it reports and what it does are read from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdxctl import Machine, Platform
from tdxctl.seam import releases, sys_rd
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.module import ModuleInfo, ModulePlatform, TdxModule
from tdxctl.seam.port import Registers
from tdxctl.seam.releases import ModuleVersion

INVENTED = {
    "version": "1.6.02",
    "builds": [[20270101, 7]],
    "features0": "0x40002",
    "cpus": None,
    "svn": "1.20",
    "min_update_from": None,
    "handoff_pages": None,
    "evidence": "not validated",
    "source": "nowhere",
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
    module.seamcall(0, Registers(Leaf.TDH_SYS_CONFIG, rcx=0x200000, rdx=1, r8=32 | 1 << 16))
    assert not module.state.dynamic_pamt


# version, features0, fields and elements of the walk, CPUID_CONFIG entries, handoff version and
# bytes, Dynamic PAMT
FACTS = [
    ("1.0", 0x0, 65, 354, 12, 0, 53386, False),
    ("1.5.01", 0xF0FBF, 65, 354, 12, 0, 53386, False),
    ("1.5.05", 0x1F0FBF, 66, 355, 18, 0, 53386, False),
    ("1.5.06", 0x2E1F0FBF, 67, 356, 18, 0, 53386, False),
    ("1.5.08", 0x22E1F0FBF, 67, 356, 18, 0, 53386, False),
    ("1.5.09", 0x26F1F0FBF, 68, 357, 28, 0, 53386, False),
    ("1.5.13", 0x226F1F0FBF, 68, 357, 28, 0, 53386, False),
    ("1.5.16", 0x226F3F0FBF, 68, 357, 28, 0, 53386, False),
    ("1.5.20", 0x10326F3F0FBF, 70, 359, 28, 0, 53387, True),
    ("1.5.24", 0xD1326F3F0FBF, 70, 359, 28, 1, 53391, True),
    ("1.5.25", 0xD1326F3F0FBF, 70, 359, 28, 1, 53391, True),
    ("1.5.28", 0x18D1326F3F0FBF, 70, 359, 28, 1, 53391, True),
    ("1.5.34", 0x5AD9326F3F0FBF, 73, 362, 28, 2, 53401, True),
    ("2.0.02", 0x22E1F0FBF, 69, 358, 18, 0, 53386, False),
    ("2.0.04", 0x12AF1F0FBF, 72, 361, 28, 0, 53387, True),
    ("2.0.05", 0x226F3F0FBF, 70, 359, 28, 0, 53386, False),
    ("2.0.08", 0x32A71F0FBF, 72, 361, 28, 0, 53387, True),
    ("2.0.12", 0x10326F3F0FBF, 72, 361, 28, 0, 53387, True),
    ("2.0.14", 0xD1326F3F0FBF, 72, 361, 28, 1, 53391, True),
    ("2.0.16", 0x18D1326F3F0FBF, 72, 361, 28, 1, 53391, True),
    ("2.0.18", 0x5AD9326F3F0FBF, 75, 364, 28, 2, 53391, True),
]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts[0])
def test_what_a_release_reports(facts: tuple[str, int, int, int, int, int, int, bool]) -> None:
    """Expect the facts of the releases that are published, release by release."""
    found = releases.release(facts[0])
    rows = sys_rd.fields_of(found.profile.fields)
    assert facts[1:] == (
        found.features0,
        len(rows),
        sum(row.count for row in rows),
        found.num_cpuid_config,
        found.profile.module_hv,
        found.profile.handoff_bytes,
        found.profile.dynamic_pamt,
    )


@pytest.mark.parametrize(
    ("version", "build_date", "number"),
    [
        ("1.5.13", 20250207, 0),  # what it reports that was run from its source
        ("1.5.13", 20250210, 864),
        ("1.5.08", 20240725, 784),
        ("1.5.16", 20250219, 0),  # not known
        ("1.5.24", 20250101, 0),
    ],
)
def test_a_release_has_the_number_of_its_build(version: str, build_date: int, number: int) -> None:
    assert releases.release(version).build_num_of(build_date) == number


@pytest.mark.parametrize(
    ("build_date", "build_num", "version"),
    [
        (20231008, 595, "1.5.01"),
        (20240725, 784, "1.5.08"),
        (20240912, 813, "1.5.09"),
        (20250207, 864, "1.5.13"),
        (20250210, 864, "1.5.13"),
        (20250219, 900, "1.5.16"),  # whose number is not known: any
        (20250902, 954, "1.5.25"),
        (20260330, 1024, "1.5.34"),
        (0x0134FED5, 882, "2.0.08"),
        (20240814, None, "2.0.02"),
        (20211209, 160, "1.0"),
        (20240725, 785, None),
        (20260101, 481, None),  # a sample, which no signed release has
        (0, 0, None),
    ],
)
def test_a_build_names_its_release(
    build_date: int, build_num: int | None, version: str | None
) -> None:
    found = releases.by_build(build_date, build_num)
    assert (found and found.version) == version


@pytest.mark.parametrize(
    ("version", "build", "release", "evidence"),
    [
        ("1.0", (), "1.0", "seen in logs"),
        ("1.5.01", (), "1.5.01", "measured"),
        ("1.5.5", (), "1.5.05", "measured"),
        ("1.5.28", (), "1.5.28", "read, not run"),
        ("2.0.08", (), "2.0.08", "not validated"),
        ("1.5", (20240725, 784), "1.5.08", "measured"),
        ("1.5", (20251126, 989), "1.5.28", "read, not run"),
        ("2.0", (20250325, 882), "2.0.08", "not validated"),
        # No build, one that is not known, and one of another line: the newest that was measured.
        ("1.5", (), "1.5.25", "assumed"),
        ("1.5", (20240725, 785), "1.5.25", "assumed"),
        ("1.5", (20250325, 882), "1.5.25", "assumed"),
        # Of 2.0 none was: the newest.
        ("2.0", (), "2.0.18", "assumed"),
        # The build of a sample stands for no signed release.
        ("1.5", (20230323, 481), "1.5.01", "assumed"),
        ("1.5", (20260101, 481), "1.5.25", "assumed"),
    ],
)
def test_which_release_a_version_is(
    version: str, build: tuple[int, ...], release: str, evidence: str
) -> None:
    found = ModuleVersion.parse(version, *build)
    assert (found.release, found.evidence) == (release, evidence)


@pytest.mark.parametrize(
    ("version", "nearest"),
    [
        ("0.9", "1.0"),
        ("1.0.1", "1.0 and 1.5.01"),
        ("1.5.00", "1.0 and 1.5.01"),
        ("1.5.10", "1.5.09 and 1.5.13"),
        ("1.5.26", "1.5.25 and 1.5.28"),
        ("2.0.1234", "2.0.18"),
        ("2.0.03", "2.0.02 and 2.0.04"),
        ("3.1", "2.0.18"),
    ],
)
def test_a_version_that_is_no_release_is_not_modelled(version: str, nearest: str) -> None:
    """Expect the releases before and after it to be named."""
    with pytest.raises(ValueError, match="not modelled"):
        ModuleInfo.of_version(version)
    assert releases.nearest(version).startswith(f"the nearest are {nearest};") or (
        releases.nearest(version).startswith(f"the nearest is {nearest};")
    )


def test_a_description_says_1_5_and_a_build() -> None:
    """Expect the release of the build, its features, and the number of a build by its date."""
    module = Platform.from_dict(
        {
            "cpus": {"madt": [{"apic_id": 0}]},
            "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
            "module": {"version": "1.5", "build_date": 20250210},
        }
    ).module
    assert (module.build_num, hex(module.features)) == (864, "0x226f1f0fbf")
