# SPDX-License-Identifier: Apache-2.0
"""The class that emulates a kernel."""

from __future__ import annotations

from tdxctl.linux.kernel import Kernel
from tdxctl.linux.releases import KernelId


def kernel_class(kernel: KernelId) -> type[Kernel]:
    """The class that emulates the kernel; imported only when asked for."""
    if kernel.own is not None:
        own: type[Kernel] = kernel.own
        return own
    match kernel.release.engine:
        case "v5":
            from tdxctl.linux.v5 import V5

            return V5
        case "v6_8":
            from tdxctl.linux.v6_8 import V6_8

            return V6_8
        case "v7_1":
            from tdxctl.linux.v7_1 import V7_1

            return V7_1
        case engine:
            raise NotImplementedError(f"engine {engine} of kernel {kernel.id} has no class")
