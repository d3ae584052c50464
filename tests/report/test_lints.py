# SPDX-License-Identifier: Apache-2.0
"""What a log pattern says of hosts, as text and as a document: of a report made by hand."""

from __future__ import annotations

import json

from tdxctl.lint import Linted, Matched, Report, Verdict
from tdxctl.report.lints import to_json, to_text

SAYS = "virt/tdx: module initialized"
FOUND = Matched("ready", SAYS)
WRONG = tuple(Matched(f"h{n}", f"virt/tdx: error {n}") for n in range(5))
BAD = Linted(
    "TD\x1bX",
    (
        Verdict("6.8", asked=False, found=FOUND, says=SAYS, wrong=()),
        Verdict("6.18", asked=True, found=FOUND, says=SAYS, wrong=WRONG[:3]),
        Verdict("7.1", asked=True, found=None, says="tdx: ready", wrong=WRONG[3:]),
        Verdict("7.2", asked=False, found=None, says="tdx: ready", wrong=()),
    ),
    (("TDX is on", "a vendor's kernel"),),
    ("a", "b", "c", "d"),
)
GOOD = Linted(
    "initialized",
    tuple(
        Verdict(kernel, asked=asked, found=FOUND, says=SAYS, wrong=())
        for kernel, asked in (("6.18", True), ("7.1", True), ("6.8", False))
    ),
    (),
    ("a", "b", "c"),
)

BAD_TEXT = """\
TD\\x1bX
  right: 6.8
  misses a ready host: 7.1*, 7.2: it says "tdx: ready"
  matches hosts that are not ready: 6.18*, 7.1*
    h0: "virt/tdx: error 0"
    h1: "virt/tdx: error 1"
    h2: "virt/tdx: error 2"
    and 2 more such hosts
  misses "TDX is on" of a vendor's kernel
  matches lines that say something else:
    "a"
    "b"
    "c"
    and 1 more such line"""
GOOD_TEXT = """\
initialized
  right: 6.18*, 7.1*, 6.8
  matches lines that say something else:
    "a"
    "b"
    "c\""""


def test_as_text_a_pattern_has_where_it_is_right_and_three_of_what_is_wrong() -> None:
    """Expect kernels that count to have a mark, and a pattern that is right to be suggested."""
    assert to_text(Report((BAD,), BAD, "a better one")) == (
        f"{BAD_TEXT}\n\nright for 6.18, 7.1:\n  a better one"
    )
    assert to_text(Report((GOOD,), GOOD, "a better one")) == (f"{GOOD_TEXT}\n\nright for 6.18, 7.1")


def test_as_text_several_patterns_are_judged_together_too() -> None:
    together = Linted("a or b", GOOD.verdicts[:1], (), ())
    assert to_text(Report((GOOD, BAD), together, "another")) == (
        f"{GOOD_TEXT}\n\n{BAD_TEXT}\n\ntogether\n  right: 6.18*\n\nright for 6.18"
    )


def test_the_document_has_what_each_pattern_says_under_each_kernel() -> None:
    """Expect null for a host that is ready and missed; what counts makes it right or not."""
    found = json.loads(to_json(Report((BAD,), GOOD, "a better one")))
    together = found.pop("together")
    assert found == {
        "schema": "tdxctl.lint/1",
        "right": True,
        "patterns": [
            {
                "pattern": "TD\x1bX",
                "right": False,
                "kernels": [
                    {"kernel": "6.8", "asked": False, "found": SAYS, "says": SAYS, "wrong": []},
                    {
                        "kernel": "6.18",
                        "asked": True,
                        "found": SAYS,
                        "says": SAYS,
                        "wrong": [
                            {"host": "h0", "line": "virt/tdx: error 0"},
                            {"host": "h1", "line": "virt/tdx: error 1"},
                            {"host": "h2", "line": "virt/tdx: error 2"},
                        ],
                    },
                    {
                        "kernel": "7.1",
                        "asked": True,
                        "found": None,
                        "says": "tdx: ready",
                        "wrong": [
                            {"host": "h3", "line": "virt/tdx: error 3"},
                            {"host": "h4", "line": "virt/tdx: error 4"},
                        ],
                    },
                    {
                        "kernel": "7.2",
                        "asked": False,
                        "found": None,
                        "says": "tdx: ready",
                        "wrong": [],
                    },
                ],
                "wordings": [{"words": "TDX is on", "of": "a vendor's kernel"}],
                "others": ["a", "b", "c", "d"],
            }
        ],
        "suggestion": "a better one",
    }
    assert (together["pattern"], together["right"], together["others"]) == (
        "initialized",
        True,
        ["a", "b", "c"],
    )
