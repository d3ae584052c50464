# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a description, the answer is a Platform or a DescriptionError.

A Platform that comes out is one that can be written down again, and messages are lines of
printable text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxctl import Platform
from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.report.problems import error

VALID: dict[str, Any] = {
    "schema": "tdxctl.platform/1",
    "name": "valid",
    "description": "Every section, and a fault of every kind",
    "cpus": {
        "model": {"family": 6, "model": 0xCF},
        "features": {"mtrr": True},
        "madt": [
            {"apic_id": "0-3", "package": 0},
            {"apic_id": 128, "package": 1, "enabled": False},
        ],
        "online": "0-2",
        "disabled_cpus": "auto",
    },
    "memory": {
        "ranges": [
            {"start": "0x1000", "end": 0x9F000, "node": 0},
            {"start": "4GiB", "size": "1GiB", "node": 1},
        ],
        "reserved": [{"start": 0, "end": 4096}],
        "cmrs": [{"base": "1MiB", "size": "1GiB"}],
    },
    "firmware": {
        "seamrr": "enabled",
        "mktme_keyids": 31,
        "tdx_keyids": 32,
        "keyid_bits": "auto",
        "seamrr_range": {"base": "64GiB", "size": "32MiB"},
    },
    "module": {
        "version": "1.5.25",
        "features": ["TD_PRESERVING"],
        "pamt_entry_size": {"4k": 16},
        "checks": "lax",
    },
    "kernel": {"hibernation": False},
    "faults": [
        {"leaf": "TDH.SYS.KEY.CONFIG", "status": "GP", "cpu": 1, "call": 2, "times": 3},
        {"allocation": "pamt"},
        {"boot": "memory_notifier", "errno": "ENOMEM"},
        {"msr": 0x87},
        {"pconfig": "entropy_error", "call": 2},
        {"rdrand": "no_entropy"},
        {"global_lock": "shared"},
        {"tdmr_lock": 0},
        {"busy_cpu": 1},
        {"module": "halted"},
    ],
}


def _places(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    # path, and every place inside the value there.
    if not isinstance(value, dict | list):
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(place for key, child in inside for place in _places(child, (*path, key)))]


PLACES = _places(VALID, ())[1:]
# What the description itself is made of, its limits, and their neighbours.
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0x87, 4096, 8191, 8192, 1 << 32, (1 << 52) - 1, 1 << 52, 1 << 64, 10**50])
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["auto", "all", "0-3", "1GiB", "0x10", "4PiB", "1.0", "1.5.01", "TDX_SUCCESS"]
    )
    | st.sampled_from(["010", "1:30", "yes", "<<", "*a", "&a", "!!int 1", "\x00leaf", "\ud800"])
)
KEYS = st.text(max_size=8) | st.sampled_from(
    [
        "leaf",
        "allocation",
        "boot",
        "msr",
        "pconfig",
        "busy_cpu",
        "start",
        "end",
        "size",
        "base",
        "apic_id",
        "\x00leaf",
    ]
)
STRUCTURES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def _with(node: Any, path: tuple[Any, ...], new: Any) -> Any:
    # A copy of node with new at path, or as near to it as node goes.
    if not path:
        return new
    part, rest = path[0], path[1:]
    if isinstance(node, dict):
        return {**node, part: _with(node.get(part), rest, new)}
    if isinstance(node, list) and isinstance(part, int):
        return [_with(child, rest, new) if i == part else child for i, child in enumerate(node)]
    return new


@st.composite
def grafted(draw: st.DrawFn) -> dict[str, Any]:
    """VALID with one to three arbitrary structures in place of its own, or beside them."""
    description: dict[str, Any] = VALID
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES))
        if isinstance(place[-1], str) and draw(st.integers(0, 4)) == 0:
            place = (*place[:-1], draw(KEYS))
        description = _with(description, place, draw(STRUCTURES))
    return description


def outcome(load: Callable[[], Platform]) -> Platform | tuple[Diagnostic, ...]:
    """What load ends with, where it ends as it may."""
    try:
        return load()
    except DescriptionError as error:
        return error.diagnostics()


def check(load: Callable[[], Platform]) -> None:
    """Expect a Platform that is its description's, or messages fit for a terminal."""
    result = outcome(load)
    if isinstance(result, Platform):
        assert Platform.from_dict(json.loads(json.dumps(result.to_dict()))) == result
        return
    assert result
    for diagnostic in result:
        lines = diagnostic.render().split("\n")
        assert len(lines) == (2 if diagnostic.hint else 1)
        assert all(line.isprintable() for line in lines)
    assert error(3, tuple(result)).render()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be overwritten with each example."""
    return tmp_path_factory.mktemp("descriptions") / "description.yaml"


def test_valid_is_valid() -> None:
    """Else every graft would be an error, and prove little."""
    assert Platform.from_dict(VALID).name == "valid"


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@given(data=st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes(file: Path, suffix: str, data: bytes) -> None:
    described = file.with_suffix(suffix)
    described.write_bytes(data)
    check(lambda: Platform.load(described))


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@given(text=st.text(max_size=400) | st.text("{}[]:,-?*&!|>'\"%@`#<~ \n\tax01.\\", max_size=80))
@settings(max_examples=200, deadline=None)
def test_arbitrary_text(file: Path, suffix: str, text: str) -> None:
    """Of any characters, and of those that mean something in YAML and JSON."""
    described = file.with_suffix(suffix)
    described.write_bytes(text.encode())
    check(lambda: Platform.load(described))


@given(description=grafted())
@settings(max_examples=200, deadline=None)
def test_grafts_in_a_dict(description: dict[str, Any]) -> None:
    check(lambda: Platform.from_dict(description))


@given(description=grafted())
@settings(max_examples=200, deadline=None)
def test_grafts_in_yaml(file: Path, description: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(description), encoding="utf-8")
    check(lambda: Platform.load(file))


@given(description=grafted())
@settings(max_examples=200, deadline=None)
def test_grafts_in_json(file: Path, description: dict[str, Any]) -> None:
    described = file.with_suffix(".json")
    described.write_text(json.dumps(description), encoding="utf-8")
    check(lambda: Platform.load(described))
