# SPDX-License-Identifier: Apache-2.0
"""`tdxctl explain`."""

from __future__ import annotations

import sys

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_json, print_prose
from tdxctl.errors import UsageError
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.seam.codes import LeafCode


@click.command("explain", context_settings={"ignore_unknown_options": True})
@click.argument("what", nargs=-1, required=True, shell_complete=completions.explained)
@click.option(
    "--leaf",
    metavar="LEAF",
    help="The leaf that returned it, by name or by a SEAMCALL's number.",
)
@format_option("text", "json")
def command(what: tuple[str, ...], leaf: str | None, output_format: str) -> int:
    """Say what a status, errno, leaf, check or line of a log means.

    \b
      tdxctl explain 0xc000010000000001 --leaf TDH.MNG.INIT
      tdxctl explain -28 TDH.SYS.RD reserved-areas "virt/tdx: module not loaded"

    WHAT is a number in hex or decimal, a name, a word of the field, an option of a BIOS, the id of
    a check, or a quoted line of a log; - reads standard input. Exit 1 when one of them is unknown.
    """
    from tdxctl.explain.lookup import look_up
    from tdxctl.report import answers

    context = None if leaf is None else _leaf(leaf)
    found = [look_up(word, context) for word in _words(what)]
    if output_format == "json":
        print_json(answers.to_json(found))
    else:
        print_prose(answers.to_lines(found))
    return 0 if all(answer.known for answer in found) else 1


def _words(arguments: tuple[str, ...]) -> list[str]:
    """The arguments; `-` stands for standard input: known lines of a log whole, other words."""
    found: list[str] = []
    for argument in arguments:
        if argument == "-":
            for line in sys.stdin.read().splitlines():
                message = _message(line)
                found += [message] if message is not None else line.split()
        else:
            found.append(_message(argument) or argument)
    if not any(found):
        raise UsageError("there is nothing to explain", hint="give a code or a name")
    return found


def _message(line: str) -> str | None:
    # The message of a line of a kernel's log; None for what is none.
    if " " not in line:
        return None
    from tdxctl.capture.bootlog import message_of
    from tdxctl.explain.lines import is_of_a_program, names_a_call
    from tdxctl.messages.reading import has_prefix

    message = message_of(line).strip()
    known = message != line.strip() or has_prefix(message) or names_a_call(message)
    known = known or is_of_a_program(message)
    return message if known else None


def _leaf(text: str) -> LeafCode:
    """The leaf of that name or number. Raises UsageError."""
    from tdxctl.explain.numbers import find_leaf

    leaf = find_leaf(text)
    if leaf is None:
        hint = "a name such as TDH.MNG.INIT, or a SEAMCALL's number"
        raise UsageError(f"not a leaf: '{printable(text)}'", hint=hint)
    return leaf
