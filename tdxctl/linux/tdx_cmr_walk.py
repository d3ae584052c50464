# SPDX-License-Identifier: Apache-2.0
"""Linux 6.8 with the out-of-tree change that finds memory holes by walking CMRs.

"Reduce TDMR's reserved areas by using CMRs to find memory holes", v8.2 (December 2024), carried by
distributions; specification linux-host section 5. Read, not executed.
"""

from __future__ import annotations

import numpy as np

from tdxctl.causes import OutsideCmrs
from tdxctl.errnos import Errno
from tdxctl.events import Holds, Journal
from tdxctl.linux.kernel import Hardware
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.sysinfo import TdmrSysInfo
from tdxctl.linux.tdx_6_8 import Int64s, Kernel68
from tdxctl.messages import bring_up
from tdxctl.units import PAGE_SHIFT

_NUM_CMRS, _CMR_BASE, _CMR_SIZE = 0x9000000100000000, 0x9000000300000080, 0x9000000300000100


class KernelCmrWalk(Kernel68):
    """6.8, patched."""

    GAPS = Holds.CMR_GAP

    def __init__(self, hardware: Hardware, journal: Journal) -> None:
        super().__init__(hardware, journal)
        self._cmrs: list[tuple[int, int]] = []

    def _enumerate(self) -> TdmrSysInfo:
        # The metadata first: the memory list is checked against the CMRs.
        self._get_tdx_cmr_info()
        sysinfo = self._get_tdx_sysinfo()
        self._build_tdx_memlist()
        return sysinfo

    def _get_tdx_cmr_info(self) -> None:
        # "SYS.RD reads NUM_CMRS and then CMR_BASE[i] / CMR_SIZE[i]; trailing empty CMRs are
        # dropped"
        num_cmrs = self._read_sys_metadata_field(_NUM_CMRS)
        cmrs = []
        for i in range(num_cmrs):
            base = self._read_sys_metadata_field(_CMR_BASE + i)
            cmrs.append((base, base + self._read_sys_metadata_field(_CMR_SIZE + i)))
        while cmrs and cmrs[-1][0] == cmrs[-1][1]:
            cmrs.pop()
        self._cmrs = cmrs
        for i, (start, end) in enumerate(cmrs):
            self.pr(bring_up.CMR, index=i, start=start, end=end)

    def _build_tdx_memlist(self) -> None:
        # "also refuses a memory region outside every CMR while building the memlist"
        for start, end in zip(self.mm.starts.tolist(), self.mm.ends.tolist(), strict=True):
            if not any(low <= start and end <= high for low, high in self._cmrs):
                # "it prints the page numbers shifted once more, a bug"
                shown_start, shown_end = start << PAGE_SHIFT, end << PAGE_SHIFT
                self.pr(bring_up.NOT_CONVERTIBLE, start=shown_start, end=shown_end)
                raise KernelErrno(Errno.EINVAL, OutsideCmrs(start, end))
        super()._build_tdx_memlist()

    def _hole_regions(self) -> tuple[Int64s, Int64s]:
        starts = np.array([start for start, _ in self._cmrs], np.int64)
        return starts, np.array([end for _, end in self._cmrs], np.int64)
