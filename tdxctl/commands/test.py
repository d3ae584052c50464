# SPDX-License-Identifier: Apache-2.0
"""`tdxctl test`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import Between
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.outcomes import FORMATS, outputs_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tdxctl.scenario.description import Case, Outcome


@click.command("test")
@click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, shell_complete=completions.files
)
@click.option("-k", "expression", metavar="EXPR", help="Only names that match: 'v5 and not numa'.")
@click.option(
    "-j",
    "jobs",
    metavar="N",
    type=Between(1, 64),
    default=1,
    help="So many processes. Default: 1.",
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first that fails.")
@click.option(
    "--list", "listed", is_flag=True, help="Print the names, with their places; run none."
)
@click.option("-v", "--verbose", is_flag=True, help="A line for those that pass too.")
@click.option(
    "--durations",
    metavar="N",
    type=Between(1, 1000),
    help="Tell the N slowest; JSON and JUnit get the seconds of each.",
)
@outputs_option
@format_option(*FORMATS)
def command(
    paths: tuple[str, ...],
    expression: str | None,
    jobs: int,
    fail_fast: bool,
    listed: bool,
    verbose: bool,
    durations: int | None,
    outputs: tuple[tuple[str, str], ...],
    output_format: str,
) -> int:
    """Run scenarios: platforms, operations and what is expected.

    \b
      tdxctl test scenarios
      tdxctl test scenarios -k 'offline and not v5' --output junit=report.xml

    PATH is a scenario's file, or a folder with scenarios in it at any depth. A step that expects
    nothing must not fail. No stored machine is touched. A file that is wrong is a broken scenario:
    the others run. Exit 0 when all is as expected, 1 when an expectation failed, 3 when a scenario
    is wrong; no scenario at all is an error. In a folder, YAML and JSON files that are plainly
    something else are counted on standard error.
    """
    from tdxctl.commands.outputs import outcomes as out
    from tdxctl.errors import DescriptionError, TdxctlError, UsageError
    from tdxctl.progress import shown
    from tdxctl.scenario.description import BROKEN, Outcome
    from tdxctl.scenario.find import find
    from tdxctl.scenario.run import cases_of, run_cases

    if listed and (outputs or output_format not in ("text", "json")):
        raise UsageError("--list prints text or json, and writes no --output")
    try:
        with shown("reading scenarios"):
            found = find(paths)
            cases = cases_of(found.scenarios, expression)
            if listed:
                return _list(cases, output_format)
            timed = durations is not None
            outcomes = run_cases(cases, jobs=jobs, fail_fast=fail_fast, timed=timed)
    except TdxctlError as error:
        if not listed:
            # No report is empty: what stopped the run is its only case.
            what, problems = "tdxctl test", error.diagnostics()
            not_run = [Outcome(what, 1, what, "", BROKEN, problems=problems)]
            out.write_not_run(not_run, output_format, outputs)
        raise
    out.tell_others(found.others)
    of_text: dict[str, Any] = {"verbose": verbose, "slowest": durations or 0}
    if all(outcome.outcome == BROKEN for outcome in outcomes):
        # Nothing was run: there is no answer, and in no report nothing.
        problems = out.problems_of(outcomes)
        out.write_not_run(outcomes, output_format, outputs)
        raise DescriptionError(problems)
    out.tell_problems(outcomes)
    out.write_files(lambda wanted: out.render(wanted, outcomes, **of_text), outputs)
    if output_format == "text":
        from tdxctl.commands.outputs.stdout import print_prose
        from tdxctl.report.results import text

        print_prose(text.to_lines(outcomes, **of_text, told=True))
    else:
        out.print_outcomes(out.render(output_format, outcomes), output_format)
    if output_format == "github":
        out.append_step_summary(outcomes)
    return _exit(outcomes)


def _list(cases: list[Case | Outcome], output_format: str) -> int:
    from tdxctl.commands.outputs.outcomes import tell_problems
    from tdxctl.commands.outputs.stdout import print_report
    from tdxctl.report.results import listing
    from tdxctl.scenario.description import Outcome

    broken = [case for case in cases if isinstance(case, Outcome)]
    good = [case for case in cases if not isinstance(case, Outcome)]
    tell_problems(broken)
    print_report(listing, output_format, good)
    return _exit(broken)


def _exit(outcomes: list[Outcome]) -> int:
    from tdxctl.errors import DescriptionError
    from tdxctl.scenario.description import BROKEN

    if any(outcome.outcome == BROKEN for outcome in outcomes):
        return DescriptionError.exit_code
    return 1 if any(outcome.is_bad for outcome in outcomes) else 0
