# SPDX-License-Identifier: Apache-2.0
"""ACPI tables out of bytes and dumps: each with where it is, what is odd and what is wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tdxctl.capture.acpi import AcpiTable, has_tables, read_tables, tables_of
from tdxctl.capture.findings import Block, Findings, LocalApic
from tdxctl.capture.iomem import is_iomem, read_iomem
from tdxctl.capture.madt import ApicEntry, EntryType, Madt, madt_findings, parse_madt
from tdxctl.capture.memblock import as_memblock, with_nodes
from tdxctl.capture.srat import CpuAffinity, MemoryAffinity, Srat, parse_srat, srat_findings
from tdxctl.capture.tables import findings_of
from tdxctl.errors import FirmwareDataError
from tests.capture import acpi_tables as acpi

MADT = acpi.madt([acpi.lapic(0, 4)])  # 52 bytes
SRAT = acpi.srat([acpi.cpu_affinity(0, 4)])  # 64 bytes
RSDP = b"RSD PTR \x33OEM   \x02" + bytes(20)
RSDP_1_0 = b"RSD PTR \x33OEM   \x00" + bytes(4)


def _resized(data: bytes, length: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into("<I", changed, 4, length)
    return bytes(changed)


def _told(table: AcpiTable) -> tuple[str, str | None, str | None, str | None]:
    assert table.problem is not None
    problem = table.problem.diagnostics()[0]
    return problem.summary, problem.file, problem.detail, problem.hint


def test_tables_of_a_binary_file_come_in_its_order() -> None:
    """Expect the revision and all bytes of each, and the root pointer by its own two sizes."""
    assert tables_of(RSDP + MADT + RSDP_1_0 + SRAT, "t") == [
        AcpiTable("RSD PTR", 0, RSDP, "t"),
        AcpiTable("APIC", 4, MADT, "t"),
        AcpiTable("RSD PTR", 0, RSDP_1_0, "t"),
        AcpiTable("SRAT", 3, SRAT, "t"),
    ]


def test_what_stands_behind_the_last_table_is_told_of_with_it() -> None:
    odd = bytearray(MADT)
    odd[9] = (odd[9] + 0x10) & 0xFF
    assert tables_of(SRAT + bytes(odd) + b"abc", "t") == [
        AcpiTable("SRAT", 3, SRAT, "t"),
        AcpiTable(
            "APIC",
            4,
            bytes(odd),
            "t",
            (
                "APIC: the checksum is wrong (the bytes sum to 0x10, not 0)",
                "APIC: 3 bytes behind the table are ignored",
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("data", "signature", "revision", "told"),
    [
        (
            MADT[:35],
            "APIC",
            0,
            ("is too short for an ACPI table", "t", "expected a header of 36 bytes, got 35", None),
        ),
        (
            _resized(MADT, 35),
            "APIC",
            0,
            (
                "APIC: the table's length does not fit",
                "t",
                "offset 0x4: expected 36 to 52 bytes, got 35",
                None,
            ),
        ),
        (
            _resized(MADT, 53),
            "APIC",
            0,
            (
                "APIC: the table's length does not fit",
                "t",
                "offset 0x4: expected 36 to 52 bytes, got 53",
                "the file is cut short",
            ),
        ),
    ],
)
def test_a_table_that_is_damaged_says_what_is_wrong_with_it(
    data: bytes, signature: str, revision: int, told: tuple[str, str, str, str | None]
) -> None:
    [table] = tables_of(data, "t")
    assert (table.signature, table.revision, table.data) == (signature, revision, data)
    assert _told(table) == told
    with pytest.raises(FirmwareDataError):
        table.must_be_whole()


def test_behind_a_table_without_a_length_whole_madts_and_srats_are_found() -> None:
    """Expect no table whose checksum is wrong, and none of other kinds."""
    damaged = _resized(MADT, 4096)
    wrong = MADT[:-1] + b"\xff"
    other = acpi.table(b"FACP", 1, b"", [])
    tables = tables_of(damaged + b"xx" + other + wrong + SRAT + MADT, "t")
    assert [(table.signature, table.data) for table in tables[1:]] == [
        ("SRAT", SRAT),
        ("APIC", MADT),
    ]
    assert tables[0].problem is not None


def test_a_table_of_a_header_alone_is_whole() -> None:
    header = acpi.table(b"XXXX", 1, b"", [])
    assert tables_of(header, "t") == [AcpiTable("XXXX", 1, header, "t")]


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        (MADT, True),
        (b"APIC\x34\0\0\0\x04", True),
        (b"APIC\x34\0\0\0", False),
        (b"APIC1234\x08", True),
        (b"APIC1234\x09", False),
        (b"AP\x00C1234\x01", False),
        (RSDP, True),
        (b"RSD PTR @ 0x7FEE0000\n", True),
        (b"RSD PTR is what\n", False),
        (b"APIC @ 0x000000007FEE0000\n", True),
        (b"> > APIC @ 7FEE0000\n", True),
        (b"0000: 41 50 49 43 00\n", True),
        (b"00000000  53 52 41 54 00\n", True),
        (b"00000000: 4150 4943 3400\n", True),
        (b"0010: 41 50 49 43 00\n", False),
        (b"somebody@example.org\n", False),
        (b"", False),
    ],
)
def test_tables_are_known_by_a_header_or_by_a_dump(data: bytes, holds: bool) -> None:
    assert has_tables(data) is holds


def _dump(data: bytes, begin: int = 0) -> str:
    return "\n".join(
        f"    {begin + at:04X}: {data[at : at + 16].hex(' ').upper()}"
        for at in range(0, len(data), 16)
    )


def test_dumps_end_at_a_heading_an_empty_line_and_a_new_offset_0() -> None:
    text = f"APIC @ 0x0\n{_dump(MADT)}\nSRAT @ 0x0\n{_dump(SRAT)}\n\n{_dump(MADT)}\n{_dump(SRAT)}"
    assert tables_of(text.encode(), "t") == [
        AcpiTable("APIC", 4, MADT, "t:2"),
        AcpiTable("SRAT", 3, SRAT, "t:7"),
        AcpiTable("APIC", 4, MADT, "t:12"),
        AcpiTable("SRAT", 3, SRAT, "t:16"),
    ]


def test_another_tables_bytes_below_a_heading_are_told() -> None:
    [table] = tables_of(f"SRAT @ 0x0\n{_dump(MADT)}\n".encode(), "t")
    assert (table.signature, table.data) == ("SRAT", MADT)
    assert _told(table) == (
        "SRAT: another table's bytes",
        "t:2",
        "offset 0x0: expected SRAT, got APIC",
        None,
    )


def test_a_dump_that_lost_a_line_ends_there() -> None:
    """Expect the bytes before the gap, and the first gap to be the one that is told."""
    lines = _dump(SRAT).split("\n")
    [table] = tables_of("\n".join(["SRAT @ 0", lines[0], lines[2], lines[3]]).encode(), "t")
    assert (table.signature, table.data) == ("SRAT", SRAT[:16])
    assert _told(table) == (
        "the hex dump has a gap",
        "t:3",
        "expected offset 0x10, got 0x20",
        "the dump has lost lines, or its offsets are not in hex",
    )


def test_a_damaged_table_below_another_tables_heading_says_what_is_damaged() -> None:
    [table] = tables_of(f"SRAT @ 0x0\n{_dump(MADT[:48])}\n".encode(), "t")
    assert table.signature == "SRAT"
    assert _told(table)[0] == "APIC: the table's length does not fit"


def test_behind_an_empty_line_no_dump_goes_on() -> None:
    first, rest = _dump(MADT).split("\n", 1)
    [table] = tables_of(f"APIC @ 0x0\n{first}\n\n{rest}\n".encode(), "t")
    assert table.data == MADT[:16]


def test_a_dump_that_begins_in_the_middle_is_none() -> None:
    with pytest.raises(FirmwareDataError) as caught:
        tables_of(f"APIC @ 0x0\n{_dump(MADT, 16)}\n".encode(), "t")
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("holds no ACPI table", "t")
    assert problem.hint == (
        "tables as acpidump or acpidump -b writes them, or of /sys/firmware/acpi/tables"
    )


@pytest.mark.parametrize(
    "line",
    [
        "0000: 41 50 49 43 34 00 00 00 04 00 4F 45 4D 20 20 20  APIC4.....OEM   ",
        "0000: 41 50 49 43 34 00 00 00 04 00 4F 45 4D 20 20 20 41 42",
        "00000000  41 50 49 43 34 00 00 00  04 00 4f 45 4d 20 20 20  |APIC4.....OEM   |",
        "00000000: 4150 4943 3400 0000 0400 4f45 4d20 2020  APIC4.....OEM   ",
    ],
)
def test_16_bytes_of_a_line_are_taken_and_no_text_beside_them(line: str) -> None:
    [table] = tables_of(line.encode(), "t")
    assert table.data == b"APIC\x34\0\0\0\x04\0OEM   "


def test_eight_bytes_and_a_text_column_are_eight_bytes() -> None:
    [table] = tables_of(b"0000: 41 50 49 43 34 00 00 00  AB CD EF\n", "t")
    assert table.data == b"APIC\x34\0\0\0"


def test_a_folder_names_each_tables_file(tmp_path: Path) -> None:
    (tmp_path / "b.dat").write_bytes(SRAT)
    (tmp_path / "a.dat").write_bytes(MADT)
    (tmp_path / "README").write_text("what is here\n")
    (tmp_path / "deeper").mkdir()
    assert read_tables(str(tmp_path)) == [
        AcpiTable("APIC", 4, MADT, f"{tmp_path}/a.dat"),
        AcpiTable("SRAT", 3, SRAT, f"{tmp_path}/b.dat"),
    ]


def _table(data: bytes) -> AcpiTable:
    return tables_of(data, "t")[0]


def test_a_madt_is_read_entry_by_entry() -> None:
    """Expect the processor's UID and the APIC id of each kind, and both flags of either."""
    data = acpi.madt(
        [
            acpi.lapic(1, 4, flags=1),
            bytes([1, 12]) + bytes(10),
            acpi.lapic(2, 0xFF, flags=2),
            acpi.x2apic(0x103, 0x100, flags=3),
            acpi.x2apic(0x104, 0xFFFFFFFF, flags=0),
        ],
        revision=5,
    )
    parsed = parse_madt(_table(data))
    assert parsed == Madt(
        5,
        (
            ApicEntry(EntryType.LAPIC, 1, 4, enabled=True, online_capable=False),
            ApicEntry(EntryType.LAPIC, 2, 0xFF, enabled=False, online_capable=True),
            ApicEntry(EntryType.X2APIC, 0x103, 0x100, enabled=True, online_capable=True),
            ApicEntry(EntryType.X2APIC, 0x104, 0xFFFFFFFF, enabled=False, online_capable=False),
        ),
        ((0, 2), (1, 1), (9, 2)),
    )
    assert [entry.has_id for entry in parsed.entries] == [True, False, True, False]
    assert parsed.slots() == parsed.entries


def test_an_x2apic_id_of_0xff_is_an_id() -> None:
    parsed = parse_madt(_table(acpi.madt([acpi.x2apic(0, 0xFF), acpi.lapic(1, 0xFE)])))
    assert [entry.has_id for entry in parsed.entries] == [True, True]


def test_a_processor_without_an_id_is_one_slot_where_no_other_entry_is_of_it() -> None:
    """Expect the first entry of each UID, in table order."""
    entries = [
        acpi.lapic(7, 0xFF, flags=0),
        acpi.lapic(1, 4),
        acpi.lapic(7, 0xFF, flags=2),
        acpi.x2apic(1, 0xFFFFFFFF, flags=0),
        acpi.x2apic(1, 4, flags=0),
    ]
    slots = parse_madt(_table(acpi.madt(entries))).slots()
    assert [(slot.uid, slot.apic_id, slot.online_capable) for slot in slots] == [
        (7, 0xFF, False),
        (1, 4, False),
    ]


def test_cpus_that_only_a_v5_era_kernel_counts_are_doubted() -> None:
    data = acpi.madt(
        [acpi.lapic(0, 4), *(acpi.x2apic(uid, 0x100 + uid, flags=0) for uid in (1, 2))], revision=5
    )
    assert madt_findings(_table(data)) == Findings(
        source="the MADT",
        apics=(
            LocalApic(4, enabled=True),
            LocalApic(0x101, enabled=False),
            LocalApic(0x102, enabled=False),
        ),
        not_enabled=2,
        not_enabled_later=0,
        warnings=(
            "2 of the disabled CPUs are x2APIC entries that can never be brought online: a v5-era "
            "kernel counts them by its source, which no log beside a table has shown yet; kernels "
            "since 6.3 do not",
        ),
    )


def test_8192_cpus_and_each_of_them_twice_fit_in_a_madt() -> None:
    entries = [acpi.x2apic(uid, uid) for uid in range(8192)]
    assert len(madt_findings(_table(acpi.madt(entries * 2))).apics) == 8192
    with pytest.raises(FirmwareDataError) as caught:
        madt_findings(_table(acpi.madt([*entries, acpi.x2apic(8192, 8192)])))
    assert caught.value.diagnostics()[0].detail == "expected at most 8192 APIC ids, got 8193"
    with pytest.raises(FirmwareDataError) as caught:
        madt_findings(_table(acpi.madt([*entries, *entries, acpi.lapic(0, 0)])))
    assert caught.value.diagnostics()[0].detail == (
        "offset 0x4002c: expected at most 8192 local APICs"
    )


def test_an_srat_is_read_entry_by_entry() -> None:
    data = acpi.srat(
        [
            acpi.cpu_affinity(0x01020304, 4),
            acpi.x2apic_affinity(9, 0x100, flags=0),
            bytes([3, 20]) + bytes(18),
            acpi.memory_affinity(9, 0x1000, 0x2000, flags=1),
            acpi.memory_affinity(8, 0x4000, 0x1000, flags=2),
            acpi.memory_affinity(8, 0x8000, 0x1000, flags=4),
        ]
    )
    parsed = parse_srat(_table(data))
    assert parsed == Srat(
        3,
        (
            CpuAffinity(0x01020304, 4, enabled=True),
            CpuAffinity(9, 0x100, enabled=False),
        ),
        (
            MemoryAffinity(9, 0x1000, 0x3000, enabled=True, hotplug=False, nonvolatile=False),
            MemoryAffinity(8, 0x4000, 0x5000, enabled=False, hotplug=True, nonvolatile=False),
            MemoryAffinity(8, 0x8000, 0x9000, enabled=False, hotplug=False, nonvolatile=True),
        ),
        ((0, 1), (1, 3), (2, 1), (3, 1)),
    )
    assert parsed.nodes() == {0x01020304: 0, 9: 1}


def test_a_srat_shows_nodes_of_what_is_enabled() -> None:
    """Expect memory up to 2^52, none of no size, and no CPU whose id means none."""
    data = acpi.srat(
        [
            acpi.memory_affinity(5, 0, 1 << 52),
            acpi.memory_affinity(5, 0x1000, 0),
            acpi.memory_affinity(6, 0x1000, 1 << 52),
            acpi.memory_affinity(7, 0x1000, 0x1000, flags=0),
            acpi.x2apic_affinity(6, 0xFFFFFFFE),
            acpi.x2apic_affinity(6, 0xFFFFFFFF),
            acpi.cpu_affinity(6, 4, flags=0),
        ]
    )
    assert srat_findings(_table(data)) == Findings(
        source="the SRAT",
        affinity=(Block(0, 1 << 52, 1),),
        cpu_nodes=((0xFFFFFFFE, 0),),
        warnings=("the SRAT has memory beyond 2^52, at 0x1000: left out",),
    )


@pytest.mark.parametrize(
    ("revision", "pxm", "seen"), [(1, 0x0201, 1), (2, 0x0201, 0x0201), (1, 0xFF, 0xFF)]
)
def test_a_cpus_domain_has_its_upper_bits_since_revision_2(
    revision: int, pxm: int, seen: int
) -> None:
    parsed = parse_srat(_table(acpi.srat([acpi.cpu_affinity(pxm, 4)], revision=revision)))
    assert parsed.cpus[0].pxm == seen


def test_a_srat_has_4096_ranges_of_memory_at_most() -> None:
    entries = [acpi.memory_affinity(0, i << 12, 1 << 12) for i in range(4097)]
    assert len(parse_srat(_table(acpi.srat(entries[:4096]))).memory) == 4096
    with pytest.raises(FirmwareDataError) as caught:
        parse_srat(_table(acpi.srat(entries)))
    problem = caught.value.diagnostics()[0]
    assert problem.summary == "SRAT: more memory ranges than any machine has"
    assert (problem.file, problem.detail) == ("t", "offset 0x28030: expected at most 4096")


def test_tables_that_are_skipped_are_named_up_to_eight() -> None:
    problems = [FirmwareDataError("cut", file="t", detail=str(number)) for number in range(10)]
    damaged = [AcpiTable("SSDT", 2, b"", "t", problem=problem) for problem in problems]
    short = AcpiTable("APIC", 4, b"", "t", problem=FirmwareDataError("short", file="t"))
    madt, srat, notes = findings_of(
        [short, _table(MADT), _table(SRAT), *damaged, _table(MADT)], "t"
    )
    assert (madt.source, srat.source) == ("the MADT", "the SRAT")
    assert notes == Findings(
        source="the ACPI tables",
        warnings=(
            "a table is not read: short",
            "3 APIC tables: the first that can be read is taken",
            *(f"a damaged table that is not needed is skipped: cut ({i})" for i in range(8)),
            "2 more damaged tables that are not needed are skipped",
        ),
    )
    assert len(findings_of([_table(MADT), *damaged[:8]], "t")[1].warnings) == 8


def test_tables_of_which_none_is_needed_are_named_once_each() -> None:
    other = _table(acpi.table(b"FACP", 1, b"", []))
    with pytest.raises(FirmwareDataError) as caught:
        findings_of([other, other, _table(acpi.table(b"HPET", 1, b"", []))], "t")
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("holds neither a MADT nor a SRAT", "t")
    assert (problem.detail, problem.hint) == (
        "got FACP, HPET",
        "the MADT's signature is APIC",
    )


IOMEM = "00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n"


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (IOMEM, ((0x1000, 0xA0000),)),
        (IOMEM + "100000000-17fffffff : System RAM\n", ((0x1000, 0xA0000), (1 << 32, 6 << 30))),
        (IOMEM + "  00200000-002fffff : System RAM\n", ((0x1000, 0xA0000), (0x200000, 0x300000))),
        (IOMEM + "00200000-002fffff : System RAM (kmem)\n", ((0x1000, 0xA0000),)),
        ("00100000-ffffffffffffe : System RAM\n", ((0x100000, (1 << 52) - 0x1000),)),
        ("00100000-fffffffffffff : System RAM\n", ((0x100000, 1 << 52),)),
    ],
)
def test_ram_of_iomem_is_cut_as_memblock_is(text: str, usable: tuple[tuple[int, int], ...]) -> None:
    assert read_iomem(text.encode(), "t") == Findings(source="/proc/iomem", usable=usable)
    assert is_iomem(f"\n{text}")


@pytest.mark.parametrize(
    ("text", "summary", "file", "detail"),
    [
        ("x\n", "is not a /proc/iomem", "t", "no line reads START-END : NAME"),
        (
            "00000000-00000000 : System RAM\n",
            "has addresses of 0 only: it was read without root",
            "t",
            None,
        ),
        ("00000000-00000fff : Reserved\n", "shows no System RAM", "t", None),
        (
            "00000000-00000000 : System RAM\n00000000-00000fff : Reserved\n",
            "shows no System RAM",
            "t",
            None,
        ),
        (
            "x\n00002000-00001fff : System RAM\n",
            "has RAM that cannot be",
            "t:2",
            "expected START-END below 2^52, got 00002000-00001fff",
        ),
        (
            "00100000-10000000000000 : System RAM\n",
            "has RAM that cannot be",
            "t:1",
            "expected START-END below 2^52, got 00100000-10000000000000",
        ),
    ],
)
def test_an_iomem_that_shows_no_ram_says_why(
    text: str, summary: str, file: str, detail: str | None
) -> None:
    with pytest.raises(FirmwareDataError) as caught:
        read_iomem(text.encode(), "t")
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file, problem.detail) == (summary, file, detail)


MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("usable", "removed", "regions"),
    [
        ([(0, 0x1000)], [], []),
        ([(0, 0x2000)], [], [(0x1000, 0x2000)]),
        ([(0x9F000, 0x101000)], [], [(0x9F000, 0xA0000), (0x100000, 0x101000)]),
        ([(2 * MIB, 3 * MIB), (MIB, 2 * MIB)], [], [(MIB, 3 * MIB)]),
        ([(MIB, 4 * MIB), (2 * MIB, 3 * MIB)], [], [(MIB, 4 * MIB)]),
        ([(MIB, 2 * MIB), (3 * MIB, 4 * MIB), (4 * MIB, 5 * MIB)], [],
         [(MIB, 2 * MIB), (3 * MIB, 5 * MIB)]),
        ([(MIB, 2 * MIB), (3 * MIB, 4 * MIB)], [(MIB, 4 * MIB)], []),
        ([(MIB, 4 * MIB)], [(3 * MIB, 5 * MIB), (MIB, 2 * MIB)], [(2 * MIB, 3 * MIB)]),
        ([(MIB, 4 * MIB)], [(2 * MIB, 3 * MIB), (2 * MIB, MIB * 5 // 2)],
         [(MIB, 2 * MIB), (3 * MIB, 4 * MIB)]),
        # One hole over two regions, and one that touches each.
        ([(MIB, 3 * MIB), (4 * MIB, 6 * MIB)], [(2 * MIB, 5 * MIB)],
         [(MIB, 2 * MIB), (5 * MIB, 6 * MIB)]),
        ([(2 * MIB, 3 * MIB)], [(MIB, 2 * MIB), (3 * MIB, 4 * MIB)], [(2 * MIB, 3 * MIB)]),
        ([(MIB, MIB + 0x1800)], [], [(MIB, MIB + 0x1000)]),
        ([(MIB + 0x800, MIB + 0x1800)], [], []),
    ],
)  # fmt: skip
def test_ram_less_what_was_removed_is_memblock(
    usable: list[tuple[int, int]], removed: list[tuple[int, int]], regions: list[tuple[int, int]]
) -> None:
    assert as_memblock(usable, removed) == regions


@pytest.mark.parametrize(
    ("affinity", "blocks", "odd"),
    [
        ([Block(0, 4 * GIB, 3)], [(1, 2, 3), (3, 4, 3)], None),
        ([Block(2 * GIB, 4 * GIB, 1), Block(0, 2 * GIB, 0)], [(1, 2, 0), (3, 4, 1)], None),
        # What no entry covers, less than 1 MiB, goes with what is before it, or with the first.
        (
            [Block(0, 2 * GIB - MIB + 1, 2), Block(3 * GIB, 4 * GIB, 1)],
            [(1, 2, 2), (3, 4, 1)],
            None,
        ),
        (
            [Block(GIB + MIB - 1, 2 * GIB, 2), Block(3 * GIB, 4 * GIB, 1)],
            [(1, 2, 2), (3, 4, 1)],
            None,
        ),
        (
            [Block(0, 2 * GIB, 2)],
            [(1, 2, 0), (3, 4, 0)],
            "the SRAT leaves 1024 MiB of RAM without a node: all memory is of node 0",
        ),
        (
            [Block(0, 2 * GIB - (MIB >> 1), 2), Block(3 * GIB + (MIB >> 1), 4 * GIB, 1)],
            [(1, 2, 0), (3, 4, 0)],
            "the SRAT leaves 1 MiB of RAM without a node: all memory is of node 0",
        ),
        (
            [Block(0, 3 * GIB + 1, 0), Block(3 * GIB, 4 * GIB, 1)],
            [(1, 2, 0), (3, 4, 0)],
            "the SRAT gives memory to two nodes: all memory is of node 0",
        ),
        ([Block(0, 3 * GIB, 0), Block(3 * GIB, 4 * GIB, 1), Block(3 * GIB, 4 * GIB, 1)],
         [(1, 2, 0), (3, 4, 1)], None),
    ],
)  # fmt: skip
def test_two_regions_have_the_nodes_that_the_srat_gives_them(
    affinity: list[Block], blocks: list[tuple[int, int, int]], odd: str | None
) -> None:
    """Expect [1 GiB, 2 GiB) and [3 GiB, 4 GiB), in GiB, with their nodes."""
    found = with_nodes([(GIB, 2 * GIB), (3 * GIB, 4 * GIB)], affinity)
    assert found == ([Block(start * GIB, end * GIB, node) for start, end, node in blocks], odd)
