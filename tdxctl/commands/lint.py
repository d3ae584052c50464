# SPDX-License-Identifier: Apache-2.0
"""`tdxctl lint`."""

from __future__ import annotations

import os
import sys

import click

from tdxctl.commands.inputs import completions
from tdxctl.commands.inputs.kernels import KernelName, each_once, named_kernel
from tdxctl.commands.inputs.options import format_option
from tdxctl.commands.outputs.stdout import print_indented, print_json
from tdxctl.errors import UsageError
from tdxctl.linux.releases import KernelId
from tdxctl.units import printable

_HOST = "small"
_MAX_BYTES = 1 << 20


@click.command("lint")
@click.argument("pattern", metavar="PATTERN|FILE", shell_complete=completions.files)
@named_kernel(
    "--kernel",
    "kernels",
    type=KernelName(or_all=True),
    multiple=True,
    help="A kernel that counts, or all. Repeatable. Default: those in support.",
)
@click.option("-i", "--ignore-case", is_flag=True, help="Upper and lower case are the same.")
@format_option("text", "json")
def command(
    pattern: str, kernels: tuple[KernelId | str, ...], ignore_case: bool, output_format: str
) -> int:
    """Say what a log pattern misses, and what it matches wrongly.

    \b
      tdxctl lint 'virt/tdx: module initialized' --kernel 6.18
      tdxctl lint 'tdx: (module initialized|TDX-Module initialized)'

    PATTERN is a regular expression that somebody looks for in a kernel's log to tell whether a host
    is ready to run TDs; of a FILE each line is one, and a host is ready where any matches. Kernels
    that count are marked with *. Exit 0 when it finds every ready host of theirs and no other, 1
    when it does not, with a pattern that would.
    """
    from tdxctl.commands.inputs.platforms import description_of
    from tdxctl.lint import lint, patterns_of
    from tdxctl.report import lints

    text = _text_of(pattern)
    patterns = [pattern] if text is None else patterns_of(text)
    asked = each_once(kernels)
    report = lint(patterns, description_of(_HOST, ()), asked, any_case=ignore_case)
    if output_format == "json":
        print_json(lints.to_json(report))
    else:
        print_indented(lints.to_text(report))
    return 0 if report.together.is_right else 1


def _text_of(pattern: str) -> str | None:
    # What is in the file of that name, None where there is none.
    if pattern == "-":
        return sys.stdin.read(_MAX_BYTES)
    if not os.path.isfile(pattern):
        return None
    try:
        with open(pattern, encoding="utf-8") as file:
            return file.read(_MAX_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read '{printable(pattern)}': {error}") from None
