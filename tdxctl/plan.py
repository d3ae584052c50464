# SPDX-License-Identifier: Apache-2.0
"""One platform across kernels: would each initialise it, what stops it, what it costs."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tdxctl.assembly import build_mm, module_evidence
from tdxctl.errors import NotModelledError
from tdxctl.events import (
    Failure,
    Journal,
    ModuleEvidence,
    NodeMemory,
    PamtSummary,
    Seamcall,
    TdmrRow,
)
from tdxctl.linux.releases import KernelId
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.units import SZ_2M, SZ_4K
from tdxctl.verdicts import HostVerdict, ReadyToRunTds

_TIB = 1 << 40
#: A Dynamic PAMT page pair: "plus 8 KB per 2 MB region in use" [field-notes 2].
PAGE_PAIR = 2 * SZ_4K
#: "Init takes 2.4 to 4.4 s per TB" [field-notes 2].
_SECONDS_PER_TIB = (2.4, 4.4)


class KernelPlan(Struct, frozen=True):
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
    host: HostVerdict | None = None

    @property
    def initializes(self) -> bool:
        """Whether the module is initialized then."""
        return self.status == "INITIALIZED"

    @property
    def is_ready(self) -> bool:
        """Whether the answer is yes: KVM, where it is asked, agrees."""
        return self.initializes and (self.host is None or isinstance(self.host, ReadyToRunTds))

    @property
    def holes_left(self) -> int | None:
        """How many more holes the tightest TDMR can take."""
        return None if self.tightest is None else max(self.max_reserved - self.tightest[1], 0)


class PlatformPlan(Struct, frozen=True):
    """A platform under each kernel asked for.

    nodes: the memory that each of them finds when it boots. module: the release that it has.
    """

    platform: Platform
    module: ModuleEvidence
    nodes: tuple[NodeMemory, ...]
    kernels: tuple[KernelPlan, ...]

    @property
    def by_node(self) -> tuple[tuple[int, int], ...]:
        """(node, bytes) of memory."""
        return tuple((node.node, node.size) for node in self.nodes)

    @property
    def lost(self) -> int:
        """Bytes of memory that no kernel can use for TDX: below 1 MiB, and parts of pages."""
        return sum(node.lost for node in self.nodes)


def plan(platform: Platform, kernels: Iterable[KernelId]) -> PlatformPlan:
    """What each of kernels would do on platform; nothing is stored."""
    return PlatformPlan(
        platform=platform,
        module=module_evidence(platform),
        nodes=build_mm(platform, Journal()).memory_by_node(),
        kernels=tuple(_of_kernel(platform, kernel) for kernel in kernels),
    )


def _of_kernel(platform: Platform, kernel: KernelId) -> KernelPlan:
    try:
        machine = Machine.boot(platform, kernel.id)
        result = machine.init_host()
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
        tightest=summary.tightest,
        max_reserved=summary.max_reserved_per_tdmr,
        pamt=pamt,
        dynamic=dynamic,
        pamt_at_most=pamt.total + (memory // SZ_2M * PAGE_PAIR if dynamic else 0),
        seamcalls=calls,
        seconds=(slow, fast) if done and not dynamic else None,
        host=result.host,
    )
