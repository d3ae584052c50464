# SPDX-License-Identifier: Apache-2.0
"""KeyIDs for TDs, as 6.8 and later kernels give them to KVM; TDs themselves are not modelled."""

from __future__ import annotations

from tdxctl.errnos import Errno
from tdxctl.linux.kernel import Kernel


class GuestKeyidPool:
    """The KeyIDs that BIOS left for guests."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.in_use = 0

    def alloc(self) -> int:
        """The KeyID of a new TD, -ENOSPC where none is left."""
        start, guests = self._kernel.keyids
        if start is None or self.in_use >= guests:
            return -Errno.ENOSPC
        self.in_use += 1
        return start + self.in_use

    def free(self) -> int:
        """The KeyID allocated last is free again."""
        if not self.in_use:
            return -Errno.EINVAL
        self.in_use -= 1
        return 0
