# SPDX-License-Identifier: Apache-2.0
"""seamcall_each is the loop it stands for, whatever is scripted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.conditions import GlobalLock
from tdxctl.seam.faults import Fault, FaultScript
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import seamcall_loop_each
from tdxctl.seam.seamcall import SeamcallInstruction
from tdxctl.seam.status import Status

LP_INIT = Leaf.TDH_SYS_LP_INIT
NO_ENTROPY = 0x8000020300000000
BUSY = 0x8000020200000000
LPS = 6


def _machine(
    faults: list[Fault],
    *,
    initialized: tuple[int, ...] = (),
    rdrand: tuple[int, int] | None = None,
    lock: GlobalLock = GlobalLock.FREE,
    packages: tuple[int, ...] = (0, 0, 0, 1, 1, 1),
    version: str = "1.5.25",
    raises: int | None = None,
) -> SeamcallInstruction:
    module = TdxModule(
        ModulePlatform(
            lps=LPS,
            packages=2,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=[(0x100000, 0x7FF00000)],
            seamrr=(0x3FFE000000, 0x2000000),
            package_ids=packages,
        ),
        version,
    )
    assert module.seamcall(0, Registers(rax=33)).rax == 0
    for cpu in initialized:
        assert module.seamcall(cpu, Registers(rax=35)).rax == 0
    if rdrand is not None:
        module.conditions.rdrand_faults.append(rdrand)
    module.conditions.global_lock = lock
    return SeamcallInstruction(
        module, FaultScript(tuple(faults)), lambda cpu: Status.GP if cpu == raises else None
    )


def _state(machine: SeamcallInstruction) -> tuple[object, ...]:
    # Everything that a later call can meet: the module's, and the calls that were counted.
    assert machine.module is not None
    state = machine.module.state
    counts = [machine.faults.next_calls(LP_INIT, cpu) for cpu in range(LPS)]
    return set(state.initialized_lps), dict(state.lp_package), state.conditions.rdrands, counts


CPUS = st.lists(st.integers(0, LPS - 1), min_size=1, unique=True)
FAULTS = st.lists(
    st.builds(
        Fault,
        leaf=st.just(LP_INIT),
        status=st.sampled_from([0, NO_ENTROPY, BUSY]),
        cpu=st.sampled_from([None, *range(LPS)]),
        call=st.integers(1, 8),
        times=st.integers(1, 4),
    ),
    max_size=4,
)
NOT_SCRIPTED = st.fixed_dictionaries(
    {},
    optional={
        "initialized": st.sampled_from([(1,), (4, 5)]),
        "rdrand": st.tuples(st.integers(1, 9), st.integers(1, 3)),
        "lock": st.sampled_from(GlobalLock),
        "packages": st.just((0, 0, 9, 1, 1, 1)),
        "version": st.sampled_from(["1.5.01", "1.5.25"]),
        "raises": st.integers(0, LPS - 1),
    },
)


@settings(max_examples=120, deadline=None)
@given(faults=FAULTS, others=NOT_SCRIPTED, turns=st.lists(CPUS, min_size=1, max_size=3))
def test_it_is_the_loop(
    faults: list[Fault], others: dict[str, object], turns: list[list[int]]
) -> None:
    """Expect the loop's registers and number of calls, and the same of everything afterwards."""
    looped, each = _machine(faults, **others), _machine(faults, **others)  # type: ignore[arg-type]
    call = Registers(rax=LP_INIT, rcx=7, r9=3)
    for cpus in turns:
        assert each.seamcall_each(cpus, call) == seamcall_loop_each(looped, cpus, call)
        assert _state(each) == _state(looped)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        # The third call, whichever CPU makes it; CPU 4's first; none before the seventh.
        (Fault(LP_INIT, BUSY, None, 3), (BUSY, 3)),
        (Fault(LP_INIT, BUSY, 4, 1), (BUSY, 5)),
        (Fault(LP_INIT, BUSY, None, 7), (0, 6)),
        (Fault(LP_INIT, BUSY, 4, 2), (0, 6)),
        # A fault that says success does not reach the module, and the calls go on.
        (Fault(LP_INIT, 0, 2, 1), (0, 6)),
    ],
)
def test_a_fault_fires_at_its_call(fault: Fault, answer: tuple[int, int]) -> None:
    out, calls = _machine([fault]).seamcall_each(range(LPS), Registers(rax=LP_INIT))
    assert (out.rax, calls) == answer


def test_other_leaves_and_an_absent_module_take_the_loop() -> None:
    absent = SeamcallInstruction(None, FaultScript())
    out, calls = absent.seamcall_each([2, 3], Registers(rax=LP_INIT))
    assert (out.rax, calls) == (0x8000FF00FFFF0000, 1)
    # Once the module is up, TDH.SYS.LP.SHUTDOWN of 1.5 does nothing on any of them.
    out, calls = _machine([]).seamcall_each([0, 5], Registers(rax=Leaf.TDH_SYS_LP_SHUTDOWN))
    assert (out.rax, calls) == (0, 2)


def test_an_lp_that_is_not_there_is_no_call() -> None:
    with pytest.raises(ValueError, match="no logical processor 6"):
        _machine([]).seamcall_each([0, LPS], Registers(rax=LP_INIT))


def test_an_lp_that_stands_twice_is_called_twice() -> None:
    """Expect TDX_SYS_LP_INIT_DONE of its second call."""
    out, calls = _machine([]).seamcall_each([0, 1, 0, 2], Registers(rax=LP_INIT))
    assert (out.rax, calls) == (Status.TDX_SYS_LP_INIT_DONE, 3)


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_of_a_register_of_more_than_64_bits_the_loop_makes_the_same(value: int) -> None:
    call = Registers(rax=LP_INIT, r9=value)
    looped = seamcall_loop_each(_machine([]), [0, 1], call)
    assert _machine([]).seamcall_each([0, 1], call) == looped
    module = _machine([]).module
    assert module is not None
    assert module.seamcall_each([0, 1], call) == looped
