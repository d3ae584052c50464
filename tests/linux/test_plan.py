# SPDX-License-Identifier: Apache-2.0
"""A plan as Python has it: what each kernel would do, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl.events import PamtSummary
from tdxctl.linux.lookup import find_kernel
from tdxctl.plan import KernelPlan, plan
from tests.machines import small


def _of(kernel: str, **sections: Any) -> KernelPlan:
    return plan(small(**sections), [find_kernel(kernel)]).kernels[0]


@pytest.mark.parametrize(
    ("kernel", "sections", "initializes", "is_ready"),
    [
        ("v5", {}, True, True),
        ("6.16", {}, True, True),
        ("6.16", {"kvm": {"tdx": False}}, False, False),
        # From 7.1 on the boot initializes the module, whatever KVM is asked for then.
        ("7.1", {"kvm": {"tdx": False}}, True, False),
        ("6.8", {"module": {"loaded": False}}, False, False),
    ],
)
def test_a_yes_is_of_the_kernel_and_of_kvm(
    kernel: str, sections: dict[str, Any], *, initializes: bool, is_ready: bool
) -> None:
    found = _of(kernel, **sections)
    assert (found.initializes, found.is_ready) == (initializes, is_ready)


@pytest.mark.parametrize(
    ("reserved", "tightest", "left"), [(16, (0, 2), 14), (2, (0, 2), 0), (1, (0, 2), 0)]
)
def test_how_many_more_holes_the_tightest_tdmr_takes(
    reserved: int, tightest: tuple[int, int], left: int
) -> None:
    """Two of the first TDMR are reserved, or would have to be: expect nothing below 0."""
    found = _of("v5", module={"max_reserved_per_tdmr": reserved})
    assert (found.tightest, found.holes_left) == (tightest, left)
    assert found.max_reserved == reserved


def test_before_there_are_tdmrs_none_is_the_tightest() -> None:
    found = _of("v5", firmware={"tdx_keyids": 0})
    assert (found.tightest, found.holes_left, found.tdmrs) == (None, None, ())
    assert (found.returned, found.status, found.seconds) == (-19, "UNKNOWN", None)


def test_what_a_dynamic_pamt_can_grow_to() -> None:
    """Expect a page pair for each 2 MiB of the 65 GiB in TDMRs, and no seconds: none measured."""
    static, dynamic = _of("7.2"), _of("7.2+dynamic-pamt")
    assert (static.dynamic, static.pamt.total, static.pamt_at_most) == (False, 273174528, 273174528)
    assert static.seconds == (0.15, 0.28)
    assert sum(tdmr.size for tdmr in dynamic.tdmrs) == 65 << 30
    assert (dynamic.dynamic, dynamic.pamt.total) == (True, 2674688)
    assert dynamic.pamt_at_most == 2674688 + 65 * 512 * 8192
    assert dynamic.seconds is None
    assert (static.seamcalls, dynamic.seamcalls) == (16750, 4271)


def test_what_is_not_modelled_has_no_answer_and_the_module_s_limits() -> None:
    """A CPU without the SEAMCALL instruction, on which v5 oopses."""
    ice_lake = {"model": {"family": 6, "model": 0x6A}}
    found = _of("v5", cpus=ice_lake, module={"max_tdmrs": 7, "max_reserved_per_tdmr": 9})
    assert found == KernelPlan(
        kernel=find_kernel("v5"),
        returned=None,
        status=None,
        failure=None,
        not_modelled="SEAMCALL raises #UD on CPU 0: a v5 kernel, which has no fixup, oopses; that "
        "is not modelled",
        tdmrs=(),
        max_tdmrs=7,
        tightest=None,
        max_reserved=9,
        pamt=PamtSummary(0, ()),
        dynamic=False,
        pamt_at_most=0,
        seamcalls=0,
        seconds=None,
    )
    assert (found.initializes, found.is_ready) == (False, False)


def test_memory_that_tdx_cannot_use_is_lost() -> None:
    """Expect what lies below 1 MiB: 632 KiB of node 0."""
    found = plan(small(), [])
    assert found.by_node == ((0, 35332415488), (1, 34359738368))
    assert found.lost == (0x9F000 - 0x1000)
