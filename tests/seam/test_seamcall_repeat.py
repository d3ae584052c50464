# SPDX-License-Identifier: Apache-2.0
"""seamcall_repeat is the loop it stands for, scripted faults included."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.faults import Fault, FaultScript
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import seamcall_loop
from tdxctl.seam.seamcall import SeamcallInstruction

BASE, GIB = 0x100000000, 1 << 30
TDMR_INIT = Leaf.TDH_SYS_TDMR_INIT
NO_ENTROPY = 0x8000020300000000


def _machine(gib: int, *faults: Fault) -> SeamcallInstruction:
    # A module with one TDMR of gib GiB, awaiting TDMR.INIT.
    module = TdxModule(
        ModulePlatform(
            lps=2,
            packages=1,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=[(0x100000, 0x7FF00000), (BASE, 64 * GIB)],
            seamrr=(0x3FFE000000, 0x2000000),
        )
    )
    pamt = (0x2000000, 0x1000, 0x3000000, gib * 0x2000, 0x4000000, gib * 0x400000)
    module.memory.write(0x3600, struct.pack("<Q", 0x8000))
    module.memory.write(0x8000, struct.pack("<8Q", BASE, gib * GIB, *pamt))
    for cpu, leaf in ((0, 33), (0, 35), (1, 35)):
        assert module.seamcall(cpu, Registers(rax=leaf)).rax == 0
    assert module.seamcall(0, Registers(rax=45, rcx=0x3600, rdx=1, r8=32)).rax == 0
    assert module.seamcall(0, Registers(rax=31)).rax == 0
    return SeamcallInstruction(module, FaultScript(faults))


def _both(gib: int, until: int, *faults: Fault) -> list[tuple[Registers, int]]:
    call = Registers(rax=TDMR_INIT, rcx=BASE)
    looped, repeated = _machine(gib, *faults), _machine(gib, *faults)
    first = [
        seamcall_loop(looped, 0, call, until),
        repeated.seamcall_repeat(0, call, until),
    ]
    # What comes next must be equal too: the same progress, the same counts of calls.
    after = [m.seamcall(0, call) for m in (looped, repeated)]
    assert after[0] == after[1]
    return first


@pytest.mark.parametrize("call", [1, 255, 256, 257, 768])
def test_a_fault_fires_at_its_call(call: int) -> None:
    """Expect the loop's registers and number of calls, and the fault's status."""
    looped, repeated = _both(3, BASE + 3 * GIB, Fault(leaf=TDMR_INIT, status=NO_ENTROPY, call=call))
    assert looped == repeated
    assert looped[0].rax == NO_ENTROPY
    assert looped[1] == call


def test_without_faults_it_takes_256_calls_a_gibibyte() -> None:
    looped, repeated = _both(3, BASE + 3 * GIB)
    assert looped == repeated == (Registers(TDMR_INIT, BASE, BASE + 3 * GIB)._replace(rax=0), 768)


def test_an_end_behind_the_tdmr_ends_with_the_modules_note() -> None:
    """Expect one call too many, answered TDX_TDMR_ALREADY_INITIALIZED."""
    looped, repeated = _both(1, BASE + 2 * GIB)
    assert looped == repeated
    assert (looped[0].rax, looped[1]) == (0x00000A0300000000, 257)


@settings(max_examples=60, deadline=None)
@given(
    gib=st.integers(1, 4),
    until=st.integers(0, 5 * GIB).map(lambda n: BASE + n),
    script=st.lists(
        st.tuples(
            st.integers(1, 1100), st.integers(1, 3), st.sampled_from([None, 0, 1]), st.booleans()
        ),
        max_size=4,
    ),
)
def test_it_is_the_loop(
    gib: int, until: int, script: list[tuple[int, int, int | None, bool]]
) -> None:
    # A fault may return success too: the call then just does not reach the module.
    faults = [
        Fault(TDMR_INIT, 0 if success else NO_ENTROPY, cpu, call, times)
        for call, times, cpu, success in script
    ]
    looped, repeated = _both(gib, until, *faults)
    assert looped == repeated


def test_other_leaves_and_an_absent_module_take_the_loop() -> None:
    call = Registers(rax=TDMR_INIT, rcx=BASE)
    absent = SeamcallInstruction(None, FaultScript())
    assert absent.seamcall_repeat(0, call, BASE) == (call._replace(rax=0x8000FF00FFFF0000), 1)
    # Informational and error statuses alike end the loop at the first call.
    out, calls = _machine(1).seamcall_repeat(0, Registers(rax=Leaf.TDH_SYS_KEY_CONFIG), 1)
    assert (out.rax, calls) == (0xC000050700000000, 1)
