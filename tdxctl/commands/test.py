# SPDX-License-Identifier: Apache-2.0
"""`tdxctl test`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import Between
from tdxctl.commands.inputs.options import format_option


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
@format_option("text", "json", "jsonl", "junit", "ktap", "github")
def command(
    paths: tuple[str, ...],
    expression: str | None,
    jobs: int,
    fail_fast: bool,
    output_format: str,
) -> int:
    """Run scenarios: platforms, operations and what is expected.

    \b
      tdxctl test scenarios
      tdxctl test scenarios -k 'offline and not v5' --format junit > report.xml

    PATH is a scenario's file, or a folder with scenarios in it at any depth. A step that expects
    nothing must not fail. No stored machine is touched. Exit 0 when all is as expected, 1 when an
    expectation failed, 3 when a scenario is wrong; no scenario at all is an error. In a folder,
    YAML and JSON files that are plainly something else are counted on standard error.
    """
    from tdxctl.commands.outputs.stdout import write_outcomes
    from tdxctl.progress import shown
    from tdxctl.scenario.find import find
    from tdxctl.scenario.run import cases_of, run_cases

    with shown("reading scenarios"):
        found = find(paths)
        cases = cases_of(found.scenarios, expression)
        outcomes = run_cases(cases, jobs=jobs, fail_fast=fail_fast)
    write_outcomes(outcomes, output_format, found.others)
    return 1 if any(outcome.is_bad for outcome in outcomes) else 0
