# SPDX-License-Identifier: Apache-2.0
"""What a TAB offers, asked as a shell asks, and the scripts that make it ask."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tdxctl import store
from tdxctl.cli import COMMANDS
from tdxctl.linux.lookup import ALIASES
from tdxctl.linux.releases import KERNELS
from tdxctl.platform import shipped
from tests.cli.runner import ROOT, in_shell, tdxctl
from tests.cli.terminal import typed_in
from tests.test_imports import loaded_by

KERNEL_NAMES = [*(kernel.id for kernel in KERNELS), *ALIASES]


def _offered(line: str, cwd: Path = ROOT, **environment: str) -> list[str]:
    # What bash is told for the last word of line.
    asked = {
        "_TDXCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        **environment,
    }
    done = tdxctl(environment=asked, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if line]


def _plain(line: str, cwd: Path = ROOT) -> list[str]:
    offered = _offered(line, cwd)
    assert all(item.startswith("plain,") for item in offered)
    return [item.removeprefix("plain,") for item in offered]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tdxctl ", list(COMMANDS)),
        ("tdxctl pla", ["plan", "platforms"]),
        ("tdxctl --ver", ["--version"]),
        ("tdxctl init --re", ["--reboot"]),
        ("tdxctl reboot --ker", ["--kernel"]),
        ("tdxctl init --platform spr", ["spr-2s-512g"]),
        ("tdxctl platforms ", shipped.names()),
        ("tdxctl boot --kernel ", KERNEL_NAMES),
        ("tdxctl boot --kernel main", ["mainline"]),
        ("tdxctl plan --platform small --kernel ", [*KERNEL_NAMES, "all"]),
        ("tdxctl init --format ", ["text", "json", "jsonl", "dmesg"]),
        ("tdxctl cpu o", ["online", "offline"]),
        ("tdxctl completion ", ["bash", "zsh", "fish"]),
        ("tdxctl init --machine ", []),
    ],
)
def test_words_that_are_offered(line: str, words: list[str]) -> None:
    assert _plain(line) == words


@pytest.mark.parametrize(
    "line",
    ["tdxctl validate pl", "tdxctl test sc", "tdxctl init --platform ./pl", "tdxctl seamcall x"],
)
def test_files_are_left_to_the_shell(line: str) -> None:
    assert _offered(line) == [f"file,{line.rsplit(' ', maxsplit=1)[-1]}"]


def test_descriptions_in_this_folder_are_offered_beside_the_shipped(tmp_path: Path) -> None:
    """Expect only names that are one word to a shell as they stand."""
    offered = ["small-one.yaml", "small.json"]
    for name in (*offered, "small.txt", "sma ll.yaml", "small\n.yaml", "sma*l.yml"):
        (tmp_path / name).touch()
    assert _plain("tdxctl init --platform sma", tmp_path) == ["small", *offered]


@pytest.mark.parametrize("line", ["tdxctl status --machine ", "tdxctl forget ", "tdxctl machines "])
def test_machines_are_offered_from_the_store(line: str, state: Path) -> None:
    for name in ("small", "other"):
        assert tdxctl("boot", "--platform", "small", "--machine", name).returncode == 0
    assert _plain(line) == ["other", "small"]
    assert _plain(line + "s") == ["small"]
    with store.writing() as rows:
        other = rows.machine("other")
        assert other is not None
        rows.put_machine(other._replace(name="a\nplain,b"))
        rows.forget("other")
    assert _plain(line) == ["small"]
    connection = sqlite3.connect(state / "machines-2.sqlite3", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    assert _plain(line) == []
    connection.close()


@pytest.mark.parametrize("content", [b"", b"x" * 5000])
def test_a_broken_store_offers_nothing_and_stays_as_it_is(state: Path, content: bytes) -> None:
    state.mkdir(parents=True)
    file = state / "machines-2.sqlite3"
    file.write_bytes(content)
    assert _plain("tdxctl status --machine ") == []
    assert [path.name for path in state.iterdir()] == [file.name]
    assert file.read_bytes() == content


def test_completing_makes_no_state(state: Path) -> None:
    assert _plain("tdxctl status --machine ") == []
    assert not state.exists()


def test_zsh_and_fish_are_told_what_the_words_mean() -> None:
    zsh = {"_TDXCTL_COMPLETE": "zsh_complete", "COMP_WORDS": "tdxctl statu", "COMP_CWORD": "1"}
    assert tdxctl(environment=zsh).stdout == f"plain\nstatus\n{COMMANDS['status']}\n"
    fish = {
        "_TDXCTL_COMPLETE": "fish_complete",
        "COMP_WORDS": "tdxctl statu",
        "COMP_CWORD": "statu",
    }
    assert COMMANDS["status"] in tdxctl(environment=fish).stdout


@pytest.mark.parametrize("instruction", ["bash", "nosh_complete", "bash_nothing"])
def test_an_instruction_that_no_shell_gives(instruction: str) -> None:
    done = tdxctl(environment={"_TDXCTL_COMPLETE": instruction})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_one_of_click(shell: str) -> None:
    script = tdxctl("completion", shell).stdout
    assert (
        script.strip() == tdxctl(environment={"_TDXCTL_COMPLETE": f"{shell}_source"}).stdout.strip()
    )
    assert f"_TDXCTL_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        (("bash", "--noprofile", "--norc", "-i"), 'eval "$(tdxctl completion bash)"'),
        (
            ("zsh", "-f", "-i"),
            'autoload -U compinit && compinit -u -D && eval "$(tdxctl completion zsh)"',
        ),
        (("fish", "--no-config", "-i"), "tdxctl completion fish | source"),
    ],
    ids=["bash", "zsh", "fish"],
)
def test_a_tab_in_a_shell_completes(shell: tuple[str, ...], line: str, tmp_path: Path) -> None:
    """Expect what a person sees who has the line of docs/install.md and presses TAB."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"there is no {shell[0]} here: apt-get install {shell[0]}")
    (command := tmp_path / "tdxctl").write_text(f'#!/bin/bash\n{in_shell()}tdxctl "$@"\n')
    command.chmod(0o755)
    environment = {
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    typed = [f"{line}; echo re''ady\n", "tdxctl init --platform em\t", " --ker\t", "7.2+\t"]
    shown = ["ready", "emr-2s-256g-fragmented", "--kernel", "7.2+dynamic-pamt"]
    assert typed_in(shell, typed, shown, environment) == shown


def test_a_tab_loads_no_command_but_the_one_that_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TDXCTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "tdxctl s")
    monkeypatch.setenv("COMP_CWORD", "1")
    loaded = loaded_by((), {"click"})
    assert not [name for name in loaded if name.startswith("tdxctl.commands.")]


def test_the_store_is_read_without_a_wait_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TDXCTL_WAIT", "soon")
    assert _plain("tdxctl status --machine ") == []
    assert store.known_text("k") is None
