# SPDX-License-Identifier: Apache-2.0
"""Every status of every kernel has its sentence."""

from __future__ import annotations

from tdxctl.advice.states import STATES
from tdxctl.events import FINAL_STATUSES, STATUSES
from tdxctl.linux.engines import kernel_class
from tdxctl.linux.releases import KERNELS


def test_every_status_is_explained() -> None:
    assert set(STATES) == set(STATUSES)
    assert set(STATUSES) > FINAL_STATUSES


def test_every_kernel_begins_in_a_known_status() -> None:
    begins = {kernel_class(kernel).INITIAL_STATUS for kernel in KERNELS}
    assert begins == {"UNKNOWN", "UNINITIALIZED", "NOT_INITIALIZED"}
    assert begins <= set(STATUSES)
