# SPDX-License-Identifier: Apache-2.0
"""What tdxctl does with a hostile string in a place where a text can stand.

Whatever stands there, it ends with an exit code that it has for users' mistakes, each line that
it writes is printable and gives no order to a CI system, and documents can be parsed.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree as ET

import yaml

from tdxctl import __main__ as command_line
from tests.cli.runner import ROOT
from tests.hostile_places import Place

_USERS = (0, 1, 2, 3, 4, 5)
_OUTPUT = 74
_ORDER = re.compile(r"^\s*::|##[a-z]*\[")
_MEANT = re.compile(
    r"^::(error|warning|notice) (file=[^:]*,line=[0-9]+(,col=[0-9]+)?,title=[^:]*)?::"
    r"|^::(error|warning)::and "
)


def findings(place: Place, text: str, folder: Path) -> list[str]:
    """What is wrong with what tdxctl wrote with text at place, working in folder."""
    (folder / "tests").symlink_to(ROOT / "tests")
    arguments = place.made(folder, text)
    if arguments is None or any("\0" in word for word in arguments):
        return []
    environment = {"TDXCTL_STATE": str(folder / "state"), "TDXCTL_WAIT": "1"}
    try:
        environment |= place.environment(text) if place.environment else {}
        with _in(folder, environment):
            code, out, err = _run(arguments)
    except UnicodeEncodeError:
        return []  # no environment can hold it
    allowed = (*_USERS, _OUTPUT) if "-o" in arguments else _USERS
    found = [] if code in allowed else [f"exit {code}: {err}"]
    found += [f"standard error: {line!r}" for line in _wrong(err, "text")]
    found += [f"standard output: {line!r}" for line in _wrong(out, place.document)]
    if code in (0, 1) and (problem := _unreadable(out, place.document)):
        found.append(problem)
    return found


@contextmanager
def _in(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        with patch.dict(os.environ, environment):
            yield
    finally:
        os.chdir(before)


def _run(arguments: list[str]) -> tuple[int, str, str]:
    # As a process would, without the cost of one: its streams are pipes.
    streams = [
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", newline="\n") for _ in range(2)
    ]
    nothing = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with (
        patch.object(sys, "stdin", nothing),
        patch.object(sys, "stdout", streams[0]),
        patch.object(sys, "stderr", streams[1]),
        patch.object(command_line, "_hear_signals", lambda: None),
        patch.object(command_line, "_discard", lambda _: None),
    ):
        code = command_line._guarded(lambda: command_line._command(arguments))
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return code, texts[0], texts[1]


def _wrong(text: str, document: str) -> list[str]:
    # Lines that do more than say something.
    return [
        line
        for line in text.split("\n")
        if not line.isprintable()
        or line.startswith("FORGED")
        or (_ORDER.search(line) and not (document == "github" and _MEANT.match(line)))
    ]


def _unreadable(text: str, document: str) -> str | None:
    try:
        match document:
            case "json" | "gitlab" | "sarif":
                json.loads(text)
            case "jsonl":
                [json.loads(line) for line in text.splitlines()]
            case "junit" | "xml":
                ET.fromstring(text)
            case "yaml":
                yaml.safe_load(text)
            case "html" if "<script" in text or "<img" in text or "onload='" in text:
                return "markup in the page"
    except Exception as error:  # noqa: BLE001
        return f"no {document}: {type(error).__name__}: {error}"
    return None
