# SPDX-License-Identifier: Apache-2.0
"""Logs that are records: journalctl's json, export and verbose, dmesg's json, /dev/kmsg.

Read by lines, so that a filter for a word, or a cut at either end, takes nothing but what it took.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

#: Stands before the lines of another boot, as journalctl prints it.
BOOT_LINE = "-- Boot 00000000000000000000000000000000 --"

# `level,number,microseconds,flags;text`
_KMSG = re.compile(r"^\d{1,4},\d{1,12},(\d{1,18}),[-a-z](?:,[^;]{0,80})?;(.*)$")
_KMSG_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
# A key of export or verbose, and one of pretty JSON, each in a line of its own.
_FIELD = re.compile(r"^\s*(_{0,2}[A-Z][A-Z0-9_]{1,63})=(.*)$")
_PRETTY = re.compile(r'[{,]?\s*"([A-Za-z_]{1,64})"\s{0,8}:\s{0,8}(.*)')
_VERBOSE_HEAD = re.compile(r"\s*\w{3} \d{4}-\d\d-\d\d .{0,60}\[s=([^\]]{0,400})\]")
_BOOT = re.compile(r";b=([0-9a-f]{1,32})")
_ENDS = re.compile(r"[{}\[\], ]{0,8}")
# What is taken of a record in one line, in the order in which it stands there.
_IN_LINE = re.compile(
    r'"(MESSAGE|msg|line|log|time|_SOURCE_MONOTONIC_TIMESTAMP|_TRANSPORT|_BOOT_ID)"\s{0,8}:\s{0,8}'
    r'("(?:[^"\\]|\\.)*"|\[[\d, ]*\]|[\d.]+)'
)
_OF_A_RECORD = re.compile(r'^\s*(?:data: )?[\[{].*"(?:MESSAGE|msg|line|log)"\s{0,8}:')


@dataclass(frozen=True, slots=True)
class Record:
    """A line, or the message of a record. number: of its line. seconds: where a record has them."""

    number: int
    text: str
    seconds: float | None = None
    is_record: bool = False


@dataclass(slots=True)
class _Fields:
    # What has been read of a record whose keys stand in lines of their own.
    number: int = 0
    fields: dict[str, str] = field(default_factory=dict)


def unpacked(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """The messages of records, and other lines as they are."""
    pending = _Fields()
    boots = _Boots()
    lines = list(lines)
    has_fields = any(_is_message_field(line) for _, line in lines)
    has_pretty = any(_is_pretty_message(line) for _, line in lines)
    for number, line in lines:
        if match := _KMSG.match(line):
            text = _KMSG_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), match[2])
            yield Record(number, text, int(match[1]) / 1e6, is_record=True)
        elif '"' in line and _OF_A_RECORD.match(line):
            yield from _in_one_line(number, line, boots)
        elif has_fields or has_pretty:
            found = _key_and_value(line, has_fields=has_fields, has_pretty=has_pretty)
            head = _VERBOSE_HEAD.match(line) if has_fields else None
            if found is not None:
                key, value = found
                if key in pending.fields:
                    yield from _record(pending, boots)
                pending.fields[key] = value
                if key in _MESSAGES:
                    pending.number = number
            elif head is not None or _ENDS.fullmatch(line.strip()):
                yield from _record(pending, boots)
                if head is not None and (boot := _BOOT.search(head[1])):
                    pending.fields["_BOOT_ID"] = boot[1]
            else:
                yield Record(number, line)
        else:
            yield Record(number, line)
    yield from _record(pending, boots)


# Those of journals and dmesg, and those of collectors of logs.
_MESSAGES = ("MESSAGE", "msg", "line", "log")


def _is_message_field(line: str) -> bool:
    return "MESSAGE=" in line and line.lstrip().startswith("MESSAGE=")


def _is_pretty_message(line: str) -> bool:
    return line.lstrip(" \t{,").startswith(('"MESSAGE"', '"msg"')) and not _OF_A_RECORD.match(line)


def _key_and_value(line: str, *, has_fields: bool, has_pretty: bool) -> tuple[str, str] | None:
    if has_fields and (match := _FIELD.match(line)):
        return match[1], match[2]
    if has_pretty and (match := _PRETTY.match(line.strip())):
        return match[1], _value(match[2].removesuffix(",").rstrip())
    return None


def _value(text: str) -> str:
    # A JSON string, the bytes of one that is no text, or a number.
    if text.startswith("["):
        numbers = re.findall(r"\d{1,3}", text)
        return bytes(min(int(number), 255) for number in numbers).decode("utf-8", "replace")
    if text.startswith('"'):
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            return text.strip('"')
    return text


class _Boots:
    # Tells where the records of another boot begin.
    def __init__(self) -> None:
        self._last: str | None = None

    def is_new(self, boot: str | None) -> bool:
        if boot is None:
            return False
        last, self._last = self._last, boot
        return last is not None and last != boot


def _record(pending: _Fields, boots: _Boots) -> Iterator[Record]:
    fields, pending.fields = pending.fields, {}
    message = next((fields[key] for key in _MESSAGES if key in fields), None)
    if message is not None:
        yield from _of_the_kernel(pending.number, message, fields, boots)


def _of_the_kernel(
    number: int, message: str, fields: dict[str, str], boots: _Boots
) -> Iterator[Record]:
    if fields.get("_TRANSPORT", "kernel") != "kernel":
        return
    if boots.is_new(fields.get("_BOOT_ID")):
        yield Record(number, BOOT_LINE)
    yield Record(number, message.strip().replace("\n", " "), _seconds(fields), is_record=True)


def _seconds(fields: dict[str, str]) -> float | None:
    for key, unit in (("time", 1.0), ("_SOURCE_MONOTONIC_TIMESTAMP", 1e6)):
        text = fields.get(key, "")
        if re.fullmatch(r"\d{1,18}(?:\.\d{1,9})?", text, re.ASCII):
            return float(text) / unit
    return None


def _in_one_line(number: int, line: str, boots: _Boots) -> Iterator[Record]:
    # One record, or all of them; of several each ends with its message, as dmesg prints them.
    found = [(match[1], _value(match[2])) for match in _IN_LINE.finditer(line)]
    if sum(key in _MESSAGES for key, _ in found) == 1:
        fields = dict(found)
        message = next(fields[key] for key in _MESSAGES if key in fields)
        yield from _of_the_kernel(number, message, fields, boots)
        return
    fields = {}
    for key, value in found:
        fields[key] = value
        if key in _MESSAGES:
            yield from _of_the_kernel(number, value, fields, boots)
            fields = {}
