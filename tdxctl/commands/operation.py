# SPDX-License-Identifier: Apache-2.0
"""Commands that do operations on a running machine, made of what they ask and what is then done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tdxctl.commands.inputs.kernels import own_kernel_option
from tdxctl.commands.inputs.options import format_option, machine_option
from tdxctl.commands.outputs.stdout import write_operations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.releases import KernelId
    from tdxctl.operations import Operation

Parameter = Callable[[Callable[..., Any]], Callable[..., Any]]


def operation_command(
    name: str, *parameters: Parameter
) -> Callable[[Callable[..., list[Operation]]], click.Command]:
    """The command that does the operations that the decorated function makes of its parameters.

    The function's docstring is the help. Exit 1 when the kernel refuses an operation; the ones
    after it are then left alone.
    """

    def made(operations: Callable[..., list[Operation]]) -> click.Command:
        def run(
            machine: str | None, kernel: KernelId | None, output_format: str, **given: Any
        ) -> int:
            from tdxctl import lab
            from tdxctl.commands.inputs.stored_machines import machine_row

            wanted = operations(**given)
            running = machine_row(machine).name
            results = lab.operate(running, wanted, kernel)
            labels = [operation.label for operation in wanted]
            write_operations(running, list(zip(labels, results, strict=False)), output_format)
            return 1 if results[-1].returned else 0

        run.__doc__ = operations.__doc__
        command: Callable[..., int] = run
        shared: tuple[Parameter, ...] = (
            machine_option,
            own_kernel_option,
            format_option("text", "json"),
        )
        for parameter in reversed(parameters + shared):
            command = parameter(command)
        return click.command(name)(command)

    return made
