# SPDX-License-Identifier: Apache-2.0
"""The kernels that a command line names, and the options that take them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import Command
from tdxctl.errors import UsageError
from tdxctl.linux.changes import EXECUTED
from tdxctl.linux.lookup import UnknownUnameError, find_kernel, names_file
from tdxctl.linux.releases import DEFAULT_KERNEL, KERNELS, KernelId

# The option that says what a kernel that is not known is taken for.
_ASSUME = "--assume-kernel"
_ASSUMED = "tdxctl.assumed_kernel"
#: The word for every kernel, where an option takes it.
ALL = "all"


class KernelName(click.ParamType):  # type: ignore[type-arg]  # which click has from 8.4 on
    """A release, one with changes, another name, a `uname -r`, or FILE.py:Class.

    Converts to a KernelId; to ALL where that was written and the option takes it. What another
    name stands for is said on standard error.
    """

    name = "kernel"

    def __init__(self, *, or_all: bool = False) -> None:
        self._or_all = or_all

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> KernelId | str:
        """The kernel of that name. Raises UsageError where there is none."""
        if isinstance(value, KernelId):
            return value
        if names_file(value) and _is_from_environment(param, ctx):
            raise UsageError(
                "a kernel of your own runs as your own code: only a command line names one, and "
                "this name is from the environment"
            )
        if self._or_all and value == ALL:
            return ALL
        try:
            return chosen(str(value), assumed=None if ctx is None else ctx.meta.get(_ASSUMED))
        except UnknownUnameError as error:
            if ctx is None or not any(_ASSUME in known.opts for known in ctx.command.params):
                raise
            hint = f"{_ASSUME} RELEASE goes on; {error.hint}"
            raise UsageError(error.message, hint=hint) from None


def each_once(kernels: tuple[KernelId | str, ...]) -> tuple[KernelId, ...]:
    """The kernels in the order asked for; where ALL is among them, all that there are."""
    if ALL in kernels:
        return KERNELS
    found: dict[tuple[str, str | None], KernelId] = {}
    for kernel in kernels:
        if isinstance(kernel, KernelId):
            # By another name it is the same kernel.
            found.setdefault((kernel.id, kernel.digest), kernel)
    return tuple(found.values())


def _assume(ctx: click.Context, _param: click.Parameter, value: KernelId | None) -> None:
    # Kept for the names that follow.
    ctx.meta[_ASSUMED] = value


def _is_from_environment(param: click.Parameter | None, ctx: click.Context | None) -> bool:
    if param is None or ctx is None or param.name is None:
        return False
    return ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT


def chosen(text: str, *, assumed: KernelId | None = None) -> KernelId:
    """The kernel of that name, what another name stands for being said on standard error.

    assumed: what a `uname -r` is taken for that is not known.

    Raises UsageError where there is none.
    """
    if names_file(text):
        from tdxctl.linux.own import of_file

        return of_file(text)
    kernel = find_kernel(text, assumed=assumed)
    if kernel.asked is not None:
        sys.stderr.write(f"kernel: {kernel.asked} {_stands_for(kernel)}\n")
    return kernel


def _stands_for(kernel: KernelId) -> str:
    assert kernel.asked is not None, "another name was asked for"
    if not kernel.asked[0].isdigit():
        return f"is {kernel.id}"
    told = [f"behaves as {kernel.release.id}", *(change.title for change in kernel.extra)]
    if kernel.evidence is not EXECUTED:
        told.append(kernel.evidence.word)
    return ", ".join(told)


def named_kernel(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option that takes a kernel: click.option() with what all of them have."""
    shared: dict[str, Any] = {
        "metavar": "K",
        "type": KernelName(),
        "shell_complete": completions.kernels,
    }
    return click.option(*names, **(shared | settings))


def booted_kernel(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """named_kernel() of one to boot, and --assume-kernel for a name that is not known."""
    option = named_kernel(*names, **settings)
    # Eager: before the names that it is for.
    assumed = named_kernel(
        _ASSUME,
        metavar="RELEASE",
        is_eager=True,
        expose_value=False,
        callback=_assume,
        help="What a `uname -r` is taken for that is not known.",
    )
    return lambda command: option(assumed(command))


kernel_option = booted_kernel(
    "--kernel",
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
