# SPDX-License-Identifier: Apache-2.0
"""`tdxctl modules`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.seam.releases import Release


@click.command("modules")
@click.argument("version", required=False, shell_complete=completions.module_versions)
@format_option("text", "json")
def command(version: str | None, output_format: str) -> int:
    """List the TDX module releases, or say all of one.

    \b
      tdxctl modules
      tdxctl modules 1.5.08

    EVIDENCE says how it is known what a release does: measured is its own source, compiled and
    run. What is not known is a question mark, and null in JSON.
    """
    from tdxctl.report import modules
    from tdxctl.seam.releases import releases

    found = releases() if version is None else (_release(version),)
    if output_format == "json":
        print_json(modules.to_json(found))
    else:
        print_text(modules.to_table(found) if version is None else modules.to_text(*found))
    return 0


def _release(version: str) -> Release:
    from tdxctl.errors import UsageError
    from tdxctl.seam.releases import exactly, nearest
    from tdxctl.units import printable

    found = exactly(version)
    if found is None:
        raise UsageError(f"no release '{printable(version)}'", hint=nearest(version))
    return found
