# SPDX-License-Identifier: Apache-2.0
"""What sources show, made one platform: which value is taken, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.merge import Captured, CpuSlot, merge
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.description import Seamrr
from tests.capture.bare import BARE

MIB, GIB = 1 << 20, 1 << 30
LAST = 1 << 52
ON, OFF = True, False
MODULE = ModuleShown(loaded=True, version="1.5", build_date=20240129, build_num=698, features=3)


def _merged(*findings: Findings, assume_tdx: bool = False) -> Captured:
    return merge(list(findings), assume_tdx=assume_tdx)


def _apics(*apics: tuple[int, bool]) -> tuple[LocalApic, ...]:
    return tuple(LocalApic(apic_id, enabled) for apic_id, enabled in apics)


def _slots(captured: Captured) -> list[tuple[int, int, bool]]:
    return [(slot.apic_id, slot.package, slot.enabled) for slot in captured.slots]


def test_what_one_source_shows_of_everything_is_the_platform() -> None:
    """Expect each part as it is shown, and beside it where it is from."""
    shown = Findings(
        source="the log",
        blocks=(Block(MIB, GIB, 0), Block(GIB, 2 * GIB, 1)),
        cmrs=((MIB, 2 * GIB),),
        cpu_nodes=((0, 0), (2, 0), (0x20, 1), (0x22, 1)),
        present=4,
        not_enabled_later=2,
        brought_up=3,
        packages=2,
        cpu=(6, 0xCF),
        seamrr=Seamrr.ENABLED,
        keyids=(32, 64),
        mktme_keyids=63,
        module=MODULE,
        seamrr_range=(GIB, 32 * MIB),
        keyid_bits=6,
        features_off=("vmx",),
        not_shown=(("firmware.p_seamldr", "false"),),
        hibernation=True,
        kernel="6.8.0",
        warnings=("the log is odd",),
    )
    assert _merged(shown) == Captured(
        slots=(
            CpuSlot(0, 0, enabled=True),
            CpuSlot(2, 0, enabled=True),
            CpuSlot(0x20, 1, enabled=True),
            CpuSlot(0x22, 1, enabled=True),
        ),
        disabled_cpus=2,
        online=(0, 1, 2),
        cpu=(6, 0xCF),
        ranges=(Block(MIB, GIB, 0), Block(GIB, 2 * GIB, 1)),
        cmrs=((MIB, 2 * GIB),),
        seamrr=Seamrr.ENABLED,
        mktme_keyids=31,
        tdx_keyids=32,
        module=MODULE,
        hibernation=True,
        kernel="6.8.0",
        assumed=False,
        seamrr_range=(GIB, 32 * MIB),
        keyid_bits=6,
        features_off=("vmx",),
        not_shown={"firmware.p_seamldr": "false"},
        origins={
            "madt": "the log: its SRAT lines",
            "package": "the log: 2, told apart by APIC ids",
            "disabled_cpus": "the log, as kernels since 6.3 count",
            "online": "the log: 3 of 4 brought up, taken for the first",
            "ranges": "the log: early memory node ranges (memblock)",
            "cmrs": "the log",
            "firmware": "the log: private KeyID range",
            "module": "the log",
        },
        warnings=("the log is odd",),
    )


def test_what_no_source_shows_stands_with_a_note() -> None:
    """Expect one CPU, no memory and the default module beside firmware that alone is shown."""
    assert _merged(Findings(source="MSRs", seamrr=Seamrr.ENABLED)) == replace(
        BARE,
        seamrr=Seamrr.ENABLED,
        origins={
            "madt": "no source shows the CPUs: one stands here",
            "package": "not shown: all CPUs are in one",
            "ranges": "no source shows the memory",
            "firmware": "MSRs: SEAMRR and the number of KeyIDs",
            "module": "no source shows the TDX module: the default stands",
        },
        warnings=(
            "no source shows the CPUs: one stands in the description (--acpi or --sysfs shows "
            "them)",
            "no source shows the memory: the description has none",
        ),
    )


@pytest.mark.parametrize(
    "shown",
    [
        Findings(source="the log", blocks=(Block(MIB, GIB, 0),)),
        Findings(source="the log", usable=((MIB, GIB),)),
        Findings(source="the log", affinity=(Block(MIB, GIB, 0),)),
        Findings(source="the log", cmrs=((MIB, GIB),)),
        Findings(source="the log", apics=_apics((0, ON))),
        Findings(source="the log", cpu_nodes=((0, 0),)),
        Findings(source="the log", present=1),
        Findings(source="the log", keyids=(32, 64)),
        Findings(source="the log", tdx_keyids=32),
        Findings(source="the log", seamrr=Seamrr.DISABLED),
        Findings(source="the log", module=ModuleShown(loaded=False)),
        Findings(source="the log", hibernation=True),
        Findings(source="the log", mktme_keyids=63),
    ],
)
def test_any_part_of_a_platform_is_enough(shown: Findings) -> None:
    assert len(_merged(shown).slots) == 1


@pytest.mark.parametrize(
    ("findings", "name"),
    [
        ([Findings(source="the log", kernel="6.8.0", cpu=(6, 0xCF))], "the log"),
        ([Findings(source="lscpu", packages=2), Findings(source="the log")], "lscpu"),
        ([], "nothing"),
    ],
)
def test_where_no_part_is_shown_the_first_source_is_named(
    findings: list[Findings], name: str
) -> None:
    with pytest.raises(FirmwareDataError) as caught:
        merge(findings, assume_tdx=False)
    problem = caught.value.diagnostics()[0]
    assert (problem.file, problem.summary) == (name, "shows no part of a platform")
    assert problem.detail == "no memory, no CPUs, no KeyIDs, no TDX module"
    assert problem.hint == "a whole log is best: dmesg from boot on"


@pytest.mark.parametrize(
    ("v5", "later", "disabled", "origin"),
    [
        (1, 1, None, "the MADT, as the v5-era kernel counts"),  # as many as are listed
        (3, None, 3, "the MADT, as the v5-era kernel counts"),
        (1, 0, None, "the MADT, as the v5-era kernel counts; the MADT, as later ones do: 0"),
        (0, 1, 0, "the MADT, as the v5-era kernel counts; the MADT, as later ones do: 1"),
        (None, 1, None, "the MADT, as kernels since 6.3 count"),
        (None, 4, 4, "the MADT, as kernels since 6.3 count"),
        (None, None, None, None),
    ],
)
def test_disabled_cpus_are_those_that_the_v5_era_counts_where_that_is_known(
    v5: int | None, later: int | None, disabled: int | None, origin: str | None
) -> None:
    """Expect no number of its own where it is that of the slots that are not enabled."""
    captured = _merged(
        Findings(
            source="the MADT",
            apics=_apics((0, ON), (2, OFF), (4, ON)),
            not_enabled=v5,
            not_enabled_later=later,
        )
    )
    assert (captured.disabled_cpus, captured.origins.get("disabled_cpus")) == (disabled, origin)


MADT = Findings(source="the MADT", apics=_apics((4, ON), (2, OFF), (0x10, ON)))


@pytest.mark.parametrize(
    ("other", "conflicts"),
    [
        (Findings(source="lscpu", present=2), ()),
        (
            Findings(source="lscpu", present=3),
            ("the MADT has 2 enabled CPUs, lscpu 3: the MADT is taken",),
        ),
        # A source that contradicts itself is of two kinds of CPUs.
        (Findings(source="the MADT", present=3), ()),
    ],
)
def test_the_cpus_of_a_madt_are_taken_in_table_order(
    other: Findings, conflicts: tuple[str, ...]
) -> None:
    captured = _merged(MADT, other)
    assert _slots(captured) == [(4, 0, ON), (2, 0, OFF), (0x10, 0, ON)]
    assert captured.origins["madt"] == "the MADT, in table order"
    assert [note for note in captured.warnings if "enabled CPU" in note] == list(conflicts)


def test_of_a_madt_without_an_enabled_cpu_the_first_stands_as_the_boot_cpu() -> None:
    captured = _merged(Findings(source="the MADT", apics=_apics((4, OFF), (2, OFF))))
    assert _slots(captured) == [(4, 0, ON), (2, 0, OFF)]
    assert "the MADT has no CPU that is enabled: the first stands as the boot CPU" in (
        captured.warnings
    )


NODES = ((0x10, 1), (0, 0))


@pytest.mark.parametrize(
    ("findings", "ids", "origin", "note"),
    [
        (
            [Findings(source="the SRAT", cpu_nodes=NODES)],
            [0x10, 0],
            "the SRAT",
            "no source shows how many CPUs there are: 2 APIC ids of the SRAT stand for them",
        ),
        ([Findings(source="the log", cpu_nodes=NODES, present=2)], [0x10, 0],
         "the log: its SRAT lines", None),
        ([Findings(source="the log", cpu_nodes=NODES, present=3)], [0, 1, 2],
         "the log: how many, not which APIC ids", None),
        ([Findings(source="lscpu", present=1)], [0],
         "lscpu: how many, not which APIC ids", None),
        ([Findings(source="the log", present=0)], [0],
         "no source shows the CPUs: one stands here", "the log shows 0 CPUs: not taken"),
        ([Findings(source="the log", present=8193)], [0],
         "no source shows the CPUs: one stands here", "the log shows 8193 CPUs: not taken"),
        ([Findings(source="the log", present=8192)], list(range(8192)),
         "the log: how many, not which APIC ids", None),
    ],
)  # fmt: skip
def test_without_a_madt_the_srat_or_the_number_of_cpus_stands_for_it(
    findings: list[Findings], ids: list[int], origin: str, note: str | None
) -> None:
    captured = merge(findings, assume_tdx=False)
    assert [slot.apic_id for slot in captured.slots] == ids
    assert all(slot.enabled for slot in captured.slots)
    assert captured.origins["madt"] == origin
    assert [text for text in captured.warnings if "of the SRAT" in text or "not taken" in text] == (
        [note] if note else []
    )


FOUR = _apics((0, ON), (2, ON), (0x20, ON), (0x22, ON))


@pytest.mark.parametrize(
    ("shown", "packages", "origin"),
    [
        (Findings(source="/sys", apics=FOUR, package_of=(0, 1, 0, 1)), [0, 1, 0, 1], "/sys"),
        (Findings(source="/sys", apics=FOUR, package_of=(0, 0, 0, 31)), [0, 0, 0, 31], "/sys"),
        # More packages than a description may have; fewer than there are CPUs.
        (
            Findings(source="/sys", apics=FOUR, package_of=(0, 0, 0, 32)),
            [0, 0, 0, 0],
            "not shown: all CPUs are in one",
        ),
        (
            Findings(source="/sys", apics=FOUR, package_of=(0, 1, 1)),
            [0, 0, 0, 0],
            "not shown: all CPUs are in one",
        ),
        (
            Findings(source="the log", apics=FOUR, packages=1),
            [0, 0, 0, 0],
            "the log: there is one",
        ),
        (
            Findings(source="the log", apics=FOUR, packages=2),
            [0, 0, 1, 1],
            "the log: 2, told apart by APIC ids",
        ),
        (
            Findings(source="the log", apics=FOUR, packages=4),
            [0, 1, 2, 3],
            "the log: 4, told apart by APIC ids",
        ),
        (
            Findings(
                source="the log",
                apics=_apics((0x10, ON), (0x12, ON), (0x30, ON), (0x32, ON)),
                packages=2,
            ),
            [0, 0, 1, 1],
            "the log: 2, told apart by APIC ids",
        ),
        (
            Findings(source="the log", apics=_apics((1, ON), (8, ON)), packages=2),
            [0, 1],
            "the log: 2, told apart by APIC ids",
        ),
        (
            Findings(
                source="the log",
                apics=_apics((0, ON), (1 << 30, ON), (1 << 31, ON), (3 << 30, ON)),
                packages=2,
            ),
            [0, 0, 1, 1],
            "the log: 2, told apart by APIC ids",
        ),
        # No number of high bits tells three apart.
        (
            Findings(source="the log", apics=FOUR, packages=3),
            [0, 0, 1, 2],
            "the log: 3, which is not shown",
        ),
        # APIC ids that were made up tell nothing.
        (Findings(source="lscpu", present=4, packages=2), [0, 0, 1, 1],
         "lscpu: 2, which is not shown"),
        (Findings(source="the log", apics=FOUR, packages=32), [0, 8, 16, 24],
         "the log: 32, which is not shown"),
        (Findings(source="the log", apics=FOUR, packages=33), [0, 0, 0, 0],
         "not shown: all CPUs are in one"),
        (Findings(source="the log", apics=FOUR, packages=0), [0, 0, 0, 0],
         "not shown: all CPUs are in one"),
        (
            Findings(
                source="the log",
                apics=FOUR,
                cpu_nodes=((0, 1), (2, 0), (0x20, 0), (0x22, 31)),
            ),
            [1, 0, 0, 31],
            "not shown: a NUMA node with CPUs is taken for one",
        ),
        (
            Findings(
                source="the log",
                apics=FOUR,
                cpu_nodes=((0, 1), (2, 0), (0x20, 0), (0x22, 32)),
            ),
            [0, 0, 0, 0],
            "not shown: all CPUs are in one",
        ),
        (
            Findings(source="the log", apics=FOUR, cpu_nodes=((0, 1), (2, 0), (0x20, 0))),
            [0, 0, 0, 0],
            "not shown: all CPUs are in one",
        ),
    ],
)  # fmt: skip
def test_packages_are_taken_from_what_shows_them_best(
    shown: Findings, packages: list[int], origin: str
) -> None:
    """Expect each CPU's own, then a number told apart by APIC ids, then nodes, then one."""
    captured = _merged(shown)
    assert ([slot.package for slot in captured.slots], captured.origins["package"]) == (
        packages,
        origin,
    )


@pytest.mark.parametrize(
    ("apics", "package_of", "packages"),
    [
        # Of an id between two packages the high bits tell; of one far off nothing does.
        (
            _apics((0, ON), (1, OFF), (0x40, ON), (0x7F, OFF), (0x80, OFF)),
            (0, 1),
            [0, 0, 1, 1, 0],
        ),
        (_apics((0x3, ON), (0x4, ON), (0x5, OFF), (0x2, OFF)), (1, 0), [1, 0, 0, 1]),
        # Ids that differ in their lowest bit alone.
        (_apics((8, ON), (9, ON), (10, OFF)), (0, 1), [0, 1, 0]),
        # One id in two packages: no bits tell.
        (_apics((8, ON), (8, ON), (9, OFF)), (1, 2), [1, 2, 0]),
        (_apics((1 << 31, ON), (3 << 30, OFF), (1, ON)), (1, 0), [1, 1, 0]),
    ],
)
def test_a_slot_that_is_not_enabled_is_in_the_package_whose_ids_are_like_its_own(
    apics: tuple[LocalApic, ...], package_of: tuple[int, ...], packages: list[int]
) -> None:
    captured = _merged(Findings(source="/sys", apics=apics, package_of=package_of))
    assert [slot.package for slot in captured.slots] == packages


def test_by_nodes_a_slot_that_is_not_enabled_and_of_no_node_is_in_the_first_package() -> None:
    shown = Findings(source="the log", apics=_apics((0, ON), (2, OFF)), cpu_nodes=((0, 1),))
    assert [slot.package for slot in _merged(shown).slots] == [1, 0]


def test_by_a_number_of_packages_a_slot_that_is_in_none_of_them_is_in_the_first() -> None:
    apics = _apics((0x20, ON), (0x40, ON), (0x21, OFF), (0x60, OFF))
    captured = _merged(Findings(source="the log", apics=apics, packages=2))
    assert [slot.package for slot in captured.slots] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("shown", "online", "origin", "note"),
    [
        (Findings(source="/sys", present=4, online=(0, 1, 3)), (0, 1, 3),
         "/sys: present and online", None),
        (Findings(source="/sys", present=4, online=(0, 1, 2, 3)), None,
         "/sys: present and online", None),
        (Findings(source="/sys", present=4, online=(0, 4)), None, None,
         "/sys has CPU 4 online, of 4: not taken"),
        (Findings(source="/sys", present=4, online=(3,)), (3,), "/sys: present and online", None),
        (Findings(source="the log", present=4, brought_up=1), (0,),
         "the log: 1 of 4 brought up, taken for the first", None),
        (Findings(source="the log", present=4, brought_up=4), None, "the log: all brought up",
         None),
        (Findings(source="the log", present=4, brought_up=0), None, "the log: all brought up",
         None),
        (Findings(source="the log", present=4, brought_up=2, online=(0, 9)), (0, 1),
         "the log: 2 of 4 brought up, taken for the first",
         "the log has CPU 9 online, of 4: not taken"),
        (Findings(source="the log", present=4), None, None, None),
    ],
)  # fmt: skip
def test_cpus_that_are_online_are_those_shown_or_the_first_that_were_brought_up(
    shown: Findings, online: tuple[int, ...] | None, origin: str | None, note: str | None
) -> None:
    """Expect None where all are, and a list that names a CPU that is not there not to be taken."""
    captured = _merged(shown)
    assert (captured.online, captured.origins.get("online")) == (online, origin)
    assert [text for text in captured.warnings if "online" in text] == ([note] if note else [])


def test_cpus_online_of_another_number_of_cpus_are_not_taken() -> None:
    """Expect the lists of /sys to be of its own 3 CPUs, not of the MADT's 4."""
    captured = _merged(
        Findings(source="the MADT", apics=FOUR), Findings(source="/sys", present=3, online=(0, 1))
    )
    assert captured.online is None


def _ranges(captured: Captured) -> list[tuple[int, int, int]]:
    return [(block.start, block.end, block.node) for block in captured.ranges]


NO_SRAT = "no memory of an SRAT is shown: all memory is of node 0"
BY_CMRS = "the memory ranges are the CMRs: TDMRs and reserved areas may differ from the machine's"


@pytest.mark.parametrize(
    ("findings", "ranges", "origin", "notes"),
    [
        (
            [Findings(source="/proc/iomem", usable=((MIB, GIB),))],
            [(MIB, GIB, 0)],
            "/proc/iomem: usable RAM as the kernel cuts it",
            [NO_SRAT],
        ),
        (
            [
                Findings(source="/proc/iomem", usable=((MIB, 4 * GIB),)),
                Findings(source="the SRAT", affinity=(Block(0, GIB, 0), Block(GIB, 4 * GIB, 1))),
            ],
            [(MIB, GIB, 0), (GIB, 4 * GIB, 1)],
            "/proc/iomem: usable RAM as the kernel cuts it, nodes from the SRAT",
            [],
        ),
        (
            [
                Findings(
                    source="the log",
                    usable=((MIB, GIB),),
                    affinity=(Block(0, GIB, 1),),
                    cmrs=((9 * GIB, 10 * GIB), (MIB, GIB), (4 * GIB, 5 * GIB)),
                )
            ],
            [(MIB, GIB, 1), (4 * GIB, 5 * GIB, 0), (9 * GIB, 10 * GIB, 0)],
            "the log: usable RAM as the kernel cuts it, nodes from the log's SRAT",
            ["the log shows no memory above 4 GiB: the CMRs stand for it"],
        ),
        (
            [
                Findings(
                    source="the log",
                    cmrs=((4 * GIB, 6 * GIB), (MIB, GIB), (5 * GIB, 7 * GIB), (5 * GIB, 6 * GIB)),
                    affinity=(Block(0, 6 * GIB, 0), Block(6 * GIB, 7 * GIB, 1)),
                )
            ],
            [(MIB, GIB, 0), (4 * GIB, 6 * GIB, 0), (6 * GIB, 7 * GIB, 1)],
            "the log: its CMRs; no source shows the memory ranges",
            [BY_CMRS],
        ),
        (
            [Findings(source="the log", cmrs=((0, GIB),))],
            [(0, GIB, 0)],
            "the log: its CMRs; no source shows the memory ranges",
            [BY_CMRS],
        ),
    ],
)
def test_memory_is_taken_from_what_shows_it_best(
    findings: list[Findings],
    ranges: list[tuple[int, int, int]],
    origin: str,
    notes: list[str],
) -> None:
    """Expect the map with the SRAT's nodes, and CMRs where there is no map or it was cut."""
    captured = merge(findings, assume_tdx=False)
    assert (_ranges(captured), captured.origins["ranges"]) == (ranges, origin)
    assert [note for note in captured.warnings if "CPUs" not in note] == notes


def test_cmrs_that_begin_at_4_gib_do_not_stand_beside_a_map_that_goes_on_there() -> None:
    captured = _merged(
        Findings(
            source="the log",
            usable=((MIB, GIB), (4 * GIB, 4 * GIB + MIB)),
            cmrs=((MIB, GIB), (4 * GIB, 8 * GIB)),
        )
    )
    assert _ranges(captured) == [(MIB, GIB, 0), (4 * GIB, 4 * GIB + MIB, 0)]


def test_memory_ends_32_mib_below_2_to_the_52_at_most() -> None:
    """Expect room for a SEAM range above it."""
    end = LAST - 32 * MIB
    low = Block(MIB, GIB, 0)
    captured = _merged(Findings(source="the log", blocks=(low, Block(2 * GIB, end, 0))))
    assert captured.ranges == (low, Block(2 * GIB, end, 0))
    with pytest.raises(FirmwareDataError) as caught:
        _merged(Findings(source="the log", blocks=(low, Block(2 * GIB, end + 0x1000, 0))))
    problem = caught.value.diagnostics()[0]
    assert problem.summary == "shows memory where no machine has any"
    assert problem.detail == ("expected its end 32 MiB below 2^52 or lower, got 0xffffffe001000")


@pytest.mark.parametrize(("ranges", "node", "fits"), [(4096, 1023, 1), (4097, 0, 0), (1, 1024, 0)])
def test_a_description_has_4096_ranges_and_nodes_up_to_1023_at_most(
    ranges: int, node: int, fits: int
) -> None:
    blocks = tuple(Block(MIB + (i << 13), MIB + (i << 13) + 4096, node) for i in range(ranges))
    shown = Findings(source="the log", blocks=blocks)
    if fits:
        assert len(_merged(shown).ranges) == ranges
        return
    with pytest.raises(FirmwareDataError) as caught:
        _merged(shown)
    problem = caught.value.diagnostics()[0]
    assert problem.summary == "shows more memory ranges than a description may have"
    assert problem.detail == f"expected at most 4096 and nodes up to 1023, got {ranges}"


ENABLED, DISABLED, ABSENT = Seamrr.ENABLED, Seamrr.DISABLED, Seamrr.ABSENT


@pytest.mark.parametrize(
    ("findings", "firmware", "origin"),
    [
        (
            [Findings(source="the log", keyids=(32, 64))],
            (ENABLED, 31, 32),
            "the log: private KeyID range",
        ),
        (
            [Findings(source="the log", keyids=(1, 1), seamrr=DISABLED)],
            (DISABLED, 0, 0),
            "the log: private KeyID range",
        ),
        # KeyID 0 is TME's own: a range from there is none.
        (
            [Findings(source="the log", keyids=(0, 64), seamrr=ENABLED)],
            (ENABLED, 0, 0),
            "the log: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="the log", keyids=(64, 32), seamrr=ENABLED)],
            (ENABLED, 0, 0),
            "the log: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="MSRs", seamrr=ENABLED, tdx_keyids=16, mktme_keyids=63)],
            (ENABLED, 47, 16),
            "MSRs: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="MSRs", seamrr=ENABLED, tdx_keyids=64, mktme_keyids=63)],
            (ENABLED, 0, 64),
            "MSRs: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="the report", seamrr=ENABLED, tdx_keyids=16)],
            (ENABLED, 31, 16),
            "the report: SEAMRR and the number of KeyIDs; those of MKTME are not shown",
        ),
        (
            [Findings(source="the report", seamrr=DISABLED)],
            (DISABLED, 0, 0),
            "the report: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="the report", seamrr=DISABLED, mktme_keyids=63)],
            (DISABLED, 63, 0),
            "the report: SEAMRR and the number of KeyIDs",
        ),
        (
            [Findings(source="the log", mktme_keyids=63)],
            (ABSENT, 63, 0),
            "the log shows 63 KeyIDs, none of them TDX's",
        ),
        ([Findings(source="the log", present=1)], (ABSENT, 0, 0), "the log shows no TDX"),
        (
            [Findings(source="the log", present=1), Findings(source="lscpu", packages=1)],
            (ABSENT, 0, 0),
            "no source shows TDX",
        ),
    ],
)
def test_the_firmware_is_what_shows_of_seamrr_and_keyids(
    findings: list[Findings], firmware: tuple[Seamrr, int, int], origin: str
) -> None:
    captured = merge(findings, assume_tdx=False)
    assert (captured.seamrr, captured.mktme_keyids, captured.tdx_keyids) == firmware
    assert captured.origins["firmware"] == origin
    assert captured.assumed is False


@pytest.mark.parametrize(
    ("shown", "assumed"),
    [
        (Findings(source="t", keyids=(64, 80), seamrr=ENABLED, keyid_bits=7,
                  seamrr_range=(GIB, 32 * MIB)), False),
        (Findings(source="t", keyids=(64, 80), keyid_bits=7, seamrr_range=(GIB, 32 * MIB)), True),
        (Findings(source="t", seamrr=ENABLED, keyid_bits=7, seamrr_range=(GIB, 32 * MIB)), True),
    ],
)  # fmt: skip
def test_tdx_is_assumed_where_it_is_not_shown_whole(shown: Findings, assumed: bool) -> None:
    """Expect 31 and 32 KeyIDs then, and nothing of what the registers held."""
    captured = _merged(shown, assume_tdx=True)
    assert captured.assumed is assumed
    firmware = captured.seamrr, captured.mktme_keyids, captured.tdx_keyids
    registers = captured.seamrr_range, captured.keyid_bits
    if assumed:
        assert (firmware, registers) == ((ENABLED, 31, 32), (None, None))
        assert captured.origins["firmware"] == "assumed (--assume-tdx), not shown"
    else:
        assert (firmware, registers) == ((ENABLED, 63, 16), ((GIB, 32 * MIB), 7))


@pytest.mark.parametrize(
    ("cpu", "assume_tdx", "told"),
    [
        ((6, 0x55), True, True),  # Skylake
        ((6, 0x55), False, False),
        ((6, 0xCF), True, False),  # Emerald Rapids
        ((6, 0xFF), True, False),  # not known
        (None, True, False),
    ],
)
def test_where_tdx_is_assumed_of_a_cpu_without_it_that_is_told(
    cpu: tuple[int, int] | None, assume_tdx: bool, told: bool
) -> None:
    captured = _merged(Findings(source="the log", present=1, cpu=cpu), assume_tdx=assume_tdx)
    note = (
        "the CPU has no TDX, whatever is assumed of the firmware: SEAMCALL raises #UD. To see what "
        "the rest would do on a CPU with TDX: --set cpus.model=emerald-rapids"
    )
    assert (note in captured.warnings) is told
    assert captured.cpu == cpu


@pytest.mark.parametrize(
    ("shown", "module", "origin", "notes"),
    [
        (
            Findings(source="the log", present=1),
            ModuleShown(loaded=False),
            "where SEAMRR is not enabled there is none",
            [],
        ),
        (
            Findings(source="the log", keyids=(32, 64)),
            None,
            "no source shows the TDX module: the default stands",
            [],
        ),
        (
            Findings(source="the log", present=1, module=ModuleShown(loaded=True)),
            ModuleShown(loaded=True),
            "the log",
            [],
        ),
        (
            Findings(source="the log", module=ModuleShown(loaded=True, version="1.5")),
            ModuleShown(loaded=True, version="1.5"),
            "the log",
            ["module 1.5 is shown without its build: assumed is 1.5.25"],
        ),
        (
            Findings(source="the log", module=ModuleShown(loaded=True, version="9.9")),
            ModuleShown(loaded=True, version="9.9"),
            "the log",
            [],
        ),
    ],
)
def test_the_module_is_the_one_shown_and_none_where_seamrr_is_off(
    shown: Findings, module: ModuleShown | None, origin: str, notes: list[str]
) -> None:
    captured = _merged(shown)
    assert (captured.module, captured.origins["module"]) == (module, origin)
    assert [note for note in captured.warnings if note.startswith("module")] == notes


def test_of_cmrs_as_many_are_taken_as_a_module_has_entries_for() -> None:
    cmrs = tuple((i * GIB, i * GIB + MIB) for i in range(1, 34))
    captured = _merged(Findings(source="the log", cmrs=cmrs))
    assert captured.cmrs == cmrs[:32]
    assert captured.origins["cmrs"] == "the log"


def test_of_what_sources_show_differently_the_first_is_taken_and_that_is_told_once() -> None:
    first = Findings(
        source="the log",
        blocks=(Block(MIB, GIB, 0),),
        present=1,
        keyids=(32, 64),
        cpu=(6, 0xCF),
        cmrs=((MIB, GIB),),
        brought_up=1,
        kernel="6.8.0",
        warnings=("odd", "odd"),
    )
    second = Findings(
        source="lscpu",
        blocks=(Block(MIB, 2 * GIB, 0),),
        present=2,
        keyids=(32, 48),
        cpu=(6, 0x8F),
        cmrs=((MIB, 2 * GIB),),
        brought_up=2,
        kernel="6.11.0",
        packages=1,
    )
    captured = _merged(first, second, first)
    assert captured.warnings == (
        "the log and lscpu show different memory ranges: the log is taken",
        "the log and lscpu show different CMRs: the log is taken",
        "the log and lscpu show different number of CPUs: the log is taken",
        "the log and lscpu show different CPU models: the log is taken",
        "the log and lscpu show different TDX KeyIDs: the log is taken",
        "odd",
    )
    assert (captured.kernel, captured.cpu, captured.ranges) == (
        "6.8.0",
        (6, 0xCF),
        (Block(MIB, GIB, 0),),
    )
    assert captured.origins["package"] == "lscpu: there is one"
