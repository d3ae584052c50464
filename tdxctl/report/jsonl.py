# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.events/1`: events as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tdxctl.entries import Head
from tdxctl.events import Event


def render(machine: str, kernel: str, events: Iterable[Event]) -> str:
    """A head line and a line per event, without a newline at the end."""
    return render_stored(machine, kernel, (event.to_dict() for event in events))


def render_stored(machine: str, kernel: str, events: Iterable[dict[str, Any]]) -> str:
    """The same of events as they were stored."""
    return "\n".join(map(json.dumps, [Head(machine, kernel).to_dict(), *events]))
