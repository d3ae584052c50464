# SPDX-License-Identifier: Apache-2.0
"""What verdicts come to: how many hosts, why not, what they cost; of parts, and of all together.

Needs no pyarrow: reports are made of it.
"""

from __future__ import annotations

from msgspec import Struct, field

#: So many hosts of a kind are named.
EXAMPLES = 3
#: PAMTs of hosts are counted in steps of so many bytes.
PAMT_STEP = 1 << 28


class Kind(Struct):
    """Hosts of which a kernel makes the same: how many, and the names of the first."""

    hosts: int = 0
    examples: list[str] = []

    def add(self, other: Kind) -> None:
        """And those."""
        self.hosts += other.hosts
        self.examples = [*self.examples, *other.examples][:EXAMPLES]


class KernelCounts(Struct):
    """What a kernel makes of a fleet.

    initialized: hosts whose module is initialized, ready: of those the ones on which KVM, where it
    is asked, runs TDs. kinds: of those that are not ready, by cause and errno. pamt_bytes,
    pamt_by_node: of the initialized. tdmrs_left, reserved_left, pamt_steps: hosts by how much
    they have left, by steps of PAMT_STEP; of the initialized.
    """

    initialized: int = 0
    ready: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    pamt_bytes: int = 0
    pamt_by_node: dict[int, int] = field(default_factory=dict)
    memory_lost: int = 0
    guests: int = 0
    tdmrs_left: dict[int, int] = field(default_factory=dict)
    reserved_left: dict[int, int] = field(default_factory=dict)
    pamt_steps: dict[int, int] = field(default_factory=dict)

    def add(self, other: KernelCounts) -> None:
        """And those of other hosts."""
        self.initialized += other.initialized
        self.ready += other.ready
        self.pamt_bytes += other.pamt_bytes
        self.memory_lost += other.memory_lost
        self.guests += other.guests
        _add_kinds(self.kinds, other.kinds)
        for mine, theirs in (
            (self.pamt_by_node, other.pamt_by_node),
            (self.tdmrs_left, other.tdmrs_left),
            (self.reserved_left, other.reserved_left),
            (self.pamt_steps, other.pamt_steps),
        ):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count


class Counts(Struct):
    """What a fleet comes to.

    hosts: rows of the input. wrong: those that are wrong; errors: by what is. kernels: by id.
    changed: hosts whose verdict differs between a kernel and the one it is compared with, by what
    both are.
    """

    hosts: int = 0
    wrong: int = 0
    errors: dict[str, Kind] = field(default_factory=dict)
    kernels: dict[str, KernelCounts] = field(default_factory=dict)
    changed: dict[str, Kind] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """And those of other hosts."""
        self.hosts += other.hosts
        self.wrong += other.wrong
        _add_kinds(self.errors, other.errors)
        _add_kinds(self.changed, other.changed)
        for kernel, counts in other.kernels.items():
            self.kernels.setdefault(kernel, KernelCounts()).add(counts)

    @property
    def all_ready(self) -> bool:
        """Whether every host that is not wrong is ready under every kernel."""
        good = self.hosts - self.wrong
        return all(counts.ready == good for counts in self.kernels.values())

    @property
    def failing(self) -> int:
        """Verdicts that are not ready."""
        good = self.hosts - self.wrong
        return sum(good - counts.ready for counts in self.kernels.values())


def _add_kinds(mine: dict[str, Kind], theirs: dict[str, Kind]) -> None:
    for key, kind in theirs.items():
        mine.setdefault(key, Kind()).add(kind)
