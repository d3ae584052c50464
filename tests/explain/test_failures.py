# SPDX-License-Identifier: Apache-2.0
"""Every way to fail has words, and the words fit the facts."""

from __future__ import annotations

import ast
import re

from tdxctl import Machine, Platform
from tdxctl.explain.failures import CAUSES, explain_failure
from tdxctl.explain.states import STATES
from tdxctl.host.steps import SIX_STEPS, SUBSTEPS
from tests.cli.runner import ROOT
from tests.host import vectors


def test_every_cause_a_kernel_can_name_has_words() -> None:
    """Expect the causes that the kernels' code names to be the table's, no more and no less."""
    named = {"seamcall"}
    for path in (ROOT / "tdxctl" / "host").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", text):
                named.add(text)
    steps = {name for name, _ in SUBSTEPS} | {step.name for step in SIX_STEPS}
    stages = {"update-image", "update-shutdown", "update-install", "update-cpu-init", "update-run"}
    others = {"add-memory", "cmr-walk"}
    assert named - steps - stages - others == set(CAUSES) | {"seamcall"}


def test_every_golden_failure_is_explained() -> None:
    """Expect each failing platform of the golden results to get a reason without holes in it."""
    explained = set()
    for kernel in ("v5", "v5-posted", "6.8", "6.17", "2026-06"):
        for case in vectors.load(kernel):
            machine = Machine.boot(
                Platform.from_dict(vectors.description(case["input"], kernel)), kernel=kernel
            )
            result = machine.tdx_init()
            assert result.status in STATES
            assert (result.failure is None) == (result.returned == 0)
            if result.failure is not None:
                words = explain_failure(result.failure)
                assert words.reason
                assert words.explain
                assert words.hint
                assert "{" not in words.reason
                explained.add(result.failure.cause)
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
