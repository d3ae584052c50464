# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple, TypeVar

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.inputs.kernels import ASSUME, KernelName, assume, each_once
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId

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


def named_kernel(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option that takes a kernel: click.option() with what all of them have."""
    shared: dict[str, Any] = {
        "metavar": "K",
        "type": KernelName(),
        "shell_complete": completions.kernels,
    }
    return click.option(*names, **(shared | settings))


#: Before --kernel, whose names it is for.
assume_option = named_kernel(
    ASSUME,
    metavar="RELEASE",
    is_eager=True,
    expose_value=False,
    callback=assume,
    help="What a `uname -r` is taken for that is not known.",
)


def kernel_option(command: Command) -> Command:
    """--kernel, and what is assumed of one that is not known."""
    option = named_kernel(
        "--kernel",
        help="The kernel to boot: a release of `tdxctl kernels`, RELEASE+CHANGE, a `uname -r`, or "
        f"FILE.py:Class. Default: {DEFAULT_KERNEL}, or what the machine is running.",
    )
    return option(assume_option(command))


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


class Subject(NamedTuple):
    """What a command is about: a platform and kernels for it, or a machine. None is not named."""

    platform: str | None
    kernels: tuple[KernelId, ...]
    machine: str | None
    settings: tuple[str, ...]

    @property
    def kernel(self) -> KernelId | None:
        """The kernel, where one is named."""
        return self.kernels[0] if self.kernels else None


def subject_options(
    kernels: Callable[[Callable[..., int]], Callable[..., int]] = kernel_option,
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """--platform, --kernel, --machine and --set, which the command gets as a Subject.

    kernels: its option --kernel, which is called `kernels` where it is repeatable.
    """

    def made(command: Callable[..., int]) -> Callable[..., int]:
        def run(
            platform: str | None,
            machine: str | None,
            settings: tuple[str, ...],
            kernel: KernelId | None = None,
            kernels: tuple[KernelId, ...] = (),
            **others: Any,
        ) -> int:
            named = kernels if kernel is None else (kernel,)
            return command(Subject(platform, each_once(named), machine, settings), **others)

        update_wrapper(run, command)
        decorated: Callable[..., int] = run
        for option in (set_option, machine_option, kernels, platform_option):
            decorated = option(decorated)
        return decorated

    return made
