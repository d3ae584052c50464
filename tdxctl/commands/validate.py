# SPDX-License-Identifier: Apache-2.0
"""`tdxctl validate`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.outcomes import FORMATS, outputs_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.scenario.description import Checked


@click.command("validate")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, shell_complete=completions.files
)
@outputs_option
@format_option(*FORMATS)
def command(
    files: tuple[str, ...], outputs: tuple[tuple[str, str], ...], output_format: str
) -> int:
    """Check platform descriptions and scenarios.

    \b
      tdxctl validate x.yaml
      tdxctl validate platforms/*.yaml --output junit=report.xml

    Every problem of every file is reported as file:line:column: path: what is wrong. Exit 3
    when there is one; - is standard input. What can be booted and no firmware makes is a warning
    on standard error, and exit 0. Of a scenario nothing is run.
    """
    from tdxctl.commands.outputs import outcomes as out
    from tdxctl.errors import DescriptionError
    from tdxctl.progress import shown
    from tdxctl.scenario.check import check_file

    with shown("checking descriptions"):
        checked = [check_file(path) for path in files]
    broken = [each for each in checked if each.is_bad]
    if not broken:
        out.tell_problems(checked)
    out.write_files(lambda wanted: _render(wanted, checked), outputs)
    if not broken or output_format not in ("text", "json", "jsonl"):
        _print(checked, output_format)
    if output_format == "github":
        out.append_step_summary([*checked], "file")
    missing = [each.missing for each in broken if each.missing is not None]
    if missing and len(missing) == len(broken):
        raise missing[0]
    if broken:
        fine = [each for each in checked if not each.is_bad]
        raise DescriptionError(out.problems_of([*broken, *fine]))
    return 0


def _print(checked: list[Checked], output_format: str) -> None:
    if output_format == "text":
        from tdxctl.commands.outputs.stdout import print_prose
        from tdxctl.report.validated import to_lines

        print_prose(to_lines(checked))
    else:
        from tdxctl.commands.outputs.outcomes import print_outcomes

        print_outcomes(_render(output_format, checked), output_format)


def _render(wanted: str, checked: list[Checked]) -> str:
    from tdxctl.commands.outputs.outcomes import render

    match wanted:
        case "text" | "json" | "jsonl":
            from tdxctl.report import validated

            return validated.RENDERERS[wanted](checked)
        case _:
            return render(wanted, [*checked], what="file")
