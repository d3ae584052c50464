# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.events/1`: events as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tdxctl.events import Event

SCHEMA = "tdxctl.events/1"


def render(machine: str, kernel: str, events: Iterable[Event]) -> str:
    """A head line and a line per event, without a newline at the end."""
    head: dict[str, object] = {"ev": SCHEMA, "machine": machine, "kernel": kernel}
    return "\n".join(json.dumps(entry) for entry in [head, *(e.to_dict() for e in events)])
