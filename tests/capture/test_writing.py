# SPDX-License-Identifier: Apache-2.0
"""The text of a description that was captured: each part, and the comment beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tdxctl.capture.findings import Block, ModuleShown
from tdxctl.capture.merge import Captured, CpuSlot
from tdxctl.capture.write import write_description
from tdxctl.platform.description import Seamrr
from tests.capture.bare import BARE

GIB = 1 << 30


def _written(captured: Captured, name: str = "t", description: str | None = None) -> str:
    return write_description(captured, name=name, options="FILE", description=description)


def _slots(*ids: int) -> tuple[CpuSlot, ...]:
    return tuple(CpuSlot(apic_id, 0, enabled=True) for apic_id in ids)


def test_a_platform_of_which_little_is_shown() -> None:
    assert _written(BARE) == (
        "# Captured with: tdxctl capture FILE\n"
        "schema: tdxctl.platform/1\n"
        "name: t\n"
        "description: 1 CPU in 1 package\n"
        "cpus:\n"
        "  madt:  # M; packages: P\n"
        '    - {apic_id: 0, package: 0}\n'
        "memory:\n"
        "  ranges: []  # R\n"
        "  cmrs: auto  # no source shows them\n"
        "firmware:\n"
        "  seamrr: absent  # F\n"
        "  mktme_keyids: 0\n"
        "  tdx_keyids: 0\n"
        "# module: no module"
    )  # fmt: skip


def test_a_platform_of_which_all_is_shown() -> None:
    """Expect every key with where it is from, and host.json's values where no file shows one."""
    captured = replace(
        BARE,
        slots=(
            CpuSlot(0, 0, enabled=True),
            CpuSlot(1, 0, enabled=True),
            CpuSlot(8, 1, enabled=True),
            CpuSlot(9, 1, enabled=False),
        ),
        disabled_cpus=4,
        online=(0, 2),
        cpu=(6, 0xCF),
        ranges=(Block(0x100000, GIB, 0), Block(GIB, 2 * GIB, 1)),
        cmrs=((0x100000, GIB),),
        seamrr=Seamrr.ENABLED,
        mktme_keyids=31,
        tdx_keyids=32,
        module=ModuleShown(
            loaded=True, version="1.5.05", build_date=20240129, build_num=698, features=0x3FF
        ),
        hibernation=True,
        kernel="6.8.0",
        assumed=True,
        seamrr_range=(GIB, 32 << 20),
        keyid_bits=6,
        features_off=("vmx", "mtrr"),
        not_shown={
            "cpus.a": "1",
            "memory.b": "2",
            "firmware.c": "3",
            "kernel.d": "4",
            "seed": "5",
        },
        origins={
            **BARE.origins,
            "online": "O",
            "disabled_cpus": "D",
            "cmrs": "C",
            "module": "L",
        },
        warnings=("one", "two"),
    )
    text = write_description(captured, name="t", options="FILE", source="a lab", description="x y")
    shows = "  # host.json: no file of a host shows it"
    assert text == (
        "# Captured with: tdxctl capture FILE\n"
        "# Source: a lab\n"
        "# Assumed: TDX firmware, SEAMRR and KeyIDs, which no source shows\n"
        "# Note: one\n"
        "# Note: two\n"
        "schema: tdxctl.platform/1\n"
        "name: t\n"
        "description: x y\n"
        "cpus:\n"
        "  # running Linux 6.8.0 when captured\n"
        "  model: {family: 0x6, model: 0xcf}\n"
        "  features: {vmx: false, mtrr: false}  # flags of /proc/cpuinfo\n"
        f"  a: 1{shows}\n"
        "  madt:  # M; packages: P\n"
        "    - {apic_id: 0-1, package: 0}\n"
        "    - {apic_id: 8, package: 1}\n"
        "    - {apic_id: 9, package: 1, enabled: false}\n"
        '  online: "0,2"  # O\n'
        "  disabled_cpus: 4  # D\n"
        "memory:\n"
        "  ranges:  # R\n"
        "    - {start: 0x100000, end: 0x40000000, node: 0}\n"
        "    - {start: 0x40000000, end: 0x80000000, node: 1}\n"
        f"  b: 2{shows}\n"
        "  cmrs:  # C\n"
        "    - {base: 0x100000, size: 0x3ff00000}\n"
        "firmware:\n"
        "  seamrr: enabled  # F\n"
        "  mktme_keyids: 31\n"
        "  tdx_keyids: 32\n"
        "  keyid_bits: 6  # IA32_TME_ACTIVATE\n"
        "  seamrr_range: {base: 0x40000000, size: 0x2000000}  # IA32_SEAMRR_PHYS_BASE\n"
        f"  c: 3{shows}\n"
        "module:  # L\n"
        "  loaded: true\n"
        '  version: "1.5.05"  # as shown\n'
        "  build_date: 20240129\n"
        "  build_num: 698\n"
        "  features: 0x3ff\n"
        "kernel:\n"
        "  hibernation: true  # the log says so\n"
        f"  d: 4{shows}\n"
        f"seed: 5{shows}"
    )


def test_what_host_json_has_is_not_taken_from_elsewhere() -> None:
    captured = replace(
        BARE,
        cmrs=((0x100000, GIB),),
        features_off=("vmx",),
        module=ModuleShown(loaded=True, version="1.5"),
        not_shown={
            "cpus.features": "{}",
            "memory.cmrs": "[]",
            "module.version": '"1.5.06"',
            "module": "{}",
        },
    )
    text = _written(captured)
    assert "vmx" not in text
    assert "0x100000" not in text
    assert "module:  #" not in text
    assert text.endswith("\nmodule: {}  # host.json: no file of a host shows it")


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (None, "# module: no module"),
        (ModuleShown(loaded=False), "module: {loaded: false}  # no module"),
        (
            ModuleShown(loaded=True),
            "module: {loaded: true}  # no module; its version is not shown",
        ),
        (
            ModuleShown(loaded=True, version="9.9.99", build_date=1, build_num=2),
            "module:  # no module\n  loaded: true\n"
            "  # version 9.9.99 is not modelled: the default stands",
        ),
        (
            ModuleShown(loaded=True, version="1.5.06"),
            'module:  # no module\n  loaded: true\n  version: "1.5.06"  # as shown',
        ),
    ],
)
def test_a_module_is_written_as_far_as_it_is_shown(module: ModuleShown | None, text: str) -> None:
    assert _written(replace(BARE, module=module)).endswith(f"  tdx_keyids: 0\n{text}")


def test_the_version_that_host_json_has_of_a_module_is_the_one() -> None:
    module = ModuleShown(loaded=True, version="1.5", features=1)
    text = _written(replace(BARE, module=module, not_shown={"module.version": '"1.5.06"'}))
    assert text.endswith(
        '  loaded: true\n  version: "1.5.06"  # host.json: no file of a host shows it\n'
        "  features: 0x1"
    )


def test_a_disabled_cpu_count_of_the_slots_is_left_to_them() -> None:
    captured = replace(BARE, origins={**BARE.origins, "disabled_cpus": "D"})
    assert "  disabled_cpus: auto  # D\n" in _written(captured)
    assert "  disabled_cpus: 0  # D\n" in _written(replace(captured, disabled_cpus=0))


def test_a_cpu_that_is_not_shown_is_one_that_the_module_is_signed_for() -> None:
    module = ModuleShown(loaded=True, version="1.5", build_date=20240725, build_num=784)
    text = _written(replace(BARE, module=module))
    assert (
        "cpus:\n  # which CPU is not shown; the module is signed for this one\n"
        "  model: {family: 0x6, model: 0x8f}\n"
    ) in text
    assert "  model" not in _written(replace(BARE, module=replace(module, version="9.9")))
    assert "signed" not in _written(replace(BARE, module=module, cpu=(6, 0xCF)))


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ((0,), "0"),
        ((0, 1), "0-1"),
        ((0, 1, 2, 3), "0-3"),
        ((0, 2), '"0,2"'),
        ((0, 2, 4), '"0-4:1/2"'),
        ((0, 2, 4, 5, 6), '"0-4:1/2,5-6"'),
        ((0, 2, 3), '"0,2-3"'),
        ((0, 3, 5), '"0,3,5"'),
        ((0, 8, 16, 25), '"0-16:1/8,25"'),
        ((3, 2, 1), '"3,2,1"'),
        ((0, 0), '"0,0"'),
        ((5, 1, 2), '"5,1-2"'),
    ],
)
def test_apic_ids_are_written_in_order_as_runs(ids: tuple[int, ...], text: str) -> None:
    """Expect neighbours as one run, and three or more of one distance as every n-th."""
    assert f"    - {{apic_id: {text}, package: 0}}\n" in _written(replace(BARE, slots=_slots(*ids)))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("my-server", "my-server"),
        ("7", '"7"'),
        ("7a", '"7a"'),
        ("No", '"No"'),
        ("n", '"n"'),
        ("null", '"null"'),
        ("nobody", "nobody"),
        ("a7", "a7"),
    ],
)
def test_a_name_that_yaml_takes_for_something_else_is_quoted(name: str, written: str) -> None:
    assert f"\nname: {written}\n" in _written(BARE, name)


@pytest.mark.parametrize(
    ("description", "written"),
    [
        ("a server, 2 sockets (lab/3)", "a server, 2 sockets (lab/3)"),
        ("server", '"server"'),
        ("a: b", '"a: b"'),
        ("a b ", '"a b "'),
        ("- a b", '"- a b"'),
        ("a \u00e9", '"a \u00e9"'),
        ('a "b"', '"a \\"b\\""'),
    ],
)
def test_a_description_is_plain_where_yaml_takes_it_for_text(
    description: str, written: str
) -> None:
    assert f"\ndescription: {written}\n" in _written(BARE, description=description)


def test_a_platform_describes_itself_by_what_is_enabled() -> None:
    captured = replace(
        BARE,
        slots=(
            CpuSlot(0, 0, enabled=True),
            CpuSlot(1, 1, enabled=True),
            CpuSlot(2, 2, enabled=False),
        ),
        ranges=(Block(0, GIB, 0), Block(GIB, 2 * GIB, 0)),
    )
    assert "\ndescription: 2 CPUs in 2 packages, 2 GiB in 1 NUMA node\n" in _written(captured)


def test_a_long_note_is_wrapped_with_its_rest_further_in() -> None:
    """Expect lines of 96 characters at most behind the sign of a comment."""
    text = _written(replace(BARE, warnings=("x" * 80 + " " + "y-" * 10 + " z",)))
    assert f"# Note: {'x' * 80}\n#   {'y-' * 10} z\n" in text
    text = _written(replace(BARE, warnings=("x" * 80 + " " + "y" * 9 + " z",)))
    assert f"# Note: {'x' * 80} {'y' * 9}\n#   z\n" in text
