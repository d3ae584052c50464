# SPDX-License-Identifier: Apache-2.0
"""Readers refuse damaged input in the ways that they declare, and in no other."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.capture.mutations import damaged
from tests.capture.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_good_input_is_read(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_input_is_read_or_refused(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    with contextlib.suppress(*target.declared):
        target.run(data.draw(damaged(target.seeds)))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_is_refused_as_declared(name: str, noise: bytes) -> None:
    target = TARGETS[name]
    with contextlib.suppress(*target.declared):
        target.run(noise)
