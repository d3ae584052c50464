# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.machines/1` and `tdxctl.machine/1`: what is stored, and all that reproduces it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from tdxctl.document import SPREAD, Document, spread
from tdxctl.entries import AnyEntry
from tdxctl.report.json_status import Status


class Machines(Document, frozen=True, tag="tdxctl.machines/1"):
    """The status of each stored machine, the one booted last first."""

    machines: tuple[Status, ...]


class Outcome(Struct, frozen=True):
    """What came of an operation; callers: what each caller of tdx_init() got."""

    returned: int
    status: str
    callers: tuple[int, ...]
    events: tuple[AnyEntry, ...]


class Performed(Struct, frozen=True):
    """An operation of a machine, with its arguments, and what came of it."""

    op: str
    arguments: Annotated[dict[str, Any], SPREAD]
    outcome: Outcome


class Machine(Document, frozen=True, tag="tdxctl.machine/1"):
    """A machine: a description (`tdxctl schema resolved`), a kernel, and what was done with it.

    tdxctl is the version that booted it.
    """

    tdxctl: str
    machine: str
    kernel: str
    description: dict[str, Any]
    operations: tuple[Performed, ...]
    status: Status

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON values."""
        values = super().to_dict()
        return values | {"operations": [spread(each, "arguments") for each in values["operations"]]}


def performed(operation: dict[str, Any], outcome: Any) -> Performed:
    """An operation and its outcome as they are stored."""
    arguments = {key: value for key, value in operation.items() if key != "op"}
    return Performed(operation["op"], arguments, outcome)
