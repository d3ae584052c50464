# SPDX-License-Identifier: Apache-2.0
"""What a command line is about: a platform and kernels for it, or a machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple

from tdxctl.commands.inputs.kernels import each_once, kernel_option
from tdxctl.commands.inputs.options import machine_option, platform_option, set_option
from tdxctl.linux.releases import KernelId


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
