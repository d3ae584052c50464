# SPDX-License-Identifier: Apache-2.0
"""Scripted SEAMCALL faults: which call of which leaf, on which CPU, gets which status."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Calls call .. call+times-1 of leaf return status and do not reach the module.

    With cpu set only that CPU's calls are counted. Calls are counted from 1.
    """

    leaf: int
    status: int
    cpu: int | None = None
    call: int = 1
    times: int = 1


class FaultScript:
    """Counts SEAMCALLs per leaf, and per leaf and CPU, whether or not a fault fires."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self.faults = faults
        self._calls: Counter[tuple[int, int | None]] = Counter()

    def next_call(self, leaf: int, cpu: int) -> int | None:
        """Count one call of leaf on cpu; the status it gets if a fault fires, else None.

        Of several faults that would fire the first in the script does.
        """
        self.count(leaf, cpu, 1)
        for fault in self._of(leaf, cpu):
            if fault.call <= self._calls[leaf, fault.cpu] < fault.call + fault.times:
                return fault.status
        return None

    def count(self, leaf: int, cpu: int, calls: int) -> None:
        """Count calls calls of leaf on cpu."""
        self._calls[leaf, None] += calls
        self._calls[leaf, cpu] += calls

    def calls_before_next(self, leaf: int, cpu: int) -> int | None:
        """How many more calls of leaf on cpu go through before a fault fires; None: all."""
        distances = []
        for fault in self._of(leaf, cpu):
            next_number = self._calls[leaf, fault.cpu] + 1
            if next_number < fault.call + fault.times:
                distances.append(max(0, fault.call - next_number))
        return min(distances, default=None)

    def _of(self, leaf: int, cpu: int) -> list[Fault]:
        return [f for f in self.faults if f.leaf == leaf and f.cpu in (None, cpu)]
