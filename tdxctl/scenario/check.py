# SPDX-License-Identifier: Apache-2.0
"""Files that may be descriptions or scenarios: what is wrong in each, and nothing is run."""

from __future__ import annotations

import re

from tdxctl.errors import DescriptionError, Diagnostic, UsageError
from tdxctl.platform.load import check_text
from tdxctl.platform.text import DescriptionText, read_text
from tdxctl.scenario.description import BROKEN, PASSED, Checked
from tdxctl.units import printable

# What a description has nowhere: a scenario's schema, or steps at the top.
_A_SCENARIO = re.compile(rb"tdxctl\.scenario/|^[{ ]*[\"']?steps[\"']?[ \t]*:", re.MULTILINE)


def check_file(path: str) -> Checked:
    """What is wrong in the file at path; `-` is standard input."""
    try:
        text = read_text(path)
        if _A_SCENARIO.search(text.data):
            name, number = _check_cases(text)
            return Checked(path, 1, name, "", PASSED, cases=number)
        name, implausible = check_text(text)
        return Checked(path, 1, name, "", PASSED, problems=implausible)
    except UsageError as error:
        return Checked(path, 1, path, "", BROKEN, problems=error.diagnostics(), missing=error)
    except DescriptionError as error:
        line = error.problems[0].line or 1
        return Checked(path, line, path, "", BROKEN, problems=error.problems)


def _check_cases(text: DescriptionText) -> tuple[str, int]:
    # A scenario is right when every cell of its matrix has a platform.
    from tdxctl.scenario.load import cases_in

    cases = cases_in(text.data, text.shown, is_json=text.is_json)
    problems: dict[Diagnostic, None] = {}
    for case in cases:
        try:
            case.platform()
        except DescriptionError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise DescriptionError(tuple(problems))
    return printable(cases[0].name.partition("[")[0]), len(cases)
