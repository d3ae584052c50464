# SPDX-License-Identifier: Apache-2.0
"""Scenarios and SEAMCALL scripts of any shape are loaded, or refused with messages that fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.platform.script import load_script
from tdxctl.scenario.load import load_cases
from tests.platform.test_loader_never_crashes import STRUCTURES, _places, _with

SCENARIO: Any = {
    "schema": "tdxctl.scenario/1",
    "name": "x",
    "description": "d",
    "platform": "small",
    "set": {"cpus.online": "0-2"},
    "kernel": ["v5", "6.8"],
    "matrix": {"module.max_tdmrs": [1, 64]},
    "expect_failure": "why",
    "steps": [
        {
            "init": 1,
            "expect": {
                "returned": "-EINVAL",
                "status": "ERROR",
                "step": "none",
                "seamcall": 33,
                "seamcall_status": "TDX_SUCCESS",
                "pamt": {"at_most": "1GiB"},
                "tdmrs": 2,
                "log": ["a"],
                "no_log": "b",
                "calls": {"TDH.SYS.RD": {"at_least": 5}},
            },
            "expect_on": {"v5": {"status": "NONE"}},
        },
        {"cpu_online": "0-3"},
        {"memory_online": "4GiB-5GiB"},
        {"module": "load"},
        {"update": {"version": "1.5.25", "force": True}},
        {"fault": {"leaf": 33, "status": "GP"}},
        {"fault": "clear"},
        {"keyid": "alloc"},
        {"boot": "same"},
        {"kexec": True},
    ],
}
SCRIPT: Any = [
    {
        "tdmr": "low",
        "base": "1GiB",
        "size": 1,
        "pamt_4k": {"base": 1},
        "reserved": [{"offset": 0, "size": 1}],
    },
    {
        "leaf": "TDH.SYS.CONFIG",
        "cpu": 1,
        "version": 1,
        "rcx": "0x10",
        "tdmrs": ["low"],
        "expect": 0,
    },
    {"leaf": 36, "until": "1GiB"},
    {"write": 4096, "data": "00ff"},
    {"read": 4096, "length": 16},
    {"fault": {"pconfig": 2}},
    {"fault": "clear"},
]


def check(load: Callable[[], object]) -> None:
    """Expect it to be loaded, or messages fit for a terminal."""
    problems: tuple[Diagnostic, ...] = ()
    refused = False
    try:
        load()
    except DescriptionError as error:
        refused, problems = True, error.diagnostics()
    assert refused == bool(problems)
    for diagnostic in problems:
        lines = diagnostic.render().split("\n")
        assert len(lines) == (2 if diagnostic.hint else 1)
        assert all(line.isprintable() for line in lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files are overwritten with each example."""
    return tmp_path_factory.mktemp("loaders")


@st.composite
def grafted(draw: st.DrawFn, valid: Any) -> Any:
    """valid with one or two arbitrary structures in place of its own."""
    value = valid
    for _ in range(draw(st.integers(1, 2))):
        value = _with(value, draw(st.sampled_from(_places(valid, ())[1:])), draw(STRUCTURES))
    return value


def test_what_is_grafted_on_is_valid(folder: Path) -> None:
    (folder / "valid.json").write_text(json.dumps(SCENARIO))
    assert len(load_cases(str(folder / "valid.json"))) == 4
    (folder / "valid.json").write_text(json.dumps(SCRIPT))
    assert len(load_script(str(folder / "valid.json")).entries) == 7


@given(value=grafted(SCENARIO))
@settings(max_examples=300, deadline=None)
def test_scenarios(folder: Path, value: Any) -> None:
    path = folder / "scenario.json"
    path.write_text(json.dumps(value))
    check(lambda: load_cases(str(path)))


@given(value=grafted(SCRIPT))
@settings(max_examples=300, deadline=None)
def test_scripts(folder: Path, value: Any) -> None:
    path = folder / "script.json"
    path.write_text(json.dumps(value))
    check(lambda: load_script(str(path)))


@given(text=st.text("{}[]:,-?*&!|>'\"%@`#<~ \n\tax01.\\", max_size=80))
@settings(max_examples=200, deadline=None)
def test_text(folder: Path, text: str) -> None:
    for suffix in ("yaml", "json", "jsonl"):
        path = folder / f"text.{suffix}"
        path.write_text(text)
        check(lambda path=path: load_script(str(path)))  # type: ignore[misc]
        check(lambda path=path: load_cases(str(path)))  # type: ignore[misc]
