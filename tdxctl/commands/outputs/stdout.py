# SPDX-License-Identifier: Apache-2.0
"""Standard output: a report as text or JSON, its renderer imported only where it is asked for."""

from __future__ import annotations

import sys
from typing import Protocol

from tdxctl.units import printable_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tdxctl.events import InitReport, OpResult
    from tdxctl.report.blocks import Block
    from tdxctl.report.memory_map.model import MemoryMap
    from tdxctl.report.prose import Line


def write_init(report: InitReport, output_format: str) -> None:
    """Print report in that format; text is in colour on a terminal, plain elsewhere."""
    match output_format:
        case "json":
            from tdxctl.report import json_init

            print_json(json_init.document(report).render())
        case "jsonl":
            from tdxctl.report import jsonl

            summary = report.summary
            print_json(jsonl.render(summary.machine, summary.kernel, report.events))
        case "dmesg":
            from tdxctl.events import log_of
            from tdxctl.report import dmesg

            print_text(dmesg.render(log_of(report.events)))
        case _:
            from tdxctl.report.view import init_view

            print_blocks(init_view(report).blocks)


def write_map(picture: MemoryMap, output_format: str) -> None:
    """Draw a memory map: as wide as the terminal (COLUMNS, else 80), in ASCII in a pipe."""
    if output_format == "svg":
        from tdxctl.report.memory_map import svg

        print_document(svg.render(picture))
        return
    from tdxctl.report.memory_map import text
    from tdxctl.screens import stdout_screen

    screen = stdout_screen()
    print_prose(text.to_lines(picture, screen.columns, unicode=screen.unicode))


def write_operations(machine: str, results: list[tuple[str, OpResult]], output_format: str) -> None:
    """Print what operations did: a line each with what the kernel printed, or JSON."""
    from tdxctl.errnos import errno_name

    if output_format == "json":
        from tdxctl.report.operations import document

        print_json(document(machine, results).render())
        return
    for label, result in results:
        errno = errno_name(result.returned)
        verdict = f"{result.returned} ({errno})" if errno else "ok"
        print_text(f"{machine}: {label}: {verdict}, status {result.status}")
        print_text("\n".join(f"  {line.text}" for line in result.log))
        if result.host is not None:
            from tdxctl.report.hosts import host_line

            print_text(host_line(result.host))
        if result.failure is not None:
            from tdxctl.report.operations import problem_lines

            print_prose(problem_lines(result.failure))


def write_status(status: dict[str, Any], output_format: str) -> None:
    """Print a stored status."""
    if output_format == "json":
        import json

        print_json(json.dumps(status, indent=2))
    else:
        from tdxctl.report.text_status import status_lines

        print_prose(status_lines(status))


def print_text(text: str) -> None:
    """Text for a person and a newline on standard output; nothing for the empty text.

    Whatever was said by a file or a user, no line of it moves a cursor or gives an order to a
    CI system.
    """
    print_document(printable_lines(text))


def print_prose(lines: Iterable[Line], width: int | None = None) -> None:
    """Lines of words: on a terminal within its columns, in its colours; else in width, if any."""
    if sys.stdout.isatty():
        from tdxctl.report import terminal
        from tdxctl.screens import stdout_screen

        print_document(terminal.to_prose(lines, stdout_screen()))
        return
    from tdxctl.report.prose import plain

    print_text(plain(lines, width))


def print_indented(text: str) -> None:
    """Lines that are indented: on a terminal what does not fit goes on under where it began."""
    from tdxctl.report.prose import Line

    lines = ((line.lstrip(), line) for line in text.splitlines())
    print_prose(Line(words, label=line[: len(line) - len(words)]) for words, line in lines)


def print_blocks(blocks: Iterable[Block]) -> None:
    """Blocks: on a terminal within its columns, in its colours; plain elsewhere."""
    if sys.stdout.isatty():
        from tdxctl.report import terminal
        from tdxctl.screens import stdout_screen

        print_document(terminal.to_text(blocks, stdout_screen()))
        return
    from tdxctl.report import plain

    print_text(plain.render(blocks))


def print_json(text: str) -> None:
    """JSON and a newline on standard output."""
    # "##[" is a command to GitHub and Azure anywhere in a line; in JSON it stands in strings only.
    print_document(text.replace("##", "#\\u0023"))


def print_document(text: str) -> None:
    """As it stands: text of a format that has its own ways of holding what others said."""
    if text:
        sys.stdout.write(text + "\n")


def print_as(output_format: str, text: str) -> None:
    """JSON for the formats json and jsonl, text for a person for every other."""
    (print_json if output_format in ("json", "jsonl") else print_text)(text)


class Report(Protocol):
    """A module of report/ that renders the same as JSON and as text."""

    to_json: Callable[..., str]
    to_text: Callable[..., str]


def print_report(report: Report, output_format: str, *of: object) -> None:
    """What the report makes of its arguments, as JSON or as text."""
    print_as(output_format, (report.to_json if output_format == "json" else report.to_text)(*of))
