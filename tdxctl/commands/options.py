# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tdxctl.host.kernels import DEFAULT_KERNEL

Command = TypeVar("Command", bound=Callable[..., Any])

platform_option = click.option(
    "--platform",
    metavar="P",
    help="A description's file (with a / or ending in .yaml, .yml, .json), - for standard "
    "input, or the name of a shipped platform.",
)
kernel_option = click.option(
    "--kernel",
    metavar="K",
    default=DEFAULT_KERNEL,
    show_default=True,
    help="The kernel to boot: v5 (as reviewed) or v5-posted (bug for bit).",
)


def format_option(*formats: str) -> Callable[[Command], Command]:
    """--format, one of formats, the first by default."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="What to print on standard output.",
    )
