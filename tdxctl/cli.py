# SPDX-License-Identifier: Apache-2.0
"""The command table. Commands are imported when they are run, not when they are listed."""

from __future__ import annotations

from importlib import import_module

import click

from tdxctl import __version__
from tdxctl.units import printable

#: Command -> its short help. A test compares it with the commands' own.
COMMANDS = {
    "init": "Boot a described platform and bring its TDX module up.",
    "platforms": "List the shipped platforms, or print one.",
    "schema": "Print a JSON Schema, for editors and other tools.",
    "validate": "Check platform descriptions.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"tdxctl.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{printable(args[0])}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tdxctl %(version)s")
def cli() -> None:
    """What Linux's bring-up of Intel TDX does on a described platform.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl validate x.yaml

    Describe a server in YAML or JSON, or take a shipped platform; tdxctl boots it as a fake
    machine and runs the kernel's tdx_init() on it against a fake TDX module.
    """
