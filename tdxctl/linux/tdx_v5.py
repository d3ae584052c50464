# SPDX-License-Identifier: Apache-2.0
"""Series v5 with its review applied (specification linux-host, profile v5).

Two changes against the posting: a module that is not loaded ends in NONE (review of patch
06/22, adopted in v6), and PAMT sizes are computed in 64 bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tdxctl.layout.pamt import PAGE_SHIFTS, pamt_size
from tdxctl.linux.tdx_v5_posted import KernelV5Posted


class KernelV5(KernelV5Posted):
    """The on-demand series as reviewed."""

    def _module_not_loaded(self) -> None:
        self._set_status("NONE")

    def _pamt_sizes(
        self, tdmr_sizes: npt.NDArray[np.int64], entry_size: int
    ) -> npt.NDArray[np.uint64]:
        # Shape (tdmrs, 3).
        return np.stack([pamt_size(tdmr_sizes, shift, entry_size) for shift in PAGE_SHIFTS], axis=1)
