# SPDX-License-Identifier: Apache-2.0
"""Exit codes and error messages of the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tdxctl import __version__
from tdxctl.cli import COMMANDS
from tests.cli.runner import ROOT, tdxctl


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["ini"], "No such command 'ini'. Did you mean 'init'?", "`tdxctl --help` explains"),
        (["init"], "there is no machine", "`tdxctl boot --platform P` makes one"),
        (["status"], "there is no machine", "`tdxctl boot --platform P` makes one"),
        (["status", "--machine", "x"], "no such machine: 'x'", "there is none"),
        (["boot", "--machine", "a b"], "not a machine's name: 'a b'", "1 to 64 letters"),
        (["init", "--once"], "--once keeps no machine: it needs --platform", "tdxctl platforms"),
        (["init", "--platform"], "Option '--platform' requires an argument.", "--help` explains"),
        (["init", "--platform", "no-module", "--set", "x"], "--set takes PATH=VALUE", "example"),
        (
            ["init", "--platform", "no-module", "--set", "cpus.madt.9.package=1"],
            "--set cpus.madt.9.package=1: '9' leads nowhere in the description",
            "memory.ranges.0.end",
        ),
        (["cpu", "online", "a"], "the CPU list 'a' must be a list such as 0-63,65", None),
        (["memory", "online", "4GiB"], "not a memory range: '4GiB'", "START-END"),
        (["memory", "online", "4GiB-4GiB"], "the range '4GiB-4GiB' is empty", None),
        (["cpu", "online", ""], "the CPU list names no CPU", "0-63,65"),
        (["cpu", "onlin", "3"], "Invalid value for '{online|offline}': 'onlin' is not", None),
        (["module", "load", "--force"], "--version, --image and --force are for", "update"),
        (["fault", "set"], "fault set takes KEY=VALUE pairs", "names the keys"),
        (["fault", "set", "leaf"], "fault set takes KEY=VALUE pairs, got 'leaf'", "status="),
        (["fault", "set", "leaf=SYS.INIT"], "status: is required", None),
        (["fault", "set", "leef=SYS.INIT"], "must have one of the keys leaf, allocation", None),
        (
            ["fault", "set", "leaf=SYS.INIT", "status=1", "nth=2"],
            "nth: unknown key",
            "keys here: leaf, status, cpu, call, times",
        ),
        (
            ["fault", "set", "leaf=SYS.INIT", "status=TDX_SUCESS"],
            "status: is not the",
            "TDX_SUCCESS?",
        ),
        (["forget", "x"], "no such machine: 'x'", "there is none"),
        (["init", "--platform", "spr-2s-512"], "no such platform: 'spr-2s-512'", "did you mean"),
        (["init", "--platform", "./no.yaml"], "cannot read './no.yaml': no such file", None),
        (["init", "--platform", "./"], "cannot read './': is a directory", None),
        (["init", "--platform", "no\x1b[31m"], "no such platform: 'no\\x1b[31m'", "`tdxctl"),
        (
            ["init", "--platform", "no-module", "--kernel", "v6"],
            "no such kernel: 'v6'",
            "kernels: v5, v5-posted",
        ),
        (["plan", "--platform", "small", "--kernel", "68"], "no such kernel", "did you mean 6.8?"),
        (["init", "--fromat", "json"], "No such option", "`tdxctl init --help` explains"),
        (["init", "--format", "xml"], "Invalid value for '--format'", "`tdxctl init"),
        (
            ["init", "--callers", "x"],
            "Invalid value for '--callers': 'x' is not a valid whole",
            "`",
        ),
        (["validate"], "Missing argument 'FILE...'", "`tdxctl validate --help` explains"),
        (["platforms", "nothing"], "no such platform: 'nothing'", "`tdxctl platforms` lists"),
    ],
)
def test_usage_errors_exit_2_and_say_what_to_do(
    arguments: list[str], error: str, hint: str | None
) -> None:
    done = tdxctl(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"error: {error}")
    assert [line for line in lines[1:] if not line.startswith("  hint: ")] == []
    if hint is not None:
        assert hint in lines[1]


def test_json_errors_are_on_standard_output_too() -> None:
    done = tdxctl("init", "--platform", "no", "--format=jsonl")
    assert done.returncode == 2
    assert json.loads(done.stdout) == {
        "schema": "tdxctl.error/1",
        "exit": 2,
        "diagnostics": [
            {
                "severity": "error",
                "summary": "no such platform: 'no'",
                "detail": None,
                "hint": "`tdxctl platforms` lists them; a file's path has a / in it or ends in "
                ".yaml",
                "file": None,
                "line": None,
                "column": None,
                "path": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("words", "is_json"),
    [
        (["--format", "json"], True),
        (["--format=jsonl"], True),
        (["--format", "json", "--format", "text"], False),
        (["--", "--format", "json"], False),
    ],
)
def test_json_errors_follow_the_last_format(words: list[str], is_json: bool) -> None:
    done = tdxctl("init", "--platform", "no", *words)
    assert done.returncode == 2
    assert (done.stdout != "") == is_json


def test_what_is_not_modelled_exits_3(tmp_path: Path) -> None:
    description = tmp_path / "x.yaml"
    description.write_text(
        "cpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: [{start: 1MiB, size: 1GiB}]}\n"
        "faults: [{msr: 0x87}]\n"
    )
    done = tdxctl("init", "--platform", str(description))
    assert (done.returncode, done.stdout) == (3, "")
    assert "not modelled" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["platforms"]])
def test_output_to_a_full_disk_exits_74(arguments: list[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tdxctl", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 74
    assert done.stderr == "error: cannot write the output: no space left on device\n"


@pytest.mark.parametrize(
    ("redirection", "code"), [(">&-", 74), ("2>&-", 0), (">&- 2>&-", 74), ("<&-", 0)]
)
def test_closed_streams(redirection: str, code: int) -> None:
    """Expect what cannot be written to be said by the exit code alone."""
    command = f'"{sys.executable}" -m tdxctl platforms {redirection}'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--version"], ["platforms"], ["init", "--platform", "8s-64t"]]
)
def test_a_broken_pipe_exits_141_in_silence(arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def _hear_sigint() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_exits_130_in_silence() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", "init", "--platform", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # Where the tests themselves were started with SIGINT ignored.
        preexec_fn=_hear_sigint,  # noqa: PLW1509  # no thread is running here
    )
    assert process.stdin is not None
    # It waits for its standard input; more than a pipe holds shows that it reads.
    process.stdin.write(b"#" * (1 << 20))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, b"", b"")


def test_the_version_is_the_packages() -> None:
    assert tdxctl("--version").stdout == f"tdxctl {__version__}\n"
    assert tdxctl("--version", "--help").stdout == f"tdxctl {__version__}\n"


@pytest.fixture(scope="module")
def three_machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that knows three machines, to copy."""
    folder = tmp_path_factory.mktemp("three") / "state"
    for machine in ("spr-2s-512g", "offline-cpu", "no-module"):
        tdxctl("init", "--platform", machine, environment={"TDXCTL_STATE": str(folder)})
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_every_commands_help_opens_with_two_examples_that_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, three_machines: Path
) -> None:
    """Expect each example to exit 0, with x.yaml a shipped platform and three machines known."""
    monkeypatch.chdir(tmp_path)
    platforms = tmp_path / "platforms"
    platforms.mkdir()
    for file in (ROOT / "platforms").iterdir():
        (platforms / file.name).write_bytes(file.read_bytes())
    (tmp_path / "scenarios").mkdir()
    for file in (ROOT / "tests" / "scenarios").iterdir():
        (tmp_path / "scenarios" / file.name).write_bytes(file.read_bytes())
    calls = (ROOT / "tests" / "data" / "bring-up.yaml").read_bytes()
    (tmp_path / "calls.yaml").write_bytes(calls)
    log = (ROOT / "tests" / "data" / "boot.log").read_bytes()
    (tmp_path / "boot.log").write_bytes(log)
    (tmp_path / "captured").mkdir()
    for file in (tmp_path / "x.yaml", tmp_path / "captured" / "x.yaml"):
        file.write_bytes((platforms / "spr-2s-512g.yaml").read_bytes())
    if name != "init":
        shutil.copytree(three_machines, os.environ["TDXCTL_STATE"])
    text = tdxctl(name, "--help").stdout
    examples = [line.strip() for line in text.splitlines() if line.startswith("    tdxctl ")]
    assert len(examples) == 2
    for example in examples:
        shell = f'tdxctl() {{ "{sys.executable}" -m tdxctl "$@"; }}\n{example}'
        done = subprocess.run(
            ["bash", "-c", shell],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
        )
        if name == "run" and done.returncode == 125 and b"no way to put a root" in done.stderr:
            pytest.skip("no bubblewrap and no user namespaces here")
        assert done.returncode == 0, (example, done.stderr)
