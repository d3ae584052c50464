# SPDX-License-Identifier: Apache-2.0
"""The first value of each part that sources show, and who shows it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tdxctl.capture.findings import Findings
from tdxctl.platform.description import Seamrr

# In words; the others are not compared, or not shown twice.
_COMPARED = {
    "blocks": "memory ranges",
    "present": "number of CPUs",
    "keyids": "TDX KeyIDs",
    "cpu": "CPU models",
    "cmrs": "CMRs",
}


class Merged:
    """What several sources show, the first of them first."""

    def __init__(self, findings: list[Findings]) -> None:
        self._values: dict[str, Any] = {}
        self._sources: dict[str, str] = {}
        self.name = findings[0].source if findings else "nothing"
        names = {found.source for found in findings}
        self.only = self.name if len(names) == 1 else None
        self.conflicts: list[str] = []
        self.warnings: list[str] = []
        self.origins: dict[str, str] = {}
        self.firmware = (Seamrr.ABSENT, 0, 0)
        for found in findings:
            self.warnings += found.warnings
            for field in fields(found):
                if field.name not in ("source", "warnings"):
                    self._take(field.name, getattr(found, field.name), found.source)

    def _take(self, name: str, value: Any, source: str) -> None:
        if value is None or value == ():
            return
        if name not in self._values:
            self._values[name], self._sources[name] = value, source
        elif name in _COMPARED and value != self._values[name]:
            self.conflicts.append(
                f"{self._sources[name]} and {source} show different {_COMPARED[name]}: "
                f"{self._sources[name]} is taken"
            )

    def shown(self, name: str) -> bool:
        """Whether a source shows it."""
        return name in self._values

    def value(self, name: str) -> Any:
        """What the first source shows, or None, or the empty tuple."""
        return self._values.get(name)

    def source(self, name: str) -> str:
        """Who shows it."""
        return self._sources[name]
