# SPDX-License-Identifier: Apache-2.0
"""`TDXCTL_<COMMAND>_<OPTION>`: options from the environment."""

from __future__ import annotations

import os

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.errors import Diagnostic


def give(name: str, command: click.Command) -> None:
    """Let each option of the command that is called name have its variable.

    Repeatable ones have none: there is no telling their values apart in one text.
    """
    for option in command.params:
        if isinstance(option, click.Option) and not option.multiple:
            option.envvar = variable(name, option)


def variable(name: str, option: click.Option) -> str:
    """TDXCTL_INIT_KERNEL for --kernel of init."""
    longest = max(option.opts, key=len)
    return f"TDXCTL_{name}_{longest.lstrip('-')}".replace("-", "_").upper()


def set_format(name: str) -> str:
    """The --format that the environment sets for the command that is called name."""
    return os.environ.get(f"TDXCTL_{name}_FORMAT".upper(), "")


def told(
    diagnostics: tuple[Diagnostic, ...], command: click.Command | None, words: list[str]
) -> tuple[Diagnostic, ...]:
    """diagnostics of the command line words, with the variables that command takes options from."""
    variables = _in_force(command, words)
    if not variables:
        return diagnostics
    origin = f"from the environment: {', '.join(variables)}"
    return tuple(
        found._replace(hint=f"{found.hint}; {origin}" if found.hint else origin)
        for found in diagnostics
    )


def _in_force(command: click.Command | None, words: list[str]) -> list[str]:
    given = {word.partition("=")[0] for word in words}
    return [
        str(option.envvar)
        for option in (command.params if command is not None else ())
        if isinstance(option, click.Option)
        and option.envvar
        and os.environ.get(str(option.envvar))
        and not given & {*option.opts, *option.secondary_opts}
    ]
