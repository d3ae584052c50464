# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import OneOf

Command = TypeVar("Command", bound=Callable[..., Any])

platform_option = click.option(
    "--platform",
    metavar="P",
    shell_complete=completions.platforms,
    help="A description's file (with a / or ending in .yaml, .yml, .json), - for standard "
    "input, or the name of a shipped platform.",
)
#: For commands that look at a platform and never at the machine that is running.
one_platform_option = click.option(
    "--platform",
    metavar="P",
    required=True,
    shell_complete=completions.platforms,
    help="The platform, as of `init`.",
)
machine_option = click.option(
    "--machine",
    metavar="M",
    shell_complete=completions.machines,
    help="The machine; else TDXCTL_MACHINE, else the platform's name, else the only machine or "
    "the one booted last.",
)
set_option = click.option(
    "--set",
    "settings",
    metavar="PATH=VALUE",
    multiple=True,
    help="Change the description: the paths of error messages, the value as YAML. Repeatable.",
)


def boot_option(command: Command) -> Command:
    """Adds --boot, of a log that holds several."""
    return click.option(
        "--boot",
        type=click.IntRange(min=1),
        metavar="N",
        help="Which boot of a log with several. Default: the last that is no crash kernel's.",
    )(command)


def format_option(*formats: str) -> Callable[[Command], Command]:
    """--format, one of formats, the first by default."""
    return click.option(
        "--format",
        "output_format",
        type=OneOf(formats),
        default=formats[0],
        show_default=True,
        help="What to print on standard output.",
    )
