# SPDX-License-Identifier: Apache-2.0
"""What a fleet comes to as text, as a document and as a page: of counts made by hand."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from tdxctl.fleet.counts import Counts, KernelCounts, Kind
from tdxctl.report.fleets import document, to_json, to_text
from tdxctl.report.html.fleet import histogram, page

MIB, GIB = 1 << 20, 1 << 30
#: One host is wrong, the module of 1500 is initialized, and TDs run on all but one of those.
COUNTS = Counts(
    hosts=2001,
    wrong=1,
    errors={"no CMR": Kind(1, ["h7"])},
    kernels={
        "v5": KernelCounts(
            initialized=1500,
            ready=1499,
            kinds={
                "no module, ENODEV": Kind(1, ["h3"]),
                "KVM without TDX": Kind(1, ["h2"]),
                "reserved areas, ENOSPC": Kind(499, ["h4", "h5", "h6"]),
            },
            pamt_bytes=3000 * GIB,
            pamt_by_node={1: 1000 * GIB, 0: 2000 * GIB},
            memory_lost=3 * MIB,
            guests=45000,
            tdmrs_left={60: 1497, 1: 2, 0: 1},
            reserved_left={2: 1000, 1: 400, 0: 60, -1: 40},
            pamt_steps={9: 500, 8: 1000},
        )
    },
    changed={"ready -> ENOSPC": Kind(2, ["h8", "h9"])},
)

TEXT = """\
2,001 hosts, 1 of them wrong
  1  no CMR  (h7)

v5: 1,499 of 2,000 hosts would be ready for TDs
  the module of 1,500 is initialized
  499  reserved areas, ENOSPC  (h4, h5, h6, ...)
  1  KVM without TDX  (h2)
  1  no module, ENODEV  (h3)
  PAMTs: 2.9 TiB in all, 2 GiB a host
    by node 0: 2.0 TiB, 1: 1000 GiB
  KeyIDs for TDs: 45,000; memory lost: 3 MiB
  hosts with no reserved area left: 100; with one left: 400
  hosts with no TDMR left: 1; with one left: 2

against 6.8:
  2  ready -> ENOSPC  (h8, h9)"""


def test_as_text_what_is_most_frequent_stands_first() -> None:
    """Expect what is left below 0 to count as nothing left."""
    assert to_text(COUNTS, "6.8") == TEXT


@pytest.mark.parametrize(
    ("counts", "against", "text"),
    [
        (Counts(), None, "0 hosts"),
        (Counts(hosts=1), "6.8", "1 host\n\nagainst 6.8:\n  no host changes its verdict"),
        (
            Counts(hosts=2, kernels={"v5": KernelCounts()}),
            None,
            "2 hosts\n\nv5: 0 of 2 hosts would be ready for TDs",
        ),
        (
            Counts(hosts=1, kernels={"v5": KernelCounts(1, 1, pamt_by_node={0: MIB})}),
            None,
            "1 host\n"
            "\n"
            "v5: 1 of 1 hosts would be ready for TDs\n"
            "  PAMTs: 0 B in all, 0 B a host\n"
            "  KeyIDs for TDs: 0; memory lost: 0 B\n"
            "  hosts with no reserved area left: 0; with one left: 0\n"
            "  hosts with no TDMR left: 0; with one left: 0",
        ),
    ],
)
def test_as_text_what_there_is_nothing_of_has_no_line(
    counts: Counts, against: str | None, text: str
) -> None:
    """No node where there is one, no PAMTs where nothing is initialized, none that are wrong."""
    assert to_text(counts, against) == text


@pytest.mark.parametrize(
    ("nodes", "end"),
    [(12, "10: 1 MiB, 11: 1 MiB"), (13, "10: 1 MiB, 11: 1 MiB, and 1 more")],
)
def test_as_text_twelve_nodes_are_named(nodes: int, end: str) -> None:
    counts = KernelCounts(1, 1, pamt_by_node=dict.fromkeys(range(nodes), MIB))
    [line] = [
        line
        for line in to_text(Counts(hosts=1, kernels={"v5": counts}), None).splitlines()
        if "by node" in line
    ]
    assert line.startswith("    by node 0: 1 MiB, 1: 1 MiB, ")
    assert line.endswith(end)


@pytest.mark.parametrize(
    ("kinds", "last"),
    [(12, "  1  kind-11  (h)"), (14, "  2  of 2 more kinds")],
)
def test_as_text_twelve_kinds_are_told(kinds: int, last: str) -> None:
    errors = {f"kind-{n:02}": Kind(1, ["h"]) for n in range(kinds)}
    lines = to_text(Counts(hosts=kinds, wrong=kinds, errors=errors), None).splitlines()
    assert lines[12:] == ["  1  kind-11  (h)", *([last] if kinds > 12 else [])]


def test_the_document_has_numbers_by_what_is_left_and_by_size() -> None:
    """Expect PAMTs by steps of 256 MiB, nodes in order, and the most frequent cause first."""
    assert json.loads(to_json(COUNTS, "6.8")) == {
        "schema": "tdxctl.fleet-summary/1",
        "hosts": 2001,
        "wrong": 1,
        "errors": [{"what": "no CMR", "hosts": 1, "examples": ["h7"]}],
        "kernels": [
            {
                "kernel": "v5",
                "initialized": 1500,
                "ready": 1499,
                "not_ready": [
                    {
                        "what": "reserved areas, ENOSPC",
                        "hosts": 499,
                        "examples": ["h4", "h5", "h6"],
                    },
                    {"what": "KVM without TDX", "hosts": 1, "examples": ["h2"]},
                    {"what": "no module, ENODEV", "hosts": 1, "examples": ["h3"]},
                ],
                "pamt_bytes": 3221225472000,
                "pamt_by_node": {"0": 2147483648000, "1": 1073741824000},
                "memory_lost": 3145728,
                "guests": 45000,
                "tdmrs_left": [
                    {"left": 0, "hosts": 1},
                    {"left": 1, "hosts": 2},
                    {"left": 60, "hosts": 1497},
                ],
                "reserved_left": [
                    {"left": -1, "hosts": 40},
                    {"left": 0, "hosts": 60},
                    {"left": 1, "hosts": 400},
                    {"left": 2, "hosts": 1000},
                ],
                "pamt": [
                    {"at_least": 2147483648, "hosts": 1000},
                    {"at_least": 2415919104, "hosts": 500},
                ],
            }
        ],
        "pamt_step": 268435456,
        "against": "6.8",
        "changed": [{"what": "ready -> ENOSPC", "hosts": 2, "examples": ["h8", "h9"]}],
    }


def test_the_document_is_silent_on_changes_where_nothing_is_compared() -> None:
    assert json.loads(to_json(Counts(), None)) == {
        "schema": "tdxctl.fleet-summary/1",
        "hosts": 0,
        "wrong": 0,
        "errors": [],
        "kernels": [],
        "pamt_step": 268435456,
    }


def test_the_page_has_what_the_document_has() -> None:
    """Expect shares of the hosts that are not wrong, and a figure for each number by what is left.

    What nobody asked for has no section: changes without a kernel to compare with.
    """
    shown = page(document(COUNTS, "6.8"))
    assert re.findall("<(?:h1|h2|p|dd|figcaption)>(.*)</", shown) == [
        "2,001 hosts",
        "1 of their rows are wrong.",
        "Kernel v5",
        "1,499 of 2,000 (75.0%)",
        "1,500",
        "2.9 TiB",
        "3 MiB",
        "45,000",
        "Hosts by size of their PAMTs; the highest bar is 1,000",
        "Hosts by reserved areas left in the fullest TDMR; the highest bar is 1,000",
        "Hosts by TDMRs left; the highest bar is 1,497",
        "Bytes of PAMTs by node; the highest bar is 2.0 TiB",
        "Hosts that change their verdict against 6.8",
        "Rows that are wrong",
        "Made by tdxctl from descriptions: fake machines, not real ones.",
    ]
    assert re.findall("<title>(.*)</title>", shown)[1:] == [
        *("from 2 GiB: 1,000", "from 2.2 GiB: 500"),
        *("-1 left: 40", "0 left: 60", "1 left: 400", "2 left: 1,000"),
        *("0 left: 1", "1 left: 2", "60 left: 1,497"),
        *("node 0: 2.0 TiB", "node 1: 1000 GiB"),
    ]
    assert re.findall('<tr>(<th scope="row">.*)</tr>', shown) == [
        '<th scope="row">reserved areas, ENOSPC</th><td class="number">499</td><td>h4, h5, h6</td>',
        '<th scope="row">KVM without TDX</th><td class="number">1</td><td>h2</td>',
        '<th scope="row">no module, ENODEV</th><td class="number">1</td><td>h3</td>',
        '<th scope="row">ready -&gt; ENOSPC</th><td class="number">2</td><td>h8, h9</td>',
        '<th scope="row">no CMR</th><td class="number">1</td><td>h7</td>',
    ]


def test_the_page_of_a_fleet_without_a_good_host_has_neither_shares_nor_figures() -> None:
    shown = page(document(Counts(kernels={"v5": KernelCounts()}), None))
    assert shown.startswith("<!DOCTYPE html>\n<html")
    assert shown[shown.index("<header>") :] == (
        """\
<header>
<h1>0 hosts</h1>

</header>
<main id="main">
<section>
<h2>Kernel v5</h2>
<dl>
<dt>Ready for TDs</dt><dd>0 of 0</dd>
<dt>Module initialized</dt><dd>0</dd>
<dt>PAMTs in all</dt><dd>0 B</dd>
<dt>Memory lost in all</dt><dd>0 B</dd>
<dt>KeyIDs for TDs in all</dt><dd>0</dd>
</dl>
</section>
</main>
<footer>
<p>Made by tdxctl from descriptions: fake machines, not real ones.</p>
</footer>
</body>
</html>"""
    )


def _bars(shown: str) -> list[tuple[str | None, ...]]:
    # (x, y, width, height, title) of each bar.
    keys = ("x", "y", "width", "height")
    found = ET.fromstring(shown).findall("svg/rect")
    return [(*map(bar.get, keys), bar.findtext("title")) for bar in found]


def _words(shown: str) -> list[tuple[str | None, ...]]:
    # (text, x, y, what of it stands at x) of all that is written in it.
    found = ET.fromstring(shown).findall("svg/text")
    return [(each.text, each.get("x"), each.get("y"), each.get("text-anchor")) for each in found]


def test_a_few_bars_have_their_words_and_are_no_wider_than_they_need() -> None:
    """Expect the highest to fill the height, what is almost nothing to be seen, and 0 not to be."""
    shown = histogram("TDMRs <left>", [("0", 0), ("1", 3), ("<2>", 1500)])
    assert _bars(shown) == [
        ("1.0", "140.0", "88.0", "0.0", "0: 0"),
        ("91.0", "139.0", "88.0", "1.0", "1: 3"),
        ("181.0", "18.0", "88.0", "122.0", "<2>: 1,500"),
    ]
    assert _words(shown) == [
        ("0", "45.0", "136.0", "middle"),
        ("0", "45.0", "154.0", "middle"),
        ("3", "135.0", "135.0", "middle"),
        ("1", "135.0", "154.0", "middle"),
        ("1,500", "225.0", "14.0", "middle"),
        ("<2>", "225.0", "154.0", "middle"),
    ]
    assert shown.splitlines()[:3] == [
        "<figure>",
        "<figcaption>TDMRs &lt;left&gt;; the highest bar is 1,500</figcaption>",
        '<svg role="img" aria-label="TDMRs &lt;left&gt;" viewBox="0 0 640 158" width="100%" '
        'style="max-width:640px">',
    ]


def test_no_bars_are_a_figure_all_the_same() -> None:
    shown = histogram("none", [])
    assert (_bars(shown), _words(shown)) == ([], [])
    assert "<figcaption>none; the highest bar is 1</figcaption>" in shown


def test_of_many_bars_the_first_and_the_last_have_words() -> None:
    """Seven have words each; eight share the whole width."""
    seven, eight = (histogram("n", [(str(n), n) for n in range(some)]) for some in (7, 8))
    assert len(_words(seven)) == 14
    assert _words(eight) == [("0", "0.0", "154.0", "start"), ("7", "640.0", "154.0", "end")]
    assert _bars(eight)[1] == ("81.0", "122.6", "78.0", "17.4", "1: 1")
    assert _bars(eight)[7] == ("561.0", "18.0", "78.0", "122.0", "7: 7")


@pytest.mark.parametrize(
    ("bars", "first", "last"),
    [
        (40, ("1.0", "140.0", "14.0", "0.0", "node 0: 0 B"), "node 39: 39 B"),
        (41, ("1.0", "138.4", "28.5", "1.6", "node 0 to node 1: 1 B"), "node 40: 40 B"),
        (81, ("1.0", "138.5", "21.7", "1.5", "node 0 to node 2: 3 B"), "node 78 to node 80: 237 B"),
    ],
)
def test_neighbours_share_a_bar_where_there_are_more_than_forty(
    bars: int, first: tuple[str, ...], last: str
) -> None:
    """Expect sizes in bytes where numbers are sizes."""
    found = _bars(histogram("sizes", [(f"node {n}", n) for n in range(bars)], sizes=True))
    assert (found[0], found[-1][-1]) == (first, last)
