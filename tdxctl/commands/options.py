# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tdxctl.commands import complete
from tdxctl.commands.choice import OneOf
from tdxctl.commands.kernel_name import KernelName
from tdxctl.linux.releases import DEFAULT_KERNEL

Command = TypeVar("Command", bound=Callable[..., Any])

platform_option = click.option(
    "--platform",
    metavar="P",
    shell_complete=complete.platforms,
    help="A description's file (with a / or ending in .yaml, .yml, .json), - for standard "
    "input, or the name of a shipped platform.",
)
#: For commands that look at a platform and never at the machine that is running.
one_platform_option = click.option(
    "--platform",
    metavar="P",
    required=True,
    shell_complete=complete.platforms,
    help="The platform, as of `init`.",
)
kernel_option = click.option(
    "--kernel",
    metavar="K",
    type=KernelName(),
    shell_complete=complete.kernels,
    help="The kernel to boot: a release of `tdxctl kernels`, RELEASE+CHANGE, a `uname -r`, or "
    f"FILE.py:Class. Default: {DEFAULT_KERNEL}, or what the machine is running.",
)
#: For what is done to a machine that was booted with a kernel of the user's own.
own_kernel_option = click.option(
    "--kernel",
    metavar="FILE.py:Class",
    type=KernelName(),
    help="The kernel of your own that the machine was booted with, where it was.",
)
machine_option = click.option(
    "--machine",
    metavar="M",
    shell_complete=complete.machines,
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
