# SPDX-License-Identifier: Apache-2.0
"""MSRs and CPUID registers in a description, and what SYS.INIT and SYS.LP.INIT say of them."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import DescriptionError
from tdxctl.explain.failures import explain_failure
from tdxctl.seam.msrs import MSRS

GIB = 1 << 30

MINIMAL = {
    "name": "values",
    "memory": {"ranges": [{"start": 0, "end": 4 * GIB}]},
}
MADT = [{"apic_id": "0-1", "package": 0}, {"apic_id": "2-3", "package": 1}]


def platform(msrs: list[object], cpuid: list[object]) -> Platform:
    return Platform.from_dict(
        {**MINIMAL, "cpus": {"madt": MADT, "cpuid": cpuid}, "firmware": {"msrs": msrs}}
    )


@pytest.mark.parametrize(
    ("msrs", "cpuid", "step", "cpu", "status"),
    [
        # IA32_XAPIC_DISABLE_STATUS must be 1: TDX_INCORRECT_MSR_VALUE + MSR.
        ([{"msr": 0xBD, "value": 0}], [], "global-init", 0, 0xC0000921_000000BD),
        # The lock bit of the SMRR is clear: TDX_SMRR_NOT_LOCKED, SMRR 0.
        ([{"msr": "SMRR_PHYSMASK", "value": 0}], [], "global-init", 0, 0xC0000910_00000000),
        # A valid SMRR of 8 MiB at 3 GiB lies in memory: TDX_SMRR_OVERLAPS_CMR, SMRR 0, CMR 0.
        (
            [
                {"msr": "IA32_SMRR_PHYSBASE", "value": "0xC0000006"},
                {"msr": "IA32_SMRR_PHYSMASK", "value": "0xFF800C00"},
            ],
            [],
            "global-init",
            0,
            0xC0000912_00000000,
        ),
        # TSC_ADJUST of CPU 3 differs from CPU 0's: TDX_INCONSISTENT_MSR + MSR.
        ([{"msr": "0x3b", "value": 5, "cpu": 3}], [], "cpu-init", 3, 0xC0000920_0000003B),
        # The SMRR of one CPU alone differs; the others' lies nowhere, not in memory below 4 GiB.
        (
            [{"msr": "SMRR_PHYSMASK", "value": 0, "cpu": 2}],
            [],
            "cpu-init",
            2,
            0xC0000920_000001F3,
        ),
        # IA32_MKTME_KEYID_PARTITIONING can differ on other CPUs than 0.
        ([{"msr": 0x87, "value": 0, "cpu": 1}], [], "cpu-init", 1, 0xC0000920_00000087),
        # CPUID 7.0 EDX of CPU 2 alone: TDX_INCONSISTENT_CPUID_FIELD.
        (
            [],
            [{"leaf": 7, "register": "edx", "value": 0, "cpu": 2}],
            "cpu-init",
            2,
            0xC0000902_00000000,
        ),
    ],
)
def test_what_differs_from_the_baseline_is_refused(
    msrs: list[object], cpuid: list[object], step: str, cpu: int, status: int
) -> None:
    machine = Machine.boot(platform(msrs, cpuid))
    result = machine.tdx_init()
    assert result.failure is not None
    assert (result.failure.step, result.failure.cpu) == (step, cpu)
    assert result.failure.status == status
    assert machine.status == "SHUTDOWN"


@pytest.mark.parametrize(
    ("cpuid", "where"),
    [
        ({"leaf": 7, "register": "edx", "value": 0, "cpu": 2}, "CPUID leaf 0x7, sub-leaf 0x0"),
        ({"leaf": 0, "register": "ebx", "value": 0}, "CPUID leaf 0x0"),
    ],
)
def test_the_reason_names_the_cpuid_leaf(cpuid: dict[str, object], where: str) -> None:
    failure = Machine.boot(platform([], [cpuid])).tdx_init().failure
    assert failure is not None
    assert explain_failure(failure).why.endswith(f"; {where}")


def test_a_value_that_is_the_baseline_s_changes_nothing() -> None:
    """Expect packages, CMRs and TDMRs as without: the rest of the platform is not replaced."""
    plain = Machine.boot(platform([], []))
    same = Machine.boot(platform([{"msr": "XAPIC_DISABLE_STATUS", "value": 1}], []))
    assert plain.tdx_init() == same.tdx_init()
    assert same.status == "INITIALIZED"
    assert plain.trace == same.trace


def test_the_kernel_reads_the_same_mtrrcap_as_the_module() -> None:
    """Expect no SEAMRR where MTRRCAP, as described for all CPUs, has bit 15 clear."""
    machine = Machine.boot(platform([{"msr": "IA32_MTRRCAP", "value": 0x5D0A}], []))
    assert "tdx: SEAMRR enabled." not in [line.text for line in machine.dmesg]


def test_the_canonical_description_keeps_the_values() -> None:
    told = platform(
        [{"msr": "IA32_MISC_ENABLE", "value": "0xFFFF_FFFF_FFFF_FFFF", "cpu": 1}],
        [{"leaf": "0x1F", "subleaf": 1, "register": "ecx", "value": 0x201}],
    )
    canonical = json.loads(json.dumps(told.to_dict()))
    assert canonical["firmware"]["msrs"] == [
        {"msr": 0x1A0, "value": "0xffffffffffffffff", "cpu": 1}
    ]
    assert canonical["cpus"]["cpuid"] == [
        {"leaf": 31, "subleaf": 1, "register": "ecx", "value": "0x201"}
    ]
    assert Platform.from_dict(canonical) == told == Platform.from_canonical(canonical)


@pytest.mark.parametrize(
    ("msrs", "cpuid", "complaints"),
    [
        (
            [{"msr": "IA32_TSX_CTL", "value": 0}],
            [],
            [
                "firmware.msrs.0.msr: is not the name of an MSR that the TDX module looks at "
                '(got "IA32_TSX_CTL")\n'
                "  hint: near: IA32_TSX_CTRL, IA32_TSC_ADJUST, IA32_VMX_MISC",
            ],
        ),
        (
            [{"msr": 0x87, "value": 0}],
            [],
            [
                "firmware.msrs.0.msr: can differ on CPUs other than 0 only (got 135)\n"
                "  hint: say it with firmware.mktme_keyids and firmware.tdx_keyids",
            ],
        ),
        (
            [{"msr": 0x3B, "value": 1 << 64, "cpu": 4}],
            [],
            [
                "firmware.msrs.0.value: must be at most 18446744073709551615 "
                "(got 18446744073709551616)",
                "firmware.msrs.0.cpu: does not exist (got 4)\n"
                "  hint: the enabled CPUs of the MADT are 0-3",
            ],
        ),
        (
            [],
            [{"leaf": 7, "subleaf": 9, "register": "rax", "value": 0}],
            [
                'cpus.cpuid.0.register: must be eax or ebx or ecx or edx (got "rax")',
                "cpus.cpuid.0.subleaf: is not one of leaf 0x7 that the TDX module looks at "
                "(got 9)\n  hint: it looks at 0-2",
            ],
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    msrs: list[object], cpuid: list[object], complaints: list[str]
) -> None:
    with pytest.raises(DescriptionError) as caught:
        platform(msrs, cpuid)
    assert [problem.render() for problem in caught.value.diagnostics()] == complaints


def test_a_fault_that_has_no_cpu_is_told_so_once() -> None:
    faults = [{"msr": 0x87, "cpu": 9}]
    with pytest.raises(DescriptionError) as caught:
        Platform.from_dict({**MINIMAL, "cpus": {"madt": MADT}, "faults": faults})
    assert [problem.render() for problem in caught.value.diagnostics()] == [
        "faults.0.cpu: unknown key\n  hint: keys of faults.0: msr, fault"
    ]


def test_the_names_are_those_of_the_module_s_own_table() -> None:
    data = files("tdxctl.seam").joinpath("data", "platform-1.5.01.json").read_text()
    assert {row["name"]: int(row["msr"], 16) for row in json.loads(data)["baseline_msr"]} == MSRS
