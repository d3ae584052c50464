# SPDX-License-Identifier: Apache-2.0
"""The command table. Commands are imported when they are run, not when they are listed."""

from __future__ import annotations

from importlib import import_module

import click

from tdxctl import __version__
from tdxctl.commands import GROUPS
from tdxctl.sentences import SENTENCES
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Command -> what it does. A command that is being written has no sentence yet.
COMMANDS = {name: SENTENCES.get(name, "") for names in GROUPS.values() for name in names}
ALIASES = {"reboot": "boot"}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"tdxctl.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        from tdxctl.commands.inputs import environment

        environment.give(cmd_name, command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args[0] in {*COMMANDS, *ALIASES}
        if not known and not args[0].startswith("-") and not ctx.resilient_parsing:
            from tdxctl.commands.inputs.guesses import no_such_command

            ctx.fail(no_such_command(args[0]))
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _refuse_slips(click.Context(command, ctx, name, **command.context_settings), rest)
        return name, command, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        named = {name: text for name, text in COMMANDS.items() if name.startswith(incomplete)}
        commands = [CompletionItem(name, help=text) for name, text in named.items()]
        # The options, not what the group would load every command for.
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, COMMANDS))
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(width), COMMANDS[name]) for name in names])


def command_in(words: list[str]) -> str:
    """The command that the words of a command line name, by its own name; empty for none."""
    name = next((word for word in words if not word.startswith("-")), "")
    return ALIASES.get(name, name)


def _refuse_slips(ctx: click.Context, args: list[str]) -> None:
    # click takes the last of an option that is given twice, and drops the others in silence; of a
    # platform without its option it says that an option is missing.
    from collections import Counter

    try:
        values, words, given = ctx.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return  # said where the command is run
    for option, times in Counter(given).items():
        takes_one = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if takes_one and times > 1:
            name = max(option.opts, key=len)
            ctx.fail(f"{name} is given {times} times, and takes one value.")
    options = {option.name for option in ctx.command.params if isinstance(option, click.Option)}
    takes_words = any(isinstance(one, click.Argument) for one in ctx.command.params)
    if words and not takes_words and "platform" in options and "platform" not in values:
        ctx.fail(f"A platform is named by its option: --platform {printable(words[0])}")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tdxctl %(version)s")
def cli() -> None:
    """What Linux's bring-up of Intel TDX does on a described platform.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl diagnose dmesg.log

    Describe a server in YAML or JSON, or take a shipped platform; tdxctl boots it as a fake
    machine and runs the kernel's tdx_init() on it against a fake TDX module. A log of a real host
    is diagnosed. The help of each command opens with two examples.

    An option that is not repeatable can also be given as TDXCTL_<COMMAND>_<OPTION>:
    TDXCTL_INIT_KERNEL=6.8.
    """
