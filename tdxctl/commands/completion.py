# SPDX-License-Identifier: Apache-2.0
"""`tdxctl completion`."""

from __future__ import annotations

import click

from tdxctl.commands import COMPLETE_VARIABLE
from tdxctl.commands.inputs.choices import OneOf
from tdxctl.commands.outputs.stdout import print_document


@click.command("completion")
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that completes tdxctl's words in a shell.

    \b
      tdxctl completion bash > tdxctl.bash && . ./tdxctl.bash
      tdxctl completion fish > tdxctl.fish

    Commands, options and their values, shipped platforms, kernels, machines and files are
    completed; bash needs to be 4.4 or later.
    """
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    group = click.get_current_context().find_root().command
    made = completion(group, {}, "tdxctl", COMPLETE_VARIABLE)
    # Not source(): for bash that starts one, to look at its version.
    print_document((made.source_template % made.source_vars()).strip("\n"))
    return 0
