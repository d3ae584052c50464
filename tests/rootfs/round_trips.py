# SPDX-License-Identifier: Apache-2.0
"""A root, captured and booted again: what is the same, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tdxctl import Machine, Platform
from tdxctl.capture.sources import capture
from tdxctl.platform.load import load_yaml
from tdxctl.rootfs.document import machine_root


class RoundTrip(NamedTuple):
    """differs: paths of the description, `log`, `status`, `kvm`. alone: the same paths of the
    description where only what a real host has was read, without host.json.
    """

    differs: tuple[str, ...]
    alone: tuple[str, ...]


def round_trip(machine: Machine, folder: Path) -> RoundTrip:
    """Write machine's root into folder, capture it, boot what was captured with its kernel."""
    made = machine_root(machine)
    # Blocks of memory are not captured, and 64 TiB have 32,768 of them.
    files = tuple(part for part in made.files if "/memory/memory" not in part.pattern)
    made._replace(files=files).write(str(folder))
    captured = _captured(machine.platform, folder)
    again = Machine.boot(captured, machine.kernel_id)
    again.init_host()
    differs = list(_differs(machine.platform, captured))
    differs += ["log"] if again.dmesg != machine.dmesg else []
    differs += ["status"] if again.status != machine.status else []
    differs += ["kvm"] if again.kvm != machine.kvm else []
    (folder / "host.json").unlink()
    alone = _differs(machine.platform, _captured(machine.platform, folder))
    return RoundTrip(tuple(differs), tuple(alone))


def not_shown(folder: Path) -> dict[str, Any]:
    """What host.json says that no file shows."""
    values: dict[str, Any] = json.loads((folder / "host.json").read_text())["not_shown"]
    return values


def _captured(platform: Platform, folder: Path) -> Platform:
    sources = [("--sysfs", str(folder)), ("--dmesg", str(folder / "var/log/dmesg"))]
    text, _ = capture(sources, name=platform.name, description=platform.description)
    return load_yaml(text)


def _differs(one: Platform, other: Platform) -> Iterator[str]:
    yield from _paths(one.to_dict(), other.to_dict(), "")


def _paths(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _paths(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif one != other:
        yield path
