# SPDX-License-Identifier: Apache-2.0
"""What is known of a host beyond its description: where its CPUs are, what its kernel is called."""

from __future__ import annotations

import re
from functools import cached_property

from tdxctl.linux.changes import KVM_ASKS_FOR_TDX, RUNTIME_UPDATE
from tdxctl.machine import Machine
from tdxctl.platform.description import MemoryRange
from tdxctl.units import SZ_1G

_64G, _2G, _128M = 64 * SZ_1G, 2 * SZ_1G, 128 << 20
#: Of kernels whose id is no number: a `uname -r` of the time.
_UNAMES = {
    "v5": "5.19.0-rc3-tdx-v5",
    "v5-posted": "5.19.0-rc3-tdx-v5-posted",
    "ubuntu-24.04-1004": "6.8.0-1004-intel",
    "ubuntu-24.04": "6.8.0-1006-intel",
    "ubuntu-25.04": "6.14.0-1006-intel",
}


class Cpu:
    """A present CPU: logical number, x2APIC id, package, core in it, node, online."""

    __slots__ = ("apic_id", "core", "node", "number", "online", "package")

    def __init__(
        self, number: int, apic_id: int, package: int, core: int, node: int, *, online: bool
    ) -> None:
        self.number = number
        self.apic_id = apic_id
        self.package = package
        self.core = core
        self.node = node
        self.online = online


class Host:
    """A machine as user space finds it, after its bring-up."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.platform = machine.platform
        self.summary = machine.summary()

    @property
    def uname(self) -> str:
        """`uname -r`: the one asked for, else one that its release has."""
        kernel = self.machine.kernel_id
        if kernel.asked is not None and re.match(r"\d+\.\d+\.", kernel.asked):
            return kernel.asked
        release, *changes = kernel.id.split("+")
        known = _UNAMES.get(release, release if release.count(".") > 1 else f"{release}.0")
        return "-".join([known, *changes])

    @property
    def is_enabled(self) -> bool:
        """Whether the boot found TDX: KeyIDs, and nothing against it."""
        return self.summary.global_keyid is not None

    @property
    def kvm_asks(self) -> bool:
        """Whether kvm_intel has the parameter `tdx`."""
        return KVM_ASKS_FOR_TDX in self.machine.kernel_id.changes

    @property
    def has_device(self) -> bool:
        """Whether there is the device tdx_host, and a module that it tells of."""
        updates = RUNTIME_UPDATE in self.machine.kernel_id.changes
        return updates and self.machine.status == "INITIALIZED"

    @cached_property
    def kvm_is_loaded(self) -> bool:
        """Whether kvm_intel is; before it asked for TDX, wherever there is VMX."""
        kvm = self.machine.kvm
        return self.platform.cpus.features.vmx if kvm is None else kvm.loaded

    @cached_property
    def memory(self) -> tuple[MemoryRange, ...]:
        """memblock.memory, what is empty left out."""
        return tuple(r for r in self.platform.memory.ranges if r.start < r.end)

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """NUMA nodes, ascending; 0 where no memory is described."""
        return tuple(sorted({r.node for r in self.memory})) or (0,)

    @cached_property
    def cpus(self) -> tuple[Cpu, ...]:
        """The present CPUs by their logical numbers."""
        entries = [entry for entry in self.platform.cpus.madt if entry.enabled]
        node_of = self._nodes_of_cpus([entry.package for entry in entries])
        ids = {entry.apic_id for entry in entries}
        shift = 1 if all(apic_id ^ 1 in ids for apic_id in ids) else 0
        return tuple(
            Cpu(
                number,
                entry.apic_id,
                entry.package,
                entry.apic_id >> shift,
                node_of[number],
                online=self.machine.is_online(number),
            )
            for number, entry in enumerate(entries)
        )

    @cached_property
    def online(self) -> tuple[Cpu, ...]:
        """Those that are online."""
        return tuple(cpu for cpu in self.cpus if cpu.online)

    @property
    def possible(self) -> int:
        """How many CPUs there may be: the present ones and those that firmware left disabled."""
        return len(self.cpus) + self.platform.cpus.disabled_cpus

    @cached_property
    def block_size(self) -> int:
        """Bytes of a memory block: "2 GiB" on a bare machine that ends at 64 GiB or above."""
        end = self.memory[-1].end if self.memory else 0
        return _2G if end >= _64G else _128M

    def _nodes_of_cpus(self, packages: list[int]) -> list[int]:
        # Nodes are spread over packages, and the CPUs of a package over its nodes, in their order.
        order = sorted(set(packages))
        nodes, each = self.nodes, len(self.nodes) // len(order)
        if each * len(order) != len(nodes):
            return [nodes[min(order.index(package), len(nodes) - 1)] for package in packages]
        count = {package: packages.count(package) for package in order}
        index = dict.fromkeys(order, 0)
        found = []
        for package in packages:
            at = order.index(package) * each + index[package] * each // count[package]
            index[package] += 1
            found.append(nodes[at])
        return found
