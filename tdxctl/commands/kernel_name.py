# SPDX-License-Identifier: Apache-2.0
"""The kernel that a command line names."""

from __future__ import annotations

import sys
from typing import Any

import click
from click.core import ParameterSource

from tdxctl.errors import UsageError
from tdxctl.linux.lookup import find_kernel, names_file
from tdxctl.linux.releases import KernelId

#: The word for every kernel, where an option takes it.
ALL = "all"


class KernelName(click.ParamType[KernelId | str]):
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
        return ALL if self._or_all and value == ALL else chosen(str(value))


def _is_from_environment(param: click.Parameter | None, ctx: click.Context | None) -> bool:
    if param is None or ctx is None or param.name is None:
        return False
    return ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT


def chosen(text: str) -> KernelId:
    """The kernel of that name, what another name stands for being said on standard error.

    Raises UsageError where there is none.
    """
    if names_file(text):
        from tdxctl.linux.own import of_file

        return of_file(text)
    kernel = find_kernel(text)
    if kernel.asked is not None:
        verb = "behaves as" if kernel.asked[0].isdigit() else "is"
        sys.stderr.write(f"kernel: {kernel.asked} {verb} {kernel.id}\n")
    return kernel
