# SPDX-License-Identifier: Apache-2.0
"""`tdxctl scenario`."""

from __future__ import annotations

import click

from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.inputs.kernels import booted_kernel
from tdxctl.commands.inputs.options import one_platform_option, set_option
from tdxctl.commands.outputs.stdout import print_text
from tdxctl.linux.releases import DEFAULT_KERNEL, KernelId


@click.command("scenario")
@click.argument("action", type=OneOf(["new"]))
@one_platform_option
@booted_kernel("--kernel", default=DEFAULT_KERNEL, help=f"The kernel. Default: {DEFAULT_KERNEL}.")
@set_option
def command(action: str, platform: str, kernel: KernelId, settings: tuple[str, ...]) -> int:  # noqa: ARG001
    """Print a scenario whose expectations are what happens today.

    \b
      tdxctl scenario new --platform small > small.yaml
      tdxctl scenario new --platform spr-2s-512g --kernel 6.8

    Commented, to be cut down to what matters; `tdxctl test` runs it.
    """
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.progress import shown
    from tdxctl.scenario.new import new_scenario

    description = description_of(platform, settings)
    with shown("running the machine"):
        text = new_scenario(description, platform, settings, kernel.id)
    print_text(text)
    return 0
