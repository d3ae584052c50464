# SPDX-License-Identifier: Apache-2.0
"""The command table. Commands are imported when they are run, not when they are listed."""

from __future__ import annotations

from importlib import import_module

import click

from tdxctl import __version__
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Command -> its short help. A test compares it with the commands' own.
COMMANDS = {
    "init": "Bring a machine's TDX module up, booting the machine if it is not running.",
    "status": "Show what a machine's kernel knows of its TDX module.",
    "boot": "Boot a machine, or boot it again.",
    "dmesg": "Print a machine's kernel log since boot.",
    "trace": "Print a machine's hardware events since boot: SEAMCALLs, PAMT allocations, WBINVD.",
    "cpu": "Bring CPUs of a running machine online or offline.",
    "memory": "Bring memory of a running machine online.",
    "hotplug": "Add or remove CPUs or memory of a running machine: what the kernel makes of it.",
    "module": "Load, unload, shut down or update the TDX module of a running machine.",
    "keyid": "Take or give back a guest KeyID, as KVM does for a TD.",
    "pamt": "Take or give back a page for a TD: Dynamic PAMT's refcounts and page pairs.",
    "kexec": "Boot a running machine's kernel anew by kexec: the TDX module stays as it is.",
    "fault": "Script a fault on a running machine, or clear all of them.",
    "seamcall": "Make the SEAMCALLs of a script, and say what each one answered.",
    "machines": "List the machines, or print one as JSON that reproduces it.",
    "forget": "Delete a machine and all that happened on it.",
    "capture": "Make a platform description from what a real machine shows.",
    "diagnose": "Say from a real kernel's log what state TDX is in on that host, and why.",
    "plan": "Say what each kernel would do on a platform, and what it would cost.",
    "map": "Draw a machine's memory: ranges, CMRs, TDMRs, PAMTs and reserved areas.",
    "html": "Write a page about a machine that needs nothing but a browser: for a ticket.",
    "kernels": "List the kernels that can be booted: their changes, and on what evidence they "
    "rest.",
    "modules": "List the TDX module releases that are modelled, or say all of one.",
    "test": "Run scenarios: platforms, operations and what is expected of them.",
    "scenario": "Print a scenario whose expectations are what happens today.",
    "explain": "Say what a status, an errno, a SEAMCALL leaf, a check or a line of a log means.",
    "platforms": "List the shipped platforms, or print one.",
    "validate": "Check platform descriptions.",
    "schema": "Print a JSON Schema, for editors and other tools.",
    "completion": "Print the script that completes tdxctl's words in a shell.",
}


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
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{printable(args[0])}'.{hint}")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _refuse_repeated(click.Context(command, ctx, name, **command.context_settings), rest)
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
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def command_in(words: list[str]) -> str:
    """The command that the words of a command line name, by its own name; empty for none."""
    name = next((word for word in words if not word.startswith("-")), "")
    return ALIASES.get(name, name)


def _refuse_repeated(ctx: click.Context, args: list[str]) -> None:
    # click takes the last of an option that is given twice, and drops the others in silence.
    from collections import Counter

    try:
        _, _, given = ctx.command.make_parser(ctx).parse_args(list(args))
    except click.UsageError:
        return  # said where the command is run
    for option, times in Counter(given).items():
        takes_one = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
        if takes_one and times > 1:
            name = max(option.opts, key=len)
            ctx.fail(f"{name} is given {times} times, and takes one value.")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tdxctl %(version)s")
def cli() -> None:
    """What Linux's bring-up of Intel TDX does on a described platform.

    \b
      tdxctl init --platform spr-2s-512g
      tdxctl validate x.yaml

    Describe a server in YAML or JSON, or take a shipped platform; tdxctl boots it as a fake
    machine and runs the kernel's tdx_init() on it against a fake TDX module.

    An option that is not repeatable can also be given as TDXCTL_<COMMAND>_<OPTION>:
    TDXCTL_INIT_KERNEL=6.8.
    """
