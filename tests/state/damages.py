# SPDX-License-Identifier: Apache-2.0
"""Damages a store and asks it: the answer of before or exit 5. Shared with `make damages`."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from tdxctl.__main__ import _command

PAGE = 4096
STORE = "machines-2.sqlite3"
Answer = tuple[int, str, str]
Question = tuple[str, ...]

_MADE_BY: list[Question] = [
    ("init", "--platform", "small"),
    ("cpu", "offline", "1", "--machine", "small"),
    ("init", "--machine", "small"),
    ("boot", "--platform", "spr-2s-512g", "--machine", "gone"),
    ("init", "--platform", "no-module", "--machine", "none"),
    ("init", "--platform", "small", "--kernel", "6.8", "--machine", "other"),
    ("forget", "gone"),  # whose pages are free now
    ("cpu", "offline", "2", "--machine", "other"),
]
_READ: list[Question] = [
    ("machines",),
    ("machines", "--format", "json"),
    ("status",),
    *(
        question
        for name in ("small", "none", "other")
        for question in (
            ("machines", name),
            ("status", "--machine", name, "--format", "json"),
            ("dmesg", "--machine", name),
            ("trace", "--machine", name, "--format", "jsonl"),
        )
    ),
]
_WRITE: list[Question] = [
    ("init", "--machine", "small", "--format", "json"),
    ("init", "--reboot", "--platform", "small", "--format", "json"),
    ("boot", "--machine", "other", "--format", "json"),
    ("init", "--machine", "new", "--platform", "small", "--format", "json"),
    ("cpu", "online", "2", "--machine", "other"),
    ("forget", "none"),
]
_AFTER: list[Question] = [
    ("machines", "--format", "json"),
    ("dmesg", "--machine", "small"),
    ("trace", "--machine", "other"),
]


def asked(question: Question) -> Answer:
    """Exit code, standard output and standard error of a command, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = _command(list(question))
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
    return code, out.getvalue(), err.getvalue()


@dataclass
class Found:
    """What came of the questions: how many had which answer, and those that had a wrong one."""

    same: int = 0
    told: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        return (
            f"{self.kinds.total()} damages ({kinds}), {self.same + self.told} questions: "
            f"{self.same} the same answer, {self.told} exit 5, {len(self.wrong)} another"
        )


class Damaged:
    """A store in folder, and what it answers while it is whole."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "state"
        self._whole = folder / "whole"
        self._before = folder / "before"
        os.environ["TDXCTL_STATE"] = str(self._state)
        for question in _MADE_BY:
            if question == _MADE_BY[-1]:
                shutil.copyfile(self._state / STORE, self._before)
            assert asked(question)[0] in (0, 1), question
        shutil.copyfile(self._state / STORE, self._whole)
        self._answers: dict[tuple[Question, ...], Answer] = {}
        for question in {*_READ, *_AFTER}:
            self._answers[(question,)] = asked(question)
        for change in _WRITE:
            self._restore()
            self._answers[(change,)] = asked(change)
            for question in _AFTER:
                self._answers[change, question] = asked(question)
        assert {answer[0] for answer in self._answers.values()} == {0}

    def try_some(self, count: int, seed: int, each: Callable[[int], None] | None = None) -> Found:
        """count damages, each of them followed by questions; each is called with their number."""
        found = Found()
        for number in range(count):
            chance = random.Random(f"{seed}/{number}")
            kind = list(KINDS)[number % len(KINDS)]
            self._damage(kind, chance)
            found.kinds[kind] += 1
            change = chance.choice(_WRITE)
            where = f"seed {seed}, damage {number} ({kind})"
            for question in chance.sample(_READ, 4):
                self._ask((question,), found, where)
            # What was refused was not done.
            done = self._ask((change,), found, where)
            for after in _AFTER:
                self._ask((change, after) if done else (after,), found, where)
            if each is not None:
                each(number + 1)
        return found

    def _ask(self, asking: tuple[Question, ...], found: Found, where: str) -> bool:
        answer = asked(asking[-1])
        if answer == self._answers[asking]:
            found.same += 1
        elif answer[0] == 5 and "\n  hint: " in answer[2]:
            found.told += 1
        else:
            found.wrong.append(f"{where}: {asking} -> {answer}")
        return answer[0] == 0

    def _restore(self) -> None:
        for file in self._state.iterdir():
            file.unlink()
        shutil.copyfile(self._whole, self._state / STORE)

    def _damage(self, kind: str, chance: random.Random) -> None:
        whole = self._whole.read_bytes()
        data = whole
        while data == whole:
            self._restore()
            KINDS[kind](self._state / STORE, self._before, chance)
            data = (self._state / STORE).read_bytes()


def _bits(file: Path, _: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    for _bit in range(chance.choice((1, 1, 1, 2, 8))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def _bits_of_the_head(file: Path, _: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(100)] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def _bytes(file: Path, _: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    length = chance.choice((1, 1, 2, 16, 200))
    at = chance.randrange(len(data) - length)
    data[at : at + length] = chance.randbytes(length)
    file.write_bytes(data)


def _digit(file: Path, _: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    digits = [at for at, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    data[chance.choice(digits)] = chance.choice(b"0123456789")
    file.write_bytes(data)


def _page(file: Path, before: Path, chance: random.Random) -> None:
    # Zeros, noise, another page's bytes, two pages exchanged, or the page as it was before.
    data = bytearray(file.read_bytes())
    pages = range(len(data) // PAGE)
    one, other = (slice(PAGE * page, PAGE * (page + 1)) for page in chance.sample(pages, 2))
    match chance.randrange(5):
        case 0:
            data[one] = bytes(PAGE)
        case 1:
            data[one] = chance.randbytes(PAGE)
        case 2:
            data[one] = data[other]
        case 3:
            data[one], data[other] = data[other], data[one]
        case _:
            data[one] = before.read_bytes()[one] or bytes(PAGE)
    file.write_bytes(data)


def _truncation(file: Path, _: Path, chance: random.Random) -> None:
    size = file.stat().st_size
    pages = PAGE * chance.randrange(size // PAGE)
    os.truncate(file, chance.choice((0, pages, chance.randrange(size))))


def _rows(file: Path, _: Path, chance: random.Random) -> None:
    # Columns of two rows exchanged, copied from one to the other, or a row that is gone.
    tables = {
        "machine": ("name",),
        "operation": ("machine", "number"),
        "compiled": ("key",),
    }
    table = chance.choice(sorted(tables))
    with closing(sqlite3.connect(file)) as connection, connection:
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        names = [column[0] for column in cursor.description]
        one, other = (dict(zip(names, row, strict=True)) for row in chance.sample(list(cursor), 2))
        keys = tables[table]
        columns = [name for name in names if name not in keys]
        columns = chance.choice((columns, chance.sample(columns, 1)))
        how = chance.randrange(3)
        where = " AND ".join(f"{key} = ?" for key in keys)
        if how == 0:
            connection.execute(f"DELETE FROM {table} WHERE {where}", [one[key] for key in keys])
            return
        settings = ", ".join(f"{column} = ?" for column in columns)
        for target, source in ((one, other), (other, one))[:how]:
            values = [source[column] for column in columns] + [target[key] for key in keys]
            connection.execute(f"UPDATE {table} SET {settings} WHERE {where}", values)


def _column(file: Path, _: Path, chance: random.Random) -> None:
    # A word of one column of a machine or an operation.
    table = chance.choice(("machine", "operation"))
    words = (("UNKNOWN", "NONE"), ("NONE", "INITIALIZED"), ("INITIALIZED", "NONE"), ("0", "1"))
    with closing(sqlite3.connect(file)) as connection, connection:
        cursor = connection.execute(f"SELECT * FROM {table}")
        column = chance.choice(cursor.description)[0]
        old, new = chance.choice(words)
        connection.execute(
            f"UPDATE OR IGNORE {table} SET {column} = replace({column}, ?, ?)",
            (old, new),
        )


#: Every kind of damage, by what is damaged.
KINDS: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "bits": _bits,
    "bits of the head": _bits_of_the_head,
    "bytes": _bytes,
    "digits": _digit,
    "pages": _page,
    "truncations": _truncation,
    "rows": _rows,
    "columns": _column,
}
