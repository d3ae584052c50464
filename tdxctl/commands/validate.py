# SPDX-License-Identifier: Apache-2.0
"""`tdxctl validate`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_text


@click.command("validate")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, shell_complete=completions.files
)
@format_option("text", "json")
def command(files: tuple[str, ...], output_format: str) -> int:
    """Check platform descriptions.

    \b
      tdxctl validate x.yaml
      tdxctl validate platforms/*.yaml --format json

    Every problem of every file is reported as file:line:column: path: what is wrong. Exit 3
    when there is one; - is standard input. What can be booted and no firmware makes is a warning
    on standard error, and exit 0.
    """
    import sys

    from tdxctl.platform.load import validate_files
    from tdxctl.progress import shown

    with shown("checking descriptions"):
        checked, implausible = validate_files(files)
    for warning in implausible:
        sys.stderr.write(warning.render() + "\n")
    if output_format == "json":
        from tdxctl.report.problems import validated

        print_json(validated(checked, implausible).render())
    else:
        from tdxctl.units import printable

        print_text("\n".join(f"{printable(entry['file'])}: valid" for entry in checked))
    return 0
