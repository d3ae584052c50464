# SPDX-License-Identifier: Apache-2.0
"""What reports say about a machine, written down: of one that is initialized."""

from __future__ import annotations

from tdxctl.events import (
    MachineSummary,
    ModuleEvidence,
    NodeMemory,
    PamtRow,
    PamtSummary,
    TdmrRow,
)

MIB, GIB = 1 << 20, 1 << 30
CHUNK = PamtRow(GIB, 4 * MIB)
#: Two TDMRs, of which the second one has no chunk, on two nodes, of which one is empty.
SUMMARY = MachineSummary(
    machine="m0",
    description="by h\x1band",
    kernel="v5",
    kernel_title="version 5",
    kernel_release="v5",
    kernel_behaves_as="v5",
    kernel_evidence="executed",
    entry="tdx_init()",
    status="INITIALIZED",
    calls=1,
    last=None,
    global_keyid=32,
    guest_keyids=31,
    cpus_present=1,
    cpus_online=1,
    cpus_disabled=0,
    packages=1,
    nodes=(NodeMemory(0, GIB, GIB), NodeMemory(1, 0, 0)),
    module_loaded=True,
    module=ModuleEvidence("1.5.06", "1.5.06", "measured", signed_for_cpu=True),
    max_tdmrs=64,
    max_reserved_per_tdmr=16,
    tdmrs=(
        TdmrRow(0, GIB, 0, CHUNK, CHUNK, CHUNK, ((0, MIB),), CHUNK, None),
        TdmrRow(4 * GIB, GIB, 1, CHUNK, CHUNK, CHUNK, (), None, None),
    ),
    pamt=PamtSummary(4 * MIB, ((0, 3 * MIB), (1, MIB))),
)
