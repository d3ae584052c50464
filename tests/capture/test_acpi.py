# SPDX-License-Identifier: Apache-2.0
"""MADT and SRAT: what is read of them, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxctl.capture.acpi import read_tables, tables_of
from tdxctl.capture.findings import Block, LocalApic
from tdxctl.capture.madt import madt_findings, parse_madt
from tdxctl.capture.srat import parse_srat, srat_findings
from tdxctl.capture.tables import table_findings
from tdxctl.errors import FirmwareDataError
from tests.capture import acpi_tables as acpi

ENABLED, ONLINE_CAPABLE, HOTPLUG, NONVOLATILE = 1, 2, 2, 4


def _madt(*entries: bytes, revision: int = 4) -> bytes:
    return acpi.madt(list(entries), revision=revision)


def test_local_apics_of_both_kinds_are_cpus_in_table_order() -> None:
    data = _madt(acpi.x2apic(2, 0x100), acpi.lapic(0, 4), acpi.lapic(1, 6, flags=0))
    found = madt_findings(tables_of(data, "t")[0])
    assert found.apics == (
        LocalApic(0x100, enabled=True),
        LocalApic(4, enabled=True),
        LocalApic(6, enabled=False),
    )
    assert (found.not_enabled, found.warnings) == (1, ())


def test_an_apic_id_in_both_lists_is_one_cpu_enabled_if_one_of_them_is() -> None:
    data = _madt(acpi.lapic(0, 4, flags=0), acpi.lapic(1, 5, flags=0), acpi.x2apic(0, 4))
    found = madt_findings(tables_of(data, "t")[0])
    assert found.apics == (LocalApic(5, enabled=False), LocalApic(4, enabled=True))
    # "one each, repeated ids included" [field-notes 1.1]
    assert found.not_enabled == 2


@pytest.mark.parametrize(
    ("entry", "revision", "flags", "v5_era", "later"),
    [
        (acpi.lapic, 4, 0, 1, 1),
        (acpi.lapic, 4, ONLINE_CAPABLE, 1, 1),
        (acpi.lapic, 5, 0, 0, 0),  # revision 5 says that it can never be brought online
        (acpi.lapic, 5, ONLINE_CAPABLE, 1, 1),
        (acpi.lapic, 5, ENABLED | ONLINE_CAPABLE, 0, 0),
        (acpi.x2apic, 4, 0, 1, 1),
        (acpi.x2apic, 5, 0, 1, 0),  # of x2APIC entries only kernels since 6.3 ask that
        (acpi.x2apic, 5, ONLINE_CAPABLE, 1, 1),
        (acpi.x2apic, 5, ENABLED, 0, 0),
    ],
)
def test_disabled_cpus_are_counted_as_each_era_does(
    entry: Callable[..., bytes], revision: int, flags: int, v5_era: int, later: int
) -> None:
    data = _madt(acpi.lapic(0, 0), entry(1, 2, flags=flags), revision=revision)
    found = madt_findings(tables_of(data, "t")[0])
    assert (found.not_enabled, found.not_enabled_later) == (v5_era, later)
    doubted = [note for note in found.warnings if "x2APIC entries" in note]
    assert bool(doubted) == (v5_era != later)


def test_each_entry_that_repeats_an_id_is_counted() -> None:
    entries = [acpi.lapic(uid, 0, flags=0) for uid in range(8)]
    found = madt_findings(tables_of(_madt(acpi.lapic(9, 4), *entries, revision=3), "t")[0])
    assert (found.not_enabled, found.not_enabled_later) == (8, 8)


def test_entries_without_an_apic_id_are_no_slots() -> None:
    data = _madt(
        acpi.lapic(0, 0),
        acpi.lapic(1, 0xFF, flags=0),
        acpi.lapic(2, 0xFF, flags=ONLINE_CAPABLE),
        acpi.x2apic(0, 0xFFFFFFFF, flags=0),
    )
    found = madt_findings(tables_of(data, "t")[0])
    assert found.apics == (LocalApic(0, enabled=True),)
    assert (found.not_enabled, found.not_enabled_later) == (0, 0)


def test_entries_of_types_that_are_no_cpu_are_counted() -> None:
    other = bytes([127, 12]) + bytes(10)
    parsed = parse_madt(tables_of(_madt(other, acpi.lapic(0, 0), other), "t")[0])
    assert parsed.types == ((0, 1), (127, 2))


def test_proximity_domains_become_nodes_in_the_order_in_which_they_appear() -> None:
    data = acpi.srat(
        [
            acpi.memory_affinity(7, 0, 0x80000000),
            acpi.memory_affinity(300, 0x100000000, 0x80000000, ENABLED | HOTPLUG),
            acpi.memory_affinity(9, 0x200000000, 0x80000000, flags=0),
            acpi.cpu_affinity(300, 4),
            acpi.x2apic_affinity(7, 0x102),
            acpi.cpu_affinity(5, 6, flags=0),
        ]
    )
    found = srat_findings(tables_of(data, "t")[0])
    # CPUs are looked at first: 300 is node 0.
    assert found.affinity == (
        Block(0, 0x80000000, 1),
        Block(0x100000000, 0x180000000, 0),
    )
    assert found.cpu_nodes == ((4, 0), (0x102, 1))


def test_before_revision_2_a_proximity_domain_is_a_byte() -> None:
    entry = acpi.memory_affinity(0xABCDEF01, 0, 0x1000)
    assert parse_srat(tables_of(acpi.srat([entry], revision=1), "t")[0]).memory[0].pxm == 1
    assert parse_srat(tables_of(acpi.srat([entry]), "t")[0]).memory[0].pxm == 0xABCDEF01


def test_hotplug_and_nonvolatile_memory_is_told() -> None:
    entry = acpi.memory_affinity(0, 0, 0x1000, ENABLED | HOTPLUG | NONVOLATILE)
    [memory] = parse_srat(tables_of(acpi.srat([entry]), "t")[0]).memory
    assert (memory.enabled, memory.hotplug, memory.nonvolatile) == (True, True, True)


def test_a_bad_checksum_is_a_warning() -> None:
    data = bytearray(_madt(acpi.lapic(0, 0)))
    data[9] ^= 0x10
    [table] = tables_of(bytes(data), "t")
    assert len(table.warnings) == 1
    assert table.warnings[0].startswith("APIC: the checksum is wrong")


def _resized(data: bytes, length: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into("<I", changed, 4, length)
    return bytes(changed)


GOOD = _madt(acpi.lapic(0, 0), acpi.lapic(1, 2))


def _read(data: bytes) -> None:
    for table in tables_of(data, "t"):
        (madt_findings if table.signature == "APIC" else srat_findings)(table)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "t: is empty"),
        (GOOD[:20], "t: is too short for an ACPI table (expected a header of 36 bytes, got 20)"),
        (
            GOOD[:50],
            "t: APIC: the table's length does not fit (offset 0x4: expected 36 to 50 bytes, "
            "got 60)",
        ),
        (
            _resized(GOOD, 8),
            "t: APIC: the table's length does not fit (offset 0x4: expected 36 to 60 bytes, got 8)",
        ),
        (_resized(GOOD, 40), "t: MADT: too short (expected at least 44 bytes, got 40)"),
        (
            _madt(b"\x00\x00"),
            "t: MADT: an entry's length does not fit (offset 0x2d: expected 2 to 2, got 0)",
        ),
        (
            _madt(b"\x7f\x01\x00"),
            "t: MADT: an entry's length does not fit (offset 0x2d: expected 2 to 3, got 1)",
        ),
        (
            _madt(b"\x00\x40" + bytes(6)),
            "t: MADT: an entry's length does not fit (offset 0x2d: expected 2 to 8, got 64)",
        ),
        (
            _madt(b"\x00\x04\x00\x00"),
            "t: MADT: an entry of type 0 is too short (offset 0x2d: expected 8 bytes, got 4)",
        ),
        (
            _madt(acpi.lapic(0, 0), b"\x07"),
            "t: MADT: bytes behind the last entry (offset 0x34: expected an entry of 2 bytes or "
            "more, got 1)",
        ),
        (
            acpi.srat([b"\x01\x10" + bytes(14)]),
            "t: SRAT: an entry of type 1 is too short (offset 0x31: expected 40 bytes, got 16)",
        ),
        (b"nothing of the kind\n", "t: holds no ACPI table"),
    ],
)
def test_damage_is_told_with_table_offset_expected_and_got(data: bytes, message: str) -> None:
    with pytest.raises(FirmwareDataError) as caught:
        _read(data)
    assert caught.value.diagnostics()[0].render().splitlines()[0] == message
    assert caught.value.exit_code == 4


def test_more_cpus_than_any_machine_has_are_refused() -> None:
    entries = [acpi.x2apic(uid, uid) for uid in range(8193)]
    with pytest.raises(FirmwareDataError, match="more CPUs than any machine has"):
        madt_findings(tables_of(acpi.madt(entries), "t")[0])


def test_acpidumps_text_holds_many_tables(tmp_path: Path) -> None:
    # An OEM table whose text column looks like hex digits, a MADT with a last line of 12 bytes.
    other = acpi.table(b"OEM1", 1, b"AB CD EF 01 23 45 67", [])
    srat = acpi.srat([acpi.memory_affinity(0, 0, 0x1000)])
    tables = tables_of(acpi.acpidump(other, GOOD, srat).encode(), "t")
    assert [(table.signature, table.data) for table in tables] == [
        ("OEM1", other),
        ("APIC", GOOD),
        ("SRAT", srat),
    ]
    file = tmp_path / "acpidump.txt"
    file.write_text(acpi.acpidump(other, GOOD, srat))
    assert [found.source for found in table_findings(str(file))] == ["the MADT", "the SRAT"]


def test_a_gap_in_a_dump_is_told_with_its_line() -> None:
    lines = acpi.acpidump(GOOD).split("\n")
    del lines[2]
    with pytest.raises(FirmwareDataError) as caught:
        _read("\n".join(lines).encode())
    assert caught.value.diagnostics()[0].render().splitlines() == [
        "t:3: the hex dump has a gap (expected offset 0x10, got 0x20)",
        "  hint: the dump has lost lines, or its offsets are not in hex",
    ]


@pytest.mark.parametrize("tool", ["hexdump -C", "xxd"])
def test_other_hex_dumps_are_read_too(tool: str) -> None:
    lines = []
    for offset in range(0, len(GOOD), 16):
        row = GOOD[offset : offset + 16]
        if tool == "xxd":
            pairs = " ".join(row[i : i + 2].hex() for i in range(0, len(row), 2))
            lines.append(f"{offset:08x}: {pairs:<40} ................")
        else:
            halves = [" ".join(f"{b:02x}" for b in row[i : i + 8]) for i in (0, 8)]
            lines.append(f"{offset:08x}  {'  '.join(halves)}  |................|")
    assert [table.data for table in tables_of("\n".join(lines).encode(), "t")] == [GOOD]


def test_a_tab_may_stand_before_the_text_column() -> None:
    text = acpi.acpidump(GOOD).replace("  A", "\tA").replace("  .", "\t.")
    assert [table.data for table in tables_of(text.encode(), "t")] == [GOOD]


def test_a_folder_of_acpidump_b_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "apic.dat").write_bytes(GOOD)
    (tmp_path / "srat.dat").write_bytes(acpi.srat([acpi.cpu_affinity(0, 0)]))
    (tmp_path / "notes.txt").write_text("what the tables are from\n")
    assert [table.signature for table in read_tables(str(tmp_path))] == ["APIC", "SRAT"]


def test_a_folder_without_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(FirmwareDataError, match="holds no ACPI table"):
        read_tables(str(tmp_path))


def test_tables_one_behind_the_other_are_read_and_a_tail_is_told() -> None:
    tables = tables_of(GOOD + GOOD + b"\x00\x00\x00", "t")
    assert [table.data for table in tables] == [GOOD, GOOD]
    assert tables[1].warnings == ("APIC: 3 bytes behind the table are ignored",)


def test_of_two_tables_of_a_kind_the_first_is_taken(tmp_path: Path) -> None:
    second = _madt(acpi.lapic(0, 9))
    (tmp_path / "apic.dat").write_bytes(GOOD + second)
    first, note = table_findings(str(tmp_path / "apic.dat"))
    assert [apic.apic_id for apic in first.apics] == [0, 2]
    assert note.warnings == ("2 APIC tables: the first is taken",)


OTHERS = {
    "a signature with a sign": acpi.table(b"ASF!", 32, b"", [bytes(60)]),
    "a signature in lower case": acpi.table(b"iBFT", 1, b"", [bytes(30)]),
    "a wrong checksum": acpi.table(b"DSDT", 2, b"", [bytes(9)])[:-1] + b"\x01",
    "a length past its end": _resized(acpi.table(b"SSDT", 2, b"", [bytes(9)]), 4096),
    "a length of nothing": _resized(acpi.table(b"SSDT", 2, b"", [bytes(9)]), 0),
    "the root pointer": b"RSD PTR \x33OEM   \x02" + bytes(20),
    "the root pointer of ACPI 1.0": b"RSD PTR \x33OEM   \x00" + bytes(4),
}


@pytest.mark.parametrize("form", ["binary", "acpidump"])
@pytest.mark.parametrize("what", OTHERS)
def test_what_is_wrong_with_a_table_that_is_not_needed_refuses_nothing(
    what: str, form: str, tmp_path: Path
) -> None:
    file = tmp_path / "tables"
    srat = acpi.srat([acpi.cpu_affinity(0, 0)])
    if form == "binary":
        file.write_bytes(OTHERS[what] + GOOD + srat)
    else:
        file.write_text(acpi.acpidump(OTHERS[what], GOOD, srat).replace("RSD  @", "RSD PTR @"))
    found = table_findings(str(file))
    assert [f.source for f in found][:2] == ["the MADT", "the SRAT"]
    assert len(found[0].apics) == 2
    notes = [note for part in found[2:] for note in part.warnings]
    assert len(notes) == (1 if "length" in what else 0)
    assert all(note.startswith("a damaged table that is not needed is skipped") for note in notes)


def test_a_table_whose_hex_lost_lines_is_skipped(tmp_path: Path) -> None:
    lines = acpi.acpidump(acpi.table(b"DSDT", 2, b"", [bytes(90)])).split("\n")
    del lines[3]
    file = tmp_path / "acpidump.txt"
    file.write_text("\n".join(lines) + "\n" + acpi.acpidump(GOOD))
    [madt, notes] = table_findings(str(file))
    assert len(madt.apics) == 2
    assert "the hex dump has a gap" in notes.warnings[0]


@pytest.mark.parametrize("damaged", ["APIC", "SRAT"])
def test_of_madt_and_srat_the_one_that_can_be_read_is_read(damaged: str, tmp_path: Path) -> None:
    tables = {"APIC": GOOD, "SRAT": acpi.srat([acpi.cpu_affinity(0, 0)])}
    tables[damaged] = tables[damaged][:-3]
    file = tmp_path / "acpidump.txt"
    file.write_text(acpi.acpidump(*tables.values()))
    [found, notes] = table_findings(str(file))
    assert found.source == ("the SRAT" if damaged == "APIC" else "the MADT")
    assert "a table is not read" in notes.warnings[0]
    assert damaged in notes.warnings[0]


def test_where_neither_can_be_read_the_first_says_why(tmp_path: Path) -> None:
    file = tmp_path / "acpidump.txt"
    file.write_text(acpi.acpidump(GOOD[:-3], acpi.srat([])[:-3]))
    with pytest.raises(FirmwareDataError, match="APIC: the table's length does not fit"):
        table_findings(str(file))
