# SPDX-License-Identifier: Apache-2.0
"""Real logs and tables: what a clone has of them, or all in the folder of TDXCTL_REALDATA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tdxctl import Machine, Platform
from tdxctl.capture.acpi import AcpiTable, read_tables, tables_of
from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.madt import EntryType, parse_madt
from tdxctl.capture.memblock import with_nodes
from tdxctl.capture.sources import capture
from tdxctl.capture.srat import EntryType as SratEntryType
from tdxctl.capture.srat import parse_srat
from tests import real
from tests.capture import acpi_tables as acpi
from tests.cli.runner import ROOT


def _ids(path: Path) -> str:
    return path.name


LOGS = real.files("dmesg/*.dmesg.txt")
TABLES = real.files("acpi/*.bin")
# The excerpt of a log has no node ranges, and nothing was measured for it.
WHOLE_LOGS = [log for log in LOGS if not log.name.startswith("excerpt-")]


def _captured(log: Path, *, assume_tdx: bool = False) -> tuple[dict[str, Any], tuple[str, ...]]:
    text, warnings = capture(
        [("--dmesg", str(log))], name="captured", assume_tdx=assume_tdx, source=None
    )
    return yaml.safe_load(text), warnings


def _sidecar(log: Path) -> dict[str, Any]:
    loaded = json.loads(Path(str(log).replace(".dmesg.txt", ".json")).read_text())
    assert isinstance(loaded, dict)
    return loaded


# Of each log: CPUs enabled, slots not enabled, memory ranges, nodes. Read off its lines
# `Allowing ...` and `Early memory node ranges` by eye; the excerpt has neither.
COUNTS = {
    "amd-R6515-7713-512G-50e820": (128, 0, 10, 2),
    "bdx-ex-brickland-E7-8890v4-4s-512G-192cpu": (192, 0, 8, 4),
    "clx-S2600BPB-8260L-2s-128G-manyholes": (96, 0, 12, 2),
    "excerpt-spr-eaglestream-2s-128G": (2, 0, 5, 1),
    "gnr-dell-genuine0000-86c-1s-32G": (172, 0, 5, 1),
    "hp-microserver-gen8-E3-60of64hotplug": (4, 60, 3, 1),
    "icx-8358-2s-128G-a": (128, 0, 5, 2),
    "ivb-S2600WP-2697v2-2s-112G-120hotplug": (48, 120, 7, 2),
    "knl-groveport-256cpu-104G-mcdram-2node": (256, 0, 9, 2),
    "skx-hpe-DL380g10-4110-2s-32G-manyholes": (32, 0, 13, 2),
    "spr-lkp-spr-2sp4-8480CTDX-2s-512G-TME": (224, 0, 6, 2),
    "vm-nutanix-icx4314-24of240-216disabled": (24, 216, 5, 1),
    "wsm-bull-X8DAH-X5650-2s-24G-12hotplug": (12, 12, 4, 2),
    "xeonw-2135-1s-64G": (12, 0, 5, 1),
}


@pytest.mark.parametrize("log", LOGS, ids=_ids)
def test_a_real_log_is_captured_without_loss(log: Path) -> None:
    platform = Platform.from_dict(_captured(log)[0])
    enabled = sum(entry.enabled for entry in platform.cpus.madt)
    nodes = {r.node for r in platform.memory.ranges}
    assert (enabled, platform.cpus.disabled_cpus, len(platform.memory.ranges), len(nodes)) == (
        COUNTS[log.name.removesuffix(".dmesg.txt")]
    )


@pytest.mark.parametrize("kernel", ["v5", "6.8"])
@pytest.mark.parametrize("log", WHOLE_LOGS, ids=_ids)
def test_the_memory_map_alone_ends_as_measured(log: Path, kernel: str) -> None:
    expected = _sidecar(log)["expect_memory_only"][kernel]
    data = _captured(log)[0]
    # On a CPU with TDX, with TDX on: most of these machines are of before it.
    data["cpus"] |= {"online": "all", "disabled_cpus": 0, "model": "emerald-rapids"}
    data["firmware"] = {"seamrr": "enabled", "mktme_keyids": 31, "tdx_keyids": 32}
    data["module"] = {"loaded": True}
    machine = Machine.boot(Platform.from_dict(data), kernel)
    assert machine.tdx_init().returned == expected["ret"]
    assert machine.status == expected["status"]
    assert len(machine.tdmrs) == expected["nr_tdmrs"]
    assert machine.pamt_bytes == expected["pamt_kb"] << 10
    assert [[hex(t.base), hex(t.size), len(t.reserved)] for t in machine.tdmrs] == (
        expected["tdmrs"]
    )


@pytest.mark.parametrize("log", LOGS, ids=_ids)
def test_as_captured_no_real_log_shows_tdx(log: Path) -> None:
    platform = Platform.from_dict(_captured(log)[0])
    for kernel in ("v5", "6.8"):
        assert Machine.boot(platform, kernel).tdx_init().returned == -19


@pytest.mark.parametrize("log", LOGS, ids=_ids)
def test_with_tdx_assumed_slots_that_are_not_enabled_stop_v5(log: Path) -> None:
    """Expect -EINVAL where the log shows some, and nothing in the way elsewhere."""
    data = _captured(log, assume_tdx=True)[0]
    data["cpus"]["model"] = "emerald-rapids"
    platform = Platform.from_dict(data)
    not_enabled = COUNTS[log.name.removesuffix(".dmesg.txt")][1]
    assert Machine.boot(platform, "v5").tdx_init().returned == (-22 if not_enabled else 0)


@pytest.mark.parametrize("log", WHOLE_LOGS, ids=_ids)
def test_the_e820_map_cut_as_the_kernel_does_gives_the_kernels_own_ranges(log: Path) -> None:
    found = read_dmesg(read_log(log.read_bytes(), log.name))
    assert found.blocks
    assert with_nodes(found.usable, found.affinity)[0] == list(found.blocks)


def _madt_counts(table: AcpiTable) -> dict[str, object]:
    parsed = parse_madt(table)
    counts: dict[str, object] = {"types": {str(kind): n for kind, n in parsed.types}}
    for name, kind in (("lapic", EntryType.LAPIC), ("x2apic", EntryType.X2APIC)):
        entries = [entry for entry in parsed.entries if entry.type is kind]
        counts |= {
            name: len(entries),
            f"{name}_enabled": sum(entry.enabled for entry in entries),
            f"{name}_disabled": sum(not entry.enabled for entry in entries),
            f"{name}_online_capable": sum(entry.online_capable for entry in entries),
        }
    return counts


def _srat_counts(table: AcpiTable) -> dict[str, object]:
    parsed = parse_srat(table)
    types = dict(parsed.types)
    return {
        "mem": [
            {
                "pxm": memory.pxm,
                "base": hex(memory.base),
                "end": hex(memory.end),
                "hotplug": memory.hotplug,
                "nonvolatile": memory.nonvolatile,
            }
            for memory in parsed.memory
            if memory.enabled
        ],
        "cpu": types.pop(SratEntryType.CPU, 0),
        "x2cpu": types.pop(SratEntryType.X2APIC_CPU, 0),
        "other": {str(k): n for k, n in types.items() if k != SratEntryType.MEMORY},
    }


@pytest.mark.parametrize("form", ["binary", "acpidump"])
@pytest.mark.parametrize("file", TABLES, ids=_ids)
def test_a_real_table_has_the_counts_that_are_known_of_it(file: Path, form: str) -> None:
    expected = json.loads(Path(f"{file}.json").read_text())["parsed"]
    if form == "binary":
        [table] = read_tables(str(file))
    else:
        [table] = tables_of(acpi.acpidump(file.read_bytes()).encode(), file.name)
    counts = (_madt_counts if table.signature == "APIC" else _srat_counts)(table)
    counts |= {"rev": table.revision, "len": len(table.data)}
    counts["checksum_ok"] = not table.warnings
    assert counts == {key: value for key, value in expected.items() if key in counts}
    assert capture([("--acpi", str(file))], name="t", assume_tdx=False, source=None)


# Snapshot of a /sys -> its CPUs, and which of them are offline.
CPUS = {
    # Four of sixteen, which all are: where none is online, which are is not shown.
    "hwloc-16em64t-4s2c2t-offlines": (4, []),
    "hwloc-32intel64-2p8co2t_8ve": (32, []),
    "hwloc-offline-cpu0-node0": (24, [0, 1, 2, 3, 21, 22, 23]),
}


@pytest.mark.parametrize("name", CPUS)
def test_a_real_sysfs_is_captured(name: str, tmp_path: Path) -> None:
    [file] = real.files(f"sysfs/{name}.json")
    for path_in_it, text in json.loads(file.read_text())["files"].items():
        if path_in_it.startswith("sys/"):
            path = tmp_path / path_in_it
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    text, _ = capture([("--sysfs", str(tmp_path))], name="t", assume_tdx=False, source=None)
    platform = Platform.from_dict(yaml.safe_load(text))
    present = len(platform.cpus.madt)
    offline = [cpu for cpu in range(present) if cpu not in platform.cpus.online]
    assert (present, offline) == CPUS[name]


def test_a_real_iomem_is_captured() -> None:
    [file] = real.files("sysfs/*iomem.txt")
    text, _ = capture([("--iomem", str(file))], name="t", assume_tdx=False, source=None)
    platform = Platform.from_dict(yaml.safe_load(text))
    assert [(hex(r.start), hex(r.end)) for r in platform.memory.ranges] == [
        ("0x1000", "0xa0000"),
        ("0x100000", "0xf6dd6000"),
        ("0xf6de3000", "0xf6ecc000"),
        ("0xf6f1b000", "0xf7f9b000"),
        ("0xf7fff000", "0xf8000000"),
        ("0x100000000", "0x208000000"),
    ]


# Shipped platform -> the log it was captured from.
SHIPPED = {
    "icx-2s-128g": "icx-8358-2s-128G-a",
    "spr-2s-512g": "spr-lkp-spr-2sp4-8480CTDX-2s-512G-TME",
    "4s-512g": "bdx-ex-brickland-E7-8890v4-4s-512G-192cpu",
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_platform_is_what_capture_makes_of_its_log(name: str) -> None:
    """Expect every line but those of the source, which whoever captured wrote."""
    shipped = (ROOT / "platforms" / f"{name}.yaml").read_text()
    description = yaml.safe_load(shipped)["description"]
    text, _ = capture(
        [("--dmesg", str(real.FOLDER / "dmesg" / f"{SHIPPED[name]}.dmesg.txt"))],
        name=name,
        assume_tdx=True,
        description=description,
    )
    header, _, body = shipped.partition("schema: ")
    assert "schema: " + body.rstrip("\n") == text[text.index("schema: ") :]
    assert "# Captured with: tdxctl capture --dmesg --assume-tdx\n# Source: " in header


def test_the_fragmented_platform_has_the_memory_that_its_sources_show(tmp_path: Path) -> None:
    names = ("fail-tdx135-reserved-areas-EMR-256G.dmesg", "tdx135-reserved-areas-exhausted.e820")
    log = tmp_path / "both.log"
    log.write_text("\n".join((real.FOLDER / "tdx-logs" / f"{n}.txt").read_text() for n in names))
    captured = yaml.safe_load(capture([("--dmesg", str(log))], name="t")[0])
    shipped = yaml.safe_load((ROOT / "platforms" / "emr-2s-256g-fragmented.yaml").read_text())
    for data in (captured, shipped):
        for entry in data["memory"]["ranges"]:
            del entry["node"]  # which nodes is not shown
    assert captured["memory"] == shipped["memory"]
    assert captured["firmware"] == shipped["firmware"]
