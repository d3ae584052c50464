# SPDX-License-Identifier: Apache-2.0
"""`tdxctl forget`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.outputs.stdout import print_text


@click.command("forget")
@click.argument("name", metavar="M", shell_complete=completions.machines)
def command(name: str) -> int:
    """Delete a machine and all that happened on it.

    \b
      tdxctl forget spr-2s-512g
      tdxctl forget no-module

    Its description stays where it came from.
    """
    from tdxctl.store import no_such_machine, writing
    from tdxctl.units import is_name

    with writing() as rows:
        # A name that no machine can have is not asked for: it may be no text to SQLite.
        if not is_name(name) or not rows.forget(name):
            raise no_such_machine(name, rows.machines())
    print_text(f"{name}: forgotten")
    return 0
