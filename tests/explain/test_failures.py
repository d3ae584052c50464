# SPDX-License-Identifier: Apache-2.0
"""Every way to fail has words, and the words fit the facts."""

from __future__ import annotations

import ast
import re

from tdxctl import Machine, Platform, causes
from tdxctl.advice.causes import CAUSES
from tdxctl.advice.states import STATES
from tdxctl.explain.failures import explain_failure
from tests.cli.runner import ROOT
from tests.linux import vectors


def test_every_cause_has_words() -> None:
    """Expect words for every type of cause, for nothing else, and ids that are all different."""
    assert set(CAUSES) == set(causes.Cause.__args__)
    ids = [cause.id for cause in causes.Cause.__args__]
    assert sorted(set(ids)) == sorted(ids)
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", cause_id) for cause_id in ids)


def test_every_cause_is_one_that_a_kernel_names() -> None:
    """Expect each type of cause to be made somewhere in the kernels' code."""
    made = {
        node.func.id
        for path in (ROOT / "tdxctl" / "linux").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert {cause.__name__ for cause in causes.Cause.__args__} - made == set()


def test_every_golden_failure_is_explained() -> None:
    """Expect each failing platform of the golden results to get a reason without holes in it."""
    explained = set()
    for kernel in ("v5", "v5-posted", "6.8", "6.18", "7.2+dynamic-pamt"):
        for case in vectors.load(kernel):
            if not any(op["ret"] for op in case["output"]["ops"]):
                continue
            machine = Machine.boot(
                Platform.from_dict(vectors.description(case["input"], kernel)), kernel=kernel
            )
            result = machine.tdx_init()
            assert result.status in STATES
            assert (result.failure is None) == (result.returned == 0)
            if result.failure is not None:
                words = explain_failure(result.failure)
                assert words.why
                assert words.means
                assert words.to_do
                explained.add(result.failure.cause.id)
    assert explained >= {
        "seamcall",
        "cpu-offline",
        "cpu-disabled",
        "module-not-loaded",
        "not-convertible",
        "tdmrs-exhausted",
        "reserved-areas-exhausted",
        "pamt-allocation",
        "no-memory",
        "kernel-allocation",
        "too-few-keyids",
        "cmrs-none",
        "cmrs-not-ascending",
        "cmrs-empty-first",
    }
