# SPDX-License-Identifier: Apache-2.0
"""One platform across kernels: would each initialise it, what stops it, what it costs."""

from __future__ import annotations

from collections.abc import Iterable

from tdxctl.errors import NotModelledError
from tdxctl.events import Failure, PamtSummary, Seamcall, TdmrRow
from tdxctl.host.kernels import KernelId
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.records import record
from tdxctl.units import SZ_1M, SZ_4K, round_down, round_up

_TIB = 1 << 40
_SZ_2M = 1 << 21
#: A Dynamic PAMT page pair: "plus 8 KB per 2 MB region in use".
_PAGE_PAIR = 2 * SZ_4K
#: "Init takes 2.4 to 4.4 s per TB" on real hosts.
_SECONDS_PER_TIB = (2.4, 4.4)


@record
class KernelPlan:
    """What one kernel would do. Sizes in bytes.

    returned, status: of its tdx_init(). failure: what stops it first; not_modelled says why there
    is no answer. tightest: index of the TDMR with most reserved areas, and how many, None before
    there are any. dynamic: Dynamic PAMT, pamt then being the static part and pamt_at_most what it
    can grow to. seconds: an estimate from real hosts, None where none was measured.
    """

    kernel: KernelId
    returned: int | None
    status: str | None
    failure: Failure | None
    not_modelled: str | None
    tdmrs: tuple[TdmrRow, ...]
    max_tdmrs: int
    tightest: tuple[int, int] | None
    max_reserved: int
    pamt: PamtSummary
    dynamic: bool
    pamt_at_most: int
    seamcalls: int
    seconds: tuple[float, float] | None

    @property
    def initializes(self) -> bool:
        """Whether the answer is yes."""
        return self.status == "INITIALIZED"

    @property
    def holes_left(self) -> int | None:
        """How many more holes the tightest TDMR can take."""
        return None if self.tightest is None else max(self.max_reserved - self.tightest[1], 0)


@record
class PlatformPlan:
    """A platform under each kernel asked for.

    lost: bytes of described memory that no kernel can use for TDX: below 1 MiB, and parts of
    pages. by_node: (node, bytes) of memory.
    """

    platform: Platform
    by_node: tuple[tuple[int, int], ...]
    lost: int
    kernels: tuple[KernelPlan, ...]


def plan(platform: Platform, kernels: Iterable[KernelId]) -> PlatformPlan:
    """What each of kernels would do on platform; nothing is stored."""
    by_node: dict[int, int] = {}
    lost = 0
    for r in platform.memory.ranges:
        size = r.end - r.start
        by_node[r.node] = by_node.get(r.node, 0) + size
        low = max(round_up(r.start, SZ_4K), SZ_1M)
        lost += size - max(round_down(r.end, SZ_4K) - low, 0)
    return PlatformPlan(
        platform=platform,
        by_node=tuple(sorted(by_node.items())),
        lost=lost,
        kernels=tuple(_of_kernel(platform, kernel) for kernel in kernels),
    )


def _of_kernel(platform: Platform, kernel: KernelId) -> KernelPlan:
    try:
        machine = Machine.boot(platform, kernel.id)
        result = machine.tdx_init()
    except NotModelledError as error:
        return KernelPlan(
            kernel=kernel,
            returned=None,
            status=None,
            failure=None,
            not_modelled=error.message,
            tdmrs=(),
            max_tdmrs=platform.module.max_tdmrs,
            tightest=None,
            max_reserved=platform.module.max_reserved_per_tdmr,
            pamt=PamtSummary(0, ()),
            dynamic=False,
            pamt_at_most=0,
            seamcalls=0,
            seconds=None,
        )
    summary = machine.summary()
    tdmrs, pamt = summary.tdmrs, summary.pamt
    calls = sum(event.n for event in machine.trace if isinstance(event, Seamcall))
    memory = sum(tdmr.size for tdmr in tdmrs)
    dynamic = summary.dynamic_pamt
    done = machine.status == "INITIALIZED"
    slow, fast = (round(rate * memory / _TIB, 2) for rate in _SECONDS_PER_TIB)
    return KernelPlan(
        kernel=kernel,
        returned=result.returned,
        status=result.status,
        failure=result.failure,
        not_modelled=None,
        tdmrs=tdmrs,
        max_tdmrs=summary.max_tdmrs,
        tightest=tightest(tdmrs, result.failure),
        max_reserved=summary.max_reserved_per_tdmr,
        pamt=pamt,
        dynamic=dynamic,
        pamt_at_most=pamt.total + (memory // _SZ_2M * _PAGE_PAIR if dynamic else 0),
        seamcalls=calls,
        seconds=(slow, fast) if done and not dynamic else None,
    )


def tightest(tdmrs: tuple[TdmrRow, ...], failure: Failure | None) -> tuple[int, int] | None:
    """(index, reserved areas) of the TDMR with most of them; None where none has any.

    Where they ran out it is the one that needed too many, with as many as it needed.
    """
    if failure is not None:
        facts = dict(failure.facts)
        if failure.cause == "reserved-areas-exhausted":
            return int(facts["tdmr"]), int(facts["needed"])
    counts = [len(tdmr.reserved) for tdmr in tdmrs]
    return (counts.index(max(counts)), max(counts)) if any(counts) else None
