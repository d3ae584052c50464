# SPDX-License-Identifier: Apache-2.0
"""`tdxctl explain`."""

from __future__ import annotations

import click

from tdxctl.commands import complete
from tdxctl.commands.options import format_option
from tdxctl.commands.output import print_as


@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("what", nargs=-1, required=True, shell_complete=complete.explained)
@click.option(
    "--leaf",
    metavar="LEAF",
    help="The leaf that returned it, by name or by a SEAMCALL's number.",
)
@format_option("text", "json")
def command(what: tuple[str, ...], leaf: str | None, output_format: str) -> int:
    """Say what a status, an errno, a SEAMCALL leaf, a check or a line of a log means.

    \b
      tdxctl explain 0xc000010000000001 --leaf TDH.MNG.INIT
      tdxctl explain -28 TDH.SYS.RD reserved-areas "virt/tdx: module not loaded"

    WHAT is a number in hex or decimal, a name, the id of a check, or a quoted line of a kernel's
    log; - reads standard input. Exit 1 when one of them is unknown.
    """
    from tdxctl.commands.parse import named_leaf, words
    from tdxctl.explain.lookup import look_up
    from tdxctl.report import answers

    context = None if leaf is None else named_leaf(leaf)
    found = [look_up(word, context) for word in words(what)]
    render = answers.to_json if output_format == "json" else answers.to_text
    print_as(output_format, render(found))
    return 0 if all(answer.known for answer in found) else 1
