# SPDX-License-Identifier: Apache-2.0
"""`dmesg` on a root: what util-linux's prints of that log, for the options that scripts use."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import NamedTuple

_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
#: Options that change nothing here: colours, pagers, waiting, whose lines.
_IGNORED = frozenset("kLPHCew")
_TAKE_A_VALUE = frozenset("sBnFfK")


class _Record(NamedTuple):
    level: int
    microseconds: int
    text: str


class _Asked(NamedTuple):
    levels: frozenset[int]
    no_time: bool
    raw: bool
    decoded: bool
    as_json: bool


def main(root: str, arguments: list[str]) -> int:
    """Print the log of the host at root as dmesg with these arguments would; its exit code."""
    try:
        asked = _asked(arguments)
    except ValueError as error:
        sys.stderr.write(f"dmesg: {error}\n")
        return 1
    with open(f"{root}/dev/kmsg", encoding="utf-8") as file:
        records = [record for record in _records(file.read()) if record.level in asked.levels]
    if asked.as_json:
        rows = [
            {"pri": record.level, "time": record.microseconds / 1e6, "msg": record.text}
            for record in records
        ]
        sys.stdout.write(json.dumps({"dmesg": rows}, indent=3) + "\n")
        return 0
    sys.stdout.write("".join(f"{_line(record, asked)}\n" for record in records))
    return 0


def _records(text: str) -> Iterator[_Record]:
    for line in text.splitlines():
        head, _, message = line.partition(";")
        level, _, microseconds, *_ = head.split(",")
        yield _Record(int(level) & 7, int(microseconds), message)


def _line(record: _Record, asked: _Asked) -> str:
    seconds, rest = divmod(record.microseconds, 1_000_000)
    stamp = "" if asked.no_time else f"[{seconds:5}.{rest:06}] "
    head = f"<{record.level}>" if asked.raw else ""
    if asked.decoded:
        head = f"kern  :{_LEVELS[record.level]:<6}: "
    return f"{head}{stamp}{record.text}"


def _asked(arguments: list[str]) -> _Asked:
    # Raises ValueError for an option that is not known here.
    levels: frozenset[int] = frozenset(range(8))
    flags: set[str] = set()
    rest = iter(arguments)
    for word in rest:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            if name == "level":
                levels = _levels(value or next(rest, ""))
            elif name in ("notime", "raw", "decode", "json"):
                flags.add(name)
            elif name not in _LONG:
                raise ValueError(f"unrecognized option '{word}'")
            continue
        if not word.startswith("-"):
            raise ValueError(f"bad usage: '{word}'")
        for letter in word[1:]:
            if letter == "l":
                levels = _levels(word.partition("l")[2] or next(rest, ""))
                break
            if letter in _SHORT:
                flags.add(_SHORT[letter])
            elif letter in _TAKE_A_VALUE:
                next(rest, None)
            elif letter not in _IGNORED and letter not in "TdSu":
                raise ValueError(f"invalid option -- '{letter}'")
    no_time = "notime" in flags
    return _Asked(levels, no_time, "raw" in flags, "decode" in flags, "json" in flags)


_SHORT = {"t": "notime", "r": "raw", "x": "decode", "J": "json"}
_LONG = frozenset(
    {"kernel", "human", "color", "nopager", "ctime", "reltime", "follow", "syslog", "userspace"}
)


def _levels(names: str) -> frozenset[int]:
    # `err,warn`, `warn+`: that and more urgent ones.
    found: set[int] = set()
    for name in names.split(","):
        plain = name.strip("+")
        if plain not in _LEVELS:
            raise ValueError(f"unknown level '{name}'")
        level = _LEVELS.index(plain)
        found |= set(range(level + 1)) if name.endswith("+") else {level}
    return frozenset(found)
