# SPDX-License-Identifier: Apache-2.0
"""A sweep as JUnit XML: a case per point, which fails where a law is broken or a kernel differs.

What a release is known to break is skipped, with its reason. No times: the report is the same for
the same input.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tdxctl.report.sweeps import Shown
from tdxctl.report.sweeps_text import by_kind
from tdxctl.units import printable_lines


def render(shown: Shown) -> str:
    """The document, without a newline at the end."""
    sweep, against = shown.sweep, shown.against
    bad: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    for each in shown.violations:
        where = bad if each.known is None else known
        said = f"{each.invariant}: {each.how}" + (f" ({each.known})" if each.known else "")
        where.setdefault(each.point, []).append(said)
    if against is not None and shown.differences is not None:
        for kind, some in by_kind(shown.differences, sweep, against).items():
            for difference in some:
                said = f"against {against.kernel.id}: {kind}"
                bad.setdefault(difference.point, []).append(said)
    points = list(dict.fromkeys([*(run.point for run in sweep.runs), *bad]))
    skipped = [point for point in known if point not in bad]
    numbers = {
        "tests": str(len(points)),
        "failures": str(len(bad)),
        "errors": "0",
        "skipped": str(len(skipped)),
    }
    root = ET.Element("testsuites", {"name": "tdxctl", **numbers})
    name = f"sweep of {sweep.platform} under {sweep.kernel.id}"
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), **numbers})
    for point in points:
        case = ET.SubElement(
            suite, "testcase", {"classname": _clean(sweep.kernel.id), "name": _clean(point)}
        )
        if point in bad:
            failure = ET.SubElement(
                case, "failure", {"message": _clean(bad[point][0]), "type": "sweep"}
            )
            failure.text = _clean("\n".join(bad[point]))
        elif point in known:
            ET.SubElement(case, "skipped", {"message": _clean(known[point][0])})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _clean(text: str) -> str:
    # No character that XML cannot hold, and nothing that whoever shows it would obey.
    return printable_lines(text)
