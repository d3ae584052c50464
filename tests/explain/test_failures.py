# SPDX-License-Identifier: Apache-2.0
"""Every way to fail has words, and the words fit the facts."""

from __future__ import annotations

import re

from tdxctl import Machine, Platform
from tdxctl.explain.failures import CAUSES, explain_failure
from tdxctl.explain.states import STATES
from tests.cli.runner import ROOT
from tests.host import vectors


def test_every_cause_a_kernel_can_name_has_words() -> None:
    """Expect the causes in the kernels' code to be the table's, no more and no less."""
    source = "".join(path.read_text() for path in (ROOT / "tdxctl" / "host").glob("*.py"))
    literals = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    assert {cause for cause in CAUSES if cause not in literals} == set()
    named = set(re.findall(r'Errno\.\w+,\s*"([a-z-]+)"', source))
    named |= set(re.findall(r'_bad_cmrs\([^)]*, "([a-z-]+)"\)', source))
    assert named - {"seamcall"} - set(CAUSES) == set()


def test_every_golden_failure_is_explained() -> None:
    """Expect each failing platform of the golden results to get a reason without holes in it."""
    explained = set()
    for kernel in ("v5", "v5-posted"):
        for case in vectors.load(kernel):
            machine = Machine.boot(
                Platform.from_dict(vectors.description(case["input"])), kernel=kernel
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
