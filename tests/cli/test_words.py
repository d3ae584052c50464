# SPDX-License-Identifier: Apache-2.0
"""On a terminal: lines that are broken between words, at every width, and nothing that is cut."""

from __future__ import annotations

import re

import pytest

from tests.cli.runner import tdxctl
from tests.cli.terminal import on_a_terminal

COMMANDS = {
    "plan": ("plan", "--platform", "emr-2s-256g-fragmented", "--kernel", "6.8", "--kernel", "7.2"),
    "map": ("map", "--platform", "emr-2s-256g-fragmented"),
    "kernels": ("kernels", "6.18"),
    "explain": ("explain", "keyids", "-28"),
    "validate": ("validate", "platforms/small.yaml"),
    "test": ("test", "tests/scenarios/reserved-areas.yaml"),
    "diagnose": ("diagnose", "tests/data/failed.log", "--all"),
}


def shown(words: tuple[str, ...], width: int) -> str:
    """What a terminal of that width is sent, without its colours."""
    _, sent = on_a_terminal(*words, environment={"COLUMNS": str(width)})
    return re.sub(r"\x1b\[[0-9;]*m", "", sent.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("width", [60, 200])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_longer_than_the_terminal_and_no_word_is_lost(command: str, width: int) -> None:
    """Expect each word of what is piped, in its order where no table had to be a paragraph."""
    told = shown(COMMANDS[command], width)
    assert "…" not in told
    assert [line for line in told.split("\n") if len(line.rstrip()) > width] == []
    if command in ("kernels", "explain", "validate", "test", "diagnose"):
        assert told.split() == tdxctl(*COMMANDS[command]).stdout.split()


def test_a_table_that_does_not_fit_is_a_paragraph_per_row() -> None:
    lines = shown(("plan", "--platform", "small", "--kernel", "v5"), 40).split("\n")
    at = lines.index("v5  verdict yes; status INITIALIZED;")
    assert lines[at + 1 : at + 4] == [
        "    TDMRs 2/64; reserved 2/16;",
        "    holes left 14; PAMT 64.1 MiB;",
        "    SEAMCALLs 4104; seconds 0.04-0.07",
    ]


def test_roles_have_the_colours_of_init() -> None:
    """Expect a verdict green or bold red, and what to do bold."""
    failed = on_a_terminal("diagnose", "tests/data/failed.log")[1]
    assert failed.startswith(b"\x1b[1;31mTDX is FAILED: ")
    assert b"\x1b[1m   to do: update BIOS" in failed
    assert on_a_terminal("diagnose", "tests/data/boot.log")[1].startswith(b"\x1b[1;32mTDX is ")
    plain = on_a_terminal("diagnose", "tests/data/boot.log", environment={"TERM": "dumb"})[1]
    assert plain.startswith(b"TDX is INITIALIZED")
