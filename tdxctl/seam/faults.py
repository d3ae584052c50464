# SPDX-License-Identifier: Apache-2.0
"""Scripted SEAMCALL faults: which call of which leaf, on which CPU, gets which status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct


class Fault(Struct, frozen=True):
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
        self._calls: Counter[tuple[int, int | None]] = Counter()
        self.set(faults)

    def set(self, faults: tuple[Fault, ...]) -> None:
        """Script faults instead of those there were; the calls counted stay."""
        self.faults = faults
        self._by_leaf: dict[int, list[Fault]] = {}
        for fault in faults:
            self._by_leaf.setdefault(fault.leaf, []).append(fault)

    def next_call(self, leaf: int, cpu: int) -> int | None:
        """Count one call of leaf on cpu; the status it gets if a fault fires, else None.

        Of several faults that would fire the first in the script does.
        """
        status, _ = self.next_calls(leaf, cpu)
        self.count(leaf, cpu, 1)
        return status

    def next_calls(self, leaf: int, cpu: int) -> tuple[int | None, int | None]:
        """What the next calls of leaf on cpu get: a fault's status, or None for the module's.

        The second value says for how many calls that holds; None is for ever.
        """
        holds: int | None = None
        for fault in self._by_leaf.get(leaf, []):
            if fault.cpu not in (None, cpu):
                continue
            number = self._calls[leaf, fault.cpu] + 1
            if number >= fault.call + fault.times:
                continue
            if number >= fault.call:
                # The first that fires decides; those before it in the script may cut it short.
                return fault.status, _shorter(holds, fault.call + fault.times - number)
            holds = _shorter(holds, fault.call - number)
        return None, holds

    def count(self, leaf: int, cpu: int, calls: int) -> None:
        """Count calls calls of leaf on cpu."""
        self._calls[leaf, None] += calls
        self._calls[leaf, cpu] += calls

    def free_of(self, leaf: int, cpus: Sequence[int]) -> int:
        """How many of the next calls of leaf, one on each of cpus in turn, no fault touches."""
        free = len(cpus)
        for fault in self._by_leaf.get(leaf, []):
            if fault.cpu is not None:
                number = self._calls[leaf, fault.cpu] + 1
                if fault.call <= number < fault.call + fault.times and fault.cpu in cpus:
                    free = min(free, cpus.index(fault.cpu))
                continue
            number = self._calls[leaf, None] + 1
            if number < fault.call + fault.times:
                free = min(free, max(0, fault.call - number))
        return free

    def count_each(self, leaf: int, cpus: Sequence[int]) -> None:
        """Count one call of leaf on each of cpus."""
        self._calls[leaf, None] += len(cpus)
        for cpu in cpus:
            self._calls[leaf, cpu] += 1


def _shorter(a: int | None, b: int) -> int:
    return b if a is None else min(a, b)
