# SPDX-License-Identifier: Apache-2.0
"""`tdxctl platforms`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.outputs.stdout import print_text


@click.command("platforms")
@click.argument("name", required=False, shell_complete=completions.shipped_platforms)
def command(name: str | None) -> int:
    """List the shipped platforms, or print one.

    \b
      tdxctl platforms
      tdxctl platforms spr-2s-512g > x.yaml

    A printed platform is a complete description to start one's own from.
    """
    from tdxctl.platform import shipped
    from tdxctl.report.aligned import aligned

    if name is not None:
        with open(shipped.path_of(name), encoding="utf-8") as file:
            print_text(file.read().rstrip("\n"))
        return 0
    descriptions = {name: shipped.description_of(name) for name in shipped.names()}
    print_text("\n".join(aligned([*descriptions.items()])))
    return 0
