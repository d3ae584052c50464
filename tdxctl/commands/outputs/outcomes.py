# SPDX-License-Identifier: Apache-2.0
"""What became of scenarios and of checked files, in every format, and into several files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import click

from tdxctl.commands.inputs.choices import OneOf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdxctl.errors import Diagnostic
    from tdxctl.scenario.description import Outcome

    #: The text of a format.
    Rendered = Callable[[str], str]

FORMATS = ("text", "json", "jsonl", "junit", "ktap", "github", "gitlab", "sarif")
#: Formats of which `__main__` prints `tdxctl.error/1` where there is no answer.
_JSON = ("json", "jsonl")
#: So many of the files that are no scenarios are named.
_NAMED_OTHERS = 5


class FormatAndFile(click.ParamType):  # type: ignore[type-arg]  # which click has from 8.4 on
    """FORMAT=FILE: a format and where it goes."""

    name = "FORMAT=FILE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The two; a folder that is not there is told before anything runs."""
        if isinstance(value, tuple):
            return value
        from tdxctl.units import printable

        output_format, equals, path = str(value).partition("=")
        if not equals or not path:
            self.fail(f"'{printable(str(value))}' is not FORMAT=FILE: junit=report.xml", param, ctx)
        OneOf(FORMATS).convert(output_format, param, ctx)
        folder = os.path.dirname(path)
        if folder and not os.path.isdir(folder):
            self.fail(f"there is no folder '{printable(folder)}'", param, ctx)
        return output_format, path


outputs_option = click.option(
    "--output",
    "outputs",
    metavar="FORMAT=FILE",
    multiple=True,
    type=FormatAndFile(),
    help="Write a format to a file beside what is printed. Repeatable.",
)


def print_outcomes(text: str, output_format: str) -> None:
    """Print what a format says on standard output."""
    from tdxctl.commands.outputs.stdout import print_as, print_document

    if output_format in ("junit", "ktap", "github"):
        print_document(text)
    else:
        print_as("json" if output_format in ("gitlab", "sarif") else output_format, text)


def write_files(render: Rendered, outputs: tuple[tuple[str, str], ...]) -> None:
    """Write each of outputs."""
    from tdxctl.commands.outputs.files import write_document

    for wanted, path in outputs:
        write_document(_as_it_is_written(wanted, render(wanted)), path)


def _as_it_is_written(output_format: str, text: str) -> str:
    if output_format != "text":
        return text
    from tdxctl.units import printable_lines

    return printable_lines(text)


def write_not_run(
    outcomes: list[Outcome], output_format: str, outputs: tuple[tuple[str, str], ...]
) -> None:
    """The report of a run of which nothing came; outcomes are broken.

    What is printed on standard output is left out where `__main__` prints an error in that
    format, or for a person.
    """
    stdout = () if output_format in ("text", *_JSON) else ((output_format, "-"),)
    write_files(lambda wanted: render(wanted, outcomes), (*outputs, *stdout))


def render(
    output_format: str, outcomes: list[Outcome], what: str = "scenario", **of_text: Any
) -> str:
    """Outcomes in a format; imports only what it needs.

    what: each of them is. of_text: how much text tells.
    """
    match output_format:
        case "json" | "jsonl":
            from tdxctl.report.results import as_json

            return (as_json.render if output_format == "json" else as_json.render_lines)(outcomes)
        case "junit":
            from tdxctl.report.results import junit

            return junit.render(outcomes)
        case "ktap":
            from tdxctl.report.results import ktap

            return ktap.render(outcomes)
        case "github":
            from tdxctl.report.results import github

            return github.render(outcomes, what)
        case "gitlab":
            from tdxctl.report.results import gitlab

            return gitlab.render(outcomes)
        case "sarif":
            from tdxctl.report.results import sarif

            return sarif.render(outcomes)
        case _:
            from tdxctl.report.results import text

            return text.render(outcomes, **of_text)


def append_step_summary(outcomes: list[Outcome], what: str = "scenario") -> None:
    """Add the numbers and a table to $GITHUB_STEP_SUMMARY, where there is one."""
    from tdxctl.report.results import github

    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            file.write(github.step_summary(outcomes, what))


def tell_others(others: tuple[str, ...]) -> None:
    """Files that were found beside scenarios and are none, on standard error."""
    if not others:
        return
    from tdxctl.units import counted, printable

    names = ", ".join(map(printable, others[:_NAMED_OTHERS]))
    if (more := len(others) - _NAMED_OTHERS) > 0:
        names += f" and {more} more"
    are = "is no scenario" if len(others) == 1 else "are no scenarios"
    sys.stderr.write(f"{counted(len(others), 'other file')} {are}: {names}\n")


def problems_of(outcomes: Sequence[Outcome]) -> tuple[Diagnostic, ...]:
    """What is wrong in files, each once."""
    return tuple({problem: None for each in outcomes for problem in each.problems})


def tell_problems(outcomes: Sequence[Outcome]) -> None:
    """What is wrong in files, on standard error."""
    for problem in problems_of(outcomes):
        sys.stderr.write(problem.render() + "\n")
