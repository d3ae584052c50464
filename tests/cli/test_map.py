# SPDX-License-Identifier: Apache-2.0
"""`tdxctl map`: which machine is drawn, how wide, and in which characters."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from tests.cli.runner import ROOT, tdxctl


def _widest(drawing: str) -> int:
    return max(len(line) for line in drawing.split("\n\n")[1].splitlines())


def test_in_a_pipe_it_is_ascii_of_80_columns() -> None:
    done = tdxctl("map", "--platform", "spr-2s-512g")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert _widest(done.stdout) == 80


@pytest.mark.parametrize(("columns", "width"), [("40", 40), ("200", 200), ("5", 40), ("0", 80)])
def test_columns_is_honoured(columns: str, width: int) -> None:
    done = tdxctl("map", "--platform", "spr-2s-512g", environment={"COLUMNS": columns})
    assert _widest(done.stdout) == width


@pytest.mark.parametrize(("encoding", "unicode"), [("utf-8", True), ("ascii", False)])
def test_a_terminal_gets_what_its_encoding_can_show(encoding: str, unicode: bool) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", "map", "--platform", "seamrr-off"],
        stdout=theirs,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "60"},
    )
    os.close(theirs)
    shown = b""
    # A terminal that nobody writes to any more ends with an error.
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    # Colours and nothing else.
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode(encoding).replace("\r\n", "\n"))
    assert ("├" in text) == unicode
    assert _widest(text) == 60
    assert "\x1b" not in text


@pytest.mark.parametrize("platform", ["emr-2s-256g-fragmented", "seamrr-off", "tdmrs-exhausted"])
def test_a_picture_of_a_failure_is_a_picture(platform: str) -> None:
    """Expect exit 0: what is asked for is the map, not the verdict."""
    done = tdxctl("map", "--platform", platform)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nwhy:   " in done.stdout


def test_another_kernel_and_a_changed_description() -> None:
    done = tdxctl(
        *("map", "--platform", "emr-2s-256g-fragmented", "--kernel", "6.8+cmr-walk"),
        *("--set", "description=changed"),
    )
    assert done.stdout.startswith(
        "emr-2s-256g-fragmented: changed\nKernel: Linux 6.8 with the CMR walk\nStatus INITIALIZED:"
    )


def test_a_stored_machine_is_drawn_as_it_is() -> None:
    """Expect no TDMRs before its tdx_init(), TDMRs after it, and drawing to change nothing."""
    tdxctl("boot", "--platform", "small", "--machine", "mine")
    before = tdxctl("map", "--machine", "mine")
    assert before.returncode == 0
    assert before.stdout.endswith("no TDMRs: tdx_init() has not been called\n")
    tdxctl("init", "--machine", "mine")
    stored = tdxctl("machines", "mine").stdout
    after = tdxctl("map")
    assert after.stdout.startswith("mine: ")
    assert "\n2 of 64 TDMRs;" in after.stdout
    assert tdxctl("machines", "mine").stdout == stored
    once = tdxctl("map", "--platform", "small")
    assert after.stdout.partition("\n")[2] == once.stdout.partition("\n")[2]


def test_a_platform_is_drawn_without_anything_stored() -> None:
    tdxctl("map", "--platform", "small")
    assert tdxctl("machines").stdout == ""


def test_svg_is_one_document() -> None:
    done = tdxctl("map", "--platform", "spr-2s-512g", "--format", "svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert ET.fromstring(done.stdout).tag == "{http://www.w3.org/2000/svg}svg"
    again = tdxctl("map", "--platform", "spr-2s-512g", "--format", "svg")
    assert again.stdout == done.stdout


@pytest.mark.parametrize("command", [["map"], ["html", "-o", "-"]])
@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        ([], 2, "error: there is no machine"),
        (["--machine", "x"], 2, "error: no such machine: 'x'"),
        (["--platform", "small", "--machine", "x"], 2, "error: --platform and --machine: one of"),
        (["--machine", "x", "--kernel", "6.8"], 2, "error: --kernel and --set go with --platform"),
        (["--set", "name=x"], 2, "error: --kernel and --set go with --platform"),
        (["--platform", "small", "--kernel", "6.x"], 2, "error: no such kernel: '6.x'"),
        (["--platform", "smal"], 2, "error: no such platform: 'smal'"),
        (["--platform", "small", "--set", "cpus.features.vmx=false"], 3, "error: cpus.features"),
        (["--platform", "small", "--set", "memory.ranges=1"], 3, "--set"),
    ],
)
def test_what_cannot_be_shown(
    command: list[str], options: list[str], code: int, error: str
) -> None:
    done = tdxctl(*command, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert error in done.stderr.splitlines()[0]
