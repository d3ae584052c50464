# SPDX-License-Identifier: Apache-2.0
"""Faults inside the module, described or set on a running machine: what the bring-up makes of them.

    memory   [1 MiB ........ 2 GiB)            TDMR 0 [0, 2 GiB)
                                [4 GiB .. 5 GiB)   TDMR 1 [4, 5 GiB)

CPUs 0 and 1 are package 0, CPUs 2 and 3 package 1.
"""

from __future__ import annotations

import pytest

from tdxctl import Machine, Platform
from tdxctl.platform.faults import HaltedModule
from tdxctl.seam.conditions import Conditions


def platform(version: str = "1.5.01", **changed: object) -> Platform:
    """The machine of the picture."""
    data: dict[str, object] = {
        "name": "picture",
        "cpus": {
            "madt": [{"apic_id": "0-1", "package": 0}, {"apic_id": "128-129", "package": 1}],
        },
        "memory": {
            "ranges": [
                {"start": "1MiB", "end": "2GiB"},
                {"start": "4GiB", "end": "5GiB"},
            ]
        },
        "module": {"version": version},
    }
    return Platform.from_dict(data | changed)


@pytest.mark.parametrize(
    ("fault", "step", "status"),
    [
        # KEY.CONFIG 1 succeeds, 2 fails: TDX_KEY_GENERATION_FAILED, TDX_OPERAND_BUSY + KET, halt.
        ({"pconfig": "entropy_error", "call": 2}, "key-config", 0x8000080000000000),
        ({"pconfig": "device_busy", "call": 2}, "key-config", 0x80000200000000BB),
        ({"pconfig": 7, "call": 2}, "key-config", 0x8000FF00FFFF0000),
        # SYS.INIT uses one RDRAND, then [01] LP.INIT one each: TDX_RND_NO_ENTROPY.
        ({"rdrand": "no_entropy"}, "global-init", 0x8000020300000000),
        ({"rdrand": "no_entropy", "call": 3}, "cpu-init", 0x8000020300000000),
        # TDX_SYS_BUSY: SYS.INIT wants the lock exclusively, as does whatever comes first.
        ({"global_lock": "exclusive"}, "global-init", 0x8000020200000000),
        ({"global_lock": "shared"}, "global-init", 0x8000020200000000),
        # TDX_OPERAND_BUSY + RCX from the TDMR.INIT of TDMR 1.
        ({"tdmr_lock": 1}, "memory-init", 0x8000020000000001),
        ({"module": "halted"}, "global-init", 0x8000FF00FFFF0000),
    ],
)
def test_a_described_fault_of_the_module(fault: dict[str, object], step: str, status: int) -> None:
    result = Machine.boot(platform(faults=[fault])).tdx_init()
    assert result.failure is not None
    assert (result.failure.step, result.failure.status) == (step, status)


def test_instructions_are_counted_one_by_one() -> None:
    """A queue given by hand comes before what is scripted by number."""
    conditions = Conditions(
        pconfig=[5], pconfig_faults=[(2, 1, 1), (2, 3, 2)], rdrand_faults=[(2, 2), (5, 1)]
    )
    assert [conditions.next_pconfig() for _ in range(5)] == [5, 0, 2, 2, 0]
    assert [conditions.rdrand() for _ in range(6)] == [True, False, False, True, False, True]
    conditions.pconfig_faults.append((7, 6, 1))
    conditions.clear()
    assert conditions.next_pconfig() == 0


def test_cleared_faults_fire_no_more_but_a_halted_module_stays_halted() -> None:
    machine = Machine.boot(platform(faults=[{"global_lock": "exclusive"}, {"tdmr_lock": 0}]))
    machine.clear_faults()
    assert machine.tdx_init().returned == 0
    halted = Machine.boot(platform(faults=[{"module": "halted"}]))
    halted.clear_faults()
    assert halted.tdx_init().returned == -19
    fresh = Machine.boot(platform())
    fresh.set_fault(HaltedModule("halted"))
    assert fresh.tdx_init().returned == -19


def test_every_fault_of_the_module_survives_being_stored() -> None:
    faults = [
        {"pconfig": "device_busy", "call": 2, "times": 3},
        {"rdrand": "no_entropy", "call": 4, "times": 5},
        {"global_lock": "shared"},
        {"tdmr_lock": 63},
        {"busy_cpu": 3},
        {"module": "halted"},
    ]
    told = platform(faults=faults)
    assert told.to_dict()["faults"] == [{"pconfig": 5, "call": 2, "times": 3}, *faults[1:]]
    assert Platform.from_canonical(told.to_dict()) == told


def test_seamops_capabilities_and_a_tme_without_integrity() -> None:
    """TDX_INCOMPATIBLE_SEAM_CAPABILITIES from SYS.INIT where all lack them, from LP.INIT of one."""
    cpus = {"madt": [{"apic_id": "0-3"}]}
    for seamops, step, cpu in (
        ([{"value": 0}], "global-init", 0),
        ([{"value": 0, "cpu": 3}], "cpu-init", 3),
    ):
        failure = Machine.boot(platform(cpus=cpus | {"seamops": seamops})).tdx_init().failure
        assert failure is not None
        assert (failure.step, failure.cpu, failure.status) == (step, cpu, 0xC000050D00000000)
    plain = platform(firmware={"tdx_without_integrity": True}, cpus=cpus)
    assert Platform.from_canonical(plain.to_dict()) == plain
    # IA32_TME_CAPABILITY without bit 1 (AES-XTS-128 with integrity) passes only without integrity.
    tme = [{"msr": "IA32_TME_CAPABILITY", "value": "0x7f600000001"}]
    tme.append({"msr": "IA32_TME_ACTIVATE", "value": "0x1000600000003"})
    statuses = {}
    for without in (True, False):
        firmware = {"tdx_without_integrity": without, "msrs": tme}
        result = Machine.boot(platform(cpus=cpus, firmware=firmware)).tdx_init()
        statuses[without] = result.failure.status if result.failure else 0
    assert statuses == {True: 0, False: 0xC000092100000981}
