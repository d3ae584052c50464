# SPDX-License-Identifier: Apache-2.0
"""A sweep as a page: the laws, the outcomes, what another kernel changes, and every point."""

from __future__ import annotations

from tdxctl.report.blocks import Table
from tdxctl.report.html.elements import paragraph, section, table
from tdxctl.report.html.page import document
from tdxctl.report.sweeps import Shown, changes
from tdxctl.report.sweeps_text import by_kind, interrupted, shortest_input, told
from tdxctl.sweep import compare
from tdxctl.sweep.invariants import INVARIANTS
from tdxctl.sweep.run import Sweep
from tdxctl.units import counted


def render(shown: Shown) -> str:
    """The page, without a newline at the end."""
    sweep, against = shown.sweep, shown.against
    title = f"{sweep.platform} under {sweep.kernel.id}: every error path"
    said = f"{counted(len(sweep.runs), 'point')} at which something fails{interrupted(sweep)}. "
    said += f"Without a fault: {told(sweep.clean)}."
    sections = [("laws", "Invariants", _laws(shown))]
    if against is not None:
        sections.append(("differences", f"Against {against.kernel.id}", _differences(shown)))
    sections += [
        ("outcomes", "Outcomes", _outcomes(sweep)),
        ("points", "Every point", _points(sweep)),
    ]
    return document(
        title,
        [paragraph(said)],
        [(anchor, heading) for anchor, heading, _ in sections],
        [section(2, anchor, heading, [content]) for anchor, heading, content in sections],
    )


def _laws(shown: Shown) -> str:
    runs = {run.point: run for run in shown.sweep.runs}
    rows, bad = [], []
    for law in INVARIANTS:
        found = [each for each in shown.violations if each.invariant == law.id]
        if not found:
            rows.append((law.sentence, "yes", "", "", ""))
            continue
        bad.append(len(rows))
        first = found[0]
        rows.append(
            (
                law.sentence,
                f"broken at {counted(len(found), 'point')}",
                f"{first.point}: {first.how}",
                shortest_input(runs[first.point]),
                first.known or "",
            )
        )
    columns = ("law", "holds", "first", "to see it", "the release does so too")
    return table(Table("What has to hold at every point", columns, tuple(rows), bad=bad))


def _differences(shown: Shown) -> str:
    assert shown.against is not None
    found = shown.differences or []
    if not found:
        return paragraph("It makes the same of every point.")
    kinds = by_kind(found, shown.sweep, shown.against)
    rows = tuple((each.point, kind) for kind, some in kinds.items() for each in some)
    between = ", ".join(changes(shown.sweep, shown.against))
    title = f"Differs at {counted(len(found), 'point')} of {len(shown.sweep.runs)}"
    return table(Table(title, ("point", "what differs"), rows)) + (
        paragraph(f"Between them: {between}.", "quiet") if between else ""
    )


def _outcomes(sweep: Sweep) -> str:
    rows = tuple((told(run), str(len(runs))) for run, runs in compare.groups(sweep))
    return table(Table("Outcomes, the most frequent first", ("outcome", "points"), rows, right=[1]))


def _points(sweep: Sweep) -> str:
    rows = tuple(
        (run.point, told(run), run.log[-1].text if run.log else "", shortest_input(run))
        for run in sweep.runs
    )
    columns = ("point", "outcome", "last line of the log", "to see it")
    return table(Table("Points", columns, rows))
