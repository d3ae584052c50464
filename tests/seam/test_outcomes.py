# SPDX-License-Identifier: Apache-2.0
"""What three kernels make of every module release on a server of 512 GiB: outcome and PAMT."""

from __future__ import annotations

import pytest

from tdxctl import Machine, Platform
from tdxctl.platform.shipped import path_of

KERNELS = ("6.8", "6.18", "7.2+dynamic-pamt")
# KiB of PAMT; with Dynamic PAMT its static part.
FULL, DYNAMIC = 2101260, 20492
NO_SYS_RD, NO_SUCH_FIELD = 0xC000050500000000, 0xC0000C0000000000
#: By kernel: KiB of PAMT, or the status of TDH.SYS.RD that ends it.
OUTCOMES = {
    "1.0": (NO_SYS_RD, NO_SYS_RD, NO_SYS_RD),
    "1.5.01": (FULL, NO_SUCH_FIELD, NO_SUCH_FIELD),  # it has no MAX_VCPUS_PER_TD
    "1.5.05": (FULL, FULL, FULL),
    "1.5.06": (FULL, FULL, FULL),
    "1.5.08": (FULL, FULL, FULL),
    "1.5.09": (FULL, FULL, FULL),
    "1.5.13": (FULL, FULL, FULL),
    "1.5.16": (FULL, FULL, FULL),
    "1.5.20": (FULL, FULL, DYNAMIC),
    "1.5.24": (FULL, FULL, DYNAMIC),
    "1.5.25": (FULL, FULL, DYNAMIC),
    "1.5.28": (FULL, FULL, DYNAMIC),
    "1.5.34": (FULL, FULL, DYNAMIC),
    "2.0.02": (FULL, FULL, FULL),
    "2.0.04": (FULL, FULL, DYNAMIC),
    "2.0.05": (FULL, FULL, FULL),
    "2.0.08": (FULL, FULL, DYNAMIC),
    "2.0.12": (FULL, FULL, DYNAMIC),
    "2.0.14": (FULL, FULL, DYNAMIC),
    "2.0.16": (FULL, FULL, DYNAMIC),
    "2.0.18": (FULL, FULL, DYNAMIC),
}


@pytest.mark.parametrize("version", OUTCOMES)
def test_what_kernels_make_of_a_release(version: str) -> None:
    described = Platform.load(path_of("spr-2s-512g")).to_dict() | {"module": {"version": version}}
    platform = Platform.from_dict(described)
    assert tuple(_outcome(platform, kernel) for kernel in KERNELS) == OUTCOMES[version]


def _outcome(platform: Platform, kernel: str) -> int | None:
    machine = Machine.boot(platform, kernel=kernel)
    if machine.tdx_init().returned == 0:
        return machine.pamt_bytes >> 10
    summary = machine.summary()
    failure = summary.boot_failure or (summary.last.failure if summary.last else None)
    assert failure is not None
    return failure.status
