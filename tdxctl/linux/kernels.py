# SPDX-License-Identifier: Apache-2.0
"""The kernels that can be booted: ids, titles, dates."""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.errors import UsageError
from tdxctl.units import did_you_mean, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.kernel import Kernel

DEFAULT_KERNEL = "v5"


class KernelId(NamedTuple):
    """An id for machines to read, a title and a date for people.

    changes: against the one before. validated_by: what shows that it is right.
    """

    id: str
    title: str
    date: str
    changes: str
    validated_by: str


_EXECUTED = "platforms on which the kernel's own code was executed in user space"

KERNELS = (
    KernelId(
        "v5",
        "on-demand series v5 as reviewed, June 2022",
        "2022-06-22",
        "against v5-posted: a module that is not loaded ends in NONE, PAMT sizes are computed in "
        "64 bits",
        f"624 {_EXECUTED}",
    ),
    KernelId(
        "v5-posted",
        "series v5 bug for bit",
        "2022-06-22",
        "the first of them: tdx_init() on demand, all CPUs online and no MADT slot disabled, every "
        "errno but -ENODEV becomes -EFAULT and a shutdown",
        f"624 {_EXECUTED}",
    ),
    KernelId(
        "6.8",
        "Linux 6.8",
        "2024-03-10",
        "KVM's tdx_cpu_enable() and tdx_enable(); metadata by TDH.SYS.RD; retries without entropy; "
        "CPUs may be offline to the kernel; CMRs are not read; the real errno; memory onlining is "
        "refused outside a fixed list",
        f"650 {_EXECUTED}",
    ),
    KernelId(
        "cmr-walk",
        "Linux 6.8 with the CMR walk",
        "2024-12",
        "6.8 with an out-of-tree change: holes are found by walking CMRs, memory outside every CMR "
        "is refused",
        "read, not executed; the PAMT that a host with that change printed",
    ),
    KernelId(
        "6.17",
        "Linux 6.17",
        "2025-09-28",
        "against 6.8: all metadata is read first, a module without NO_RBP_MOD is refused, PAMTs "
        "are reset only with the partial-write erratum",
        f"671 {_EXECUTED}",
    ),
    KernelId(
        "2026-06",
        "mid-2026 tree",
        "2026-06",
        "one attempt at boot; Dynamic PAMT; update of the module at run time; an online CPU in "
        "every package while TDs run (alias mainline)",
        f"713 {_EXECUTED}",
    ),
)

#: Other names of kernels.
ALIASES = {"mainline": "2026-06"}


def find_kernel(name: str) -> KernelId:
    """The kernel with that id. Raises UsageError, with the ids there are."""
    for kernel in KERNELS:
        if kernel.id == ALIASES.get(name, name):
            return kernel
    known = ", ".join(kernel.id for kernel in KERNELS)
    near = did_you_mean(name, [*(kernel.id for kernel in KERNELS), *ALIASES])
    hint = f"{near} " if near else ""
    raise UsageError(f"no such kernel: '{printable(name)}'", hint=f"{hint}kernels: {known}")


def kernel_class(kernel: KernelId) -> type[Kernel]:
    """The class that emulates the kernel; imported only when asked for."""
    match kernel.id:
        case "v5":
            from tdxctl.linux.tdx_v5 import KernelV5

            return KernelV5
        case "v5-posted":
            from tdxctl.linux.tdx_v5_posted import KernelV5Posted

            return KernelV5Posted
        case "6.8":
            from tdxctl.linux.tdx_6_8 import Kernel68

            return Kernel68
        case "6.17":
            from tdxctl.linux.tdx_6_17 import Kernel617

            return Kernel617
        case "cmr-walk":
            from tdxctl.linux.tdx_cmr_walk import KernelCmrWalk

            return KernelCmrWalk
        case "2026-06":
            from tdxctl.linux.tdx_2026_06 import Kernel202606

            return Kernel202606
        case _:
            raise NotImplementedError(f"kernel {kernel.id} is listed and has no class")
