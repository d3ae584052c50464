# SPDX-License-Identifier: Apache-2.0
"""The kernels that can be booted: ids, titles, dates."""

from __future__ import annotations

from dataclasses import dataclass

from tdxctl.errors import UsageError
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.host.kernel import Kernel

DEFAULT_KERNEL = "v5"


@dataclass(frozen=True, slots=True)
class KernelId:
    """An id for machines to read, a title and a date for people."""

    id: str
    title: str
    date: str


KERNELS = (
    KernelId("v5", "on-demand series v5 as reviewed, June 2022", "2022-06-22"),
    KernelId("v5-posted", "series v5 bug for bit", "2022-06-22"),
    KernelId("6.8", "Linux 6.8", "2024-03-10"),
    KernelId("6.17", "Linux 6.17", "2025-09-28"),
    KernelId("cmr-walk", "Linux 6.8 with the CMR walk", "2024-12"),
    KernelId("2026-06", "mid-2026 tree", "2026-06"),
)

#: Other names of kernels.
ALIASES = {"mainline": "2026-06"}


def find_kernel(name: str) -> KernelId:
    """The kernel with that id. Raises UsageError, with the ids there are."""
    for kernel in KERNELS:
        if kernel.id == ALIASES.get(name, name):
            return kernel
    known = ", ".join(kernel.id for kernel in KERNELS)
    raise UsageError(f"no such kernel: '{printable(name)}'", hint=f"kernels: {known}")


def kernel_class(kernel: KernelId) -> type[Kernel]:
    """The class that emulates the kernel; imported only when asked for."""
    match kernel.id:
        case "v5":
            from tdxctl.host.tdx_v5 import KernelV5

            return KernelV5
        case "v5-posted":
            from tdxctl.host.tdx_v5_posted import KernelV5Posted

            return KernelV5Posted
        case "6.8":
            from tdxctl.host.tdx_6_8 import Kernel68

            return Kernel68
        case "6.17":
            from tdxctl.host.tdx_6_17 import Kernel617

            return Kernel617
        case "cmr-walk":
            from tdxctl.host.tdx_cmr_walk import KernelCmrWalk

            return KernelCmrWalk
        case "2026-06":
            from tdxctl.host.tdx_2026_06 import Kernel202606

            return Kernel202606
        case _:
            raise NotImplementedError(f"kernel {kernel.id} is listed and has no class")
