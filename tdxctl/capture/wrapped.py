# SPDX-License-Identifier: Apache-2.0
"""Lines that mail or a terminal wrapped, made one again.

A line is joined with the one before only if a kernel prints the whole: the catalogue or the lines
on memory and CPUs have it, and the first part alone is none or is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tdxctl.capture import machine_lines
from tdxctl.messages.reading import read

_COMMAND_LINE = re.compile(r"[Cc]ommand line:(?: |$)")
# A kernel's command line has 2,048 bytes; mail breaks at 72.
_PARTS_OF_A_COMMAND_LINE = 40
_PARTS = 4
#: Lines beyond this length no mail wraps, and no kernel prints of what is read.
_LONGEST = 400
# What a line has that may be the first part of one that is read.
_MAY_BEGIN = re.compile(
    r"tdx|TDX|[Ss][Ee][Aa][Mm]|e820|[Nn]ode|Allowing|Brought|Booted|SRAT|CMR|PAMT|kvm|KVM"
    r"|packages|PIC|tme|CPU0|last_pfn"
)
# The rest of a number that was broken in the middle.
_REST_OF_A_NUMBER = re.compile(r"[0-9a-fx]{1,16}[)\],.]?")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log: its number in the file, from 1, and the message without prefixes.

    seconds: since boot, None where the line has no such timestamp. parts: what it was joined from;
    of one that was whole, none. bare: nothing that a kernel or a tool puts before a message stood
    there.
    """

    number: int
    text: str
    seconds: float | None
    parts: tuple[str, ...] = ()
    bare: bool = False


def joined(lines: Sequence[tuple[LogLine, bool]]) -> Iterator[LogLine]:
    """The lines, those that were wrapped as one; each comes with whether it begins one for sure.

    A line with a timestamp or another prefix does.
    """
    at = 0
    while at < len(lines):
        line, begins = lines[at]
        following = lines[at + 1 : at + 2]
        taken = 0
        if following and not following[0][1]:
            if begins and _COMMAND_LINE.search(line.text):
                taken = _rest_of_command_line(lines, at)
                line = _glued(line, lines, at, taken, " ")
            elif _MAY_BEGIN.search(line.text):
                line, taken = _with_rest(lines, at)
        yield line
        at += 1 + taken


def _glued(
    line: LogLine, lines: Sequence[tuple[LogLine, bool]], at: int, count: int, glue: str
) -> LogLine:
    if not count:
        return line
    parts = [line.text, *(lines[i][0].text.lstrip() for i in range(at + 1, at + 1 + count))]
    return LogLine(line.number, glue.join(parts), line.seconds, tuple(parts), line.bare)


def _rest_of_command_line(lines: Sequence[tuple[LogLine, bool]], at: int) -> int:
    count = 0
    for line, begins in lines[at + 1 : at + 1 + _PARTS_OF_A_COMMAND_LINE]:
        if begins or not line.text.strip() or _end(line.text) is not None:
            break
        count += 1
    return count


def _with_rest(lines: Sequence[tuple[LogLine, bool]], at: int) -> tuple[LogLine, int]:
    # The line with as few of those behind it as make it one that a kernel prints.
    first = lines[at][0]
    if len(first.text) > _LONGEST:
        return first, 0
    alone = _end(first.text)
    for count in range(1, _PARTS + 1):
        following = lines[at + count : at + count + 1]
        if not following or following[0][1]:
            break
        rest = following[0][0].text.strip()
        if not rest or len(rest) > _LONGEST or _end(rest) is not None:
            break
        for glue in (" ", ""):
            # A whole line is not made longer, but by what was broken off its last number.
            if alone == len(first.text) and (glue or not _REST_OF_A_NUMBER.fullmatch(rest)):
                continue
            line = _glued(first, lines, at, count, glue)
            end = _end(line.text)
            if end is not None and end > len(line.text) - len(rest):
                return line, count
    return first, 0


def _end(text: str) -> int | None:
    # Where what a kernel prints ends in text; None where there is nothing of the kind, or any words
    # at its end would do.
    if found := read(text):
        if found[-1].template.takes_the_rest:
            return None
        return found[-1].end + sum(one.end for one in found[:-1])
    on_machine = machine_lines.find(text)
    if on_machine is None or not machine_lines.is_whole(on_machine):
        return None
    return on_machine.match.end()
