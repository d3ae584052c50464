# SPDX-License-Identifier: Apache-2.0
"""/sys/devices/system/{cpu,node,memory}, as drivers/base/{cpu,node,memory,topology}.c have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tdxctl.rootfs.host import Cpu, Host
from tdxctl.rootfs.tree import WRITABLE, Files, Link, cpumask, one, text
from tdxctl.units import SZ_4G, format_cpulist

_CPU, _NODE, _MEMORY = (f"sys/devices/system/{name}" for name in ("cpu", "node", "memory"))
_MADT = "cpus.madt"
_SPREAD = "nodes are spread over packages in their order, and a package's CPUs over its nodes"
_DIE = "a package is one die"
_SMT = "two APIC ids that differ in their lowest bit are threads of a core, where all have a pair"


def cpu_files(host: Host) -> Iterator[Files]:
    """/sys/devices/system/cpu."""
    present, possible = len(host.cpus), host.possible
    offline = sorted(set(range(possible)) - {cpu.number for cpu in host.online})
    for name, cpus, says, facts in (
        ("possible", range(possible), "CPUs that there may be", (_MADT, "cpus.disabled_cpus")),
        ("present", range(present), "CPUs that firmware enabled", (_MADT,)),
        ("online", (cpu.number for cpu in host.online), "CPUs that are up", ("cpus.online",)),
        ("offline", offline, "CPUs that may be and are not up", ("cpus.online",)),
    ):
        yield one(f"{_CPU}/{name}", f"{_list(cpus)}\n", says, *facts)
    yield one(f"{_CPU}/kernel_max", "8191\n", "the largest CPU number of this build")
    yield Files(
        f"{_CPU}/cpu*/online",
        "whether the CPU is up; the boot CPU has no such file",
        ("cpus.online",),
        tuple(
            text(f"{_CPU}/cpu{cpu.number}/online", int(cpu.online), WRITABLE)
            for cpu in host.cpus
            if cpu.number
        ),
    )
    yield from _topology(host)
    yield Files(
        f"{_CPU}/cpu*/node*",
        "the CPU's NUMA node",
        (_MADT, "memory.ranges"),
        tuple(
            Link(f"{_CPU}/cpu{cpu.number}/node{cpu.node}", f"../../node/node{cpu.node}")
            for cpu in host.online
        ),
        _SPREAD,
    )


def _list(cpus: Iterable[int]) -> str:
    # The kernel prints nothing for none.
    cpus = list(cpus)
    return format_cpulist(cpus) if cpus else ""


def _topology(host: Host) -> Iterator[Files]:
    # The lists of siblings are made once for all of a core, and of a package.
    cores = _groups(host, lambda cpu: (cpu.package, cpu.core))
    packages = _groups(host, lambda cpu: cpu.package)
    yield _of_each(host, "physical_package_id", lambda cpu: cpu.package, "its package", None)
    yield _of_each(host, "core_id", lambda cpu: cpu.core, "its core", _SMT)
    yield _of_each(host, "die_id", lambda _: 0, "its die", _DIE)
    yield from _siblings(host, "thread_siblings", cores, "the CPUs of its core", _SMT)
    yield from _siblings(host, "core_cpus", cores, "the CPUs of its core", _SMT)
    yield from _siblings(host, "core_siblings", packages, "the CPUs of its package", None)
    yield from _siblings(host, "package_cpus", packages, "the CPUs of its package", None)
    yield from _siblings(host, "die_cpus", packages, "the CPUs of its die", _DIE)


def _siblings(
    host: Host, name: str, of: dict[int, tuple[str, str]], says: str, taken: str | None
) -> Iterator[Files]:
    yield _of_each(host, name, lambda cpu: of[cpu.number][0], says, taken)
    yield _of_each(host, f"{name}_list", lambda cpu: of[cpu.number][1], says, taken)


def _of_each(
    host: Host, name: str, value: Callable[[Cpu], str | int], says: str, taken: str | None
) -> Files:
    return Files(
        f"{_CPU}/cpu*/topology/{name}",
        says,
        (_MADT,),
        tuple(text(f"{_CPU}/cpu{cpu.number}/topology/{name}", value(cpu)) for cpu in host.online),
        taken,
    )


def _groups(host: Host, key: Callable[[Cpu], object]) -> dict[int, tuple[str, str]]:
    # CPU -> the online ones that share key with it, as a mask and as a list.
    members: dict[object, list[int]] = {}
    for cpu in host.online:
        members.setdefault(key(cpu), []).append(cpu.number)
    shown = {group: (cpumask(cpus, host.possible), _list(cpus)) for group, cpus in members.items()}
    return {cpu.number: shown[key(cpu)] for cpu in host.online}


def node_files(host: Host) -> Iterator[Files]:
    """/sys/devices/system/node."""
    nodes = host.nodes
    facts = ("memory.ranges", _MADT)
    with_cpus = sorted({cpu.node for cpu in host.online})
    with_memory = sorted({r.node for r in host.memory})
    for name, listed, says in (
        ("possible", nodes, "nodes that there may be"),
        ("online", nodes, "nodes that there are"),
        ("has_cpu", with_cpus, "nodes with CPUs"),
        ("has_memory", with_memory, "nodes with memory"),
        ("has_normal_memory", with_memory, "nodes with memory"),
    ):
        yield one(f"{_NODE}/{name}", f"{_list(listed)}\n", says, *facts)
    of_node = {node: [c.number for c in host.online if c.node == node] for node in nodes}
    yield _of_nodes(host, "cpulist", lambda node: _list(of_node[node]), "its CPUs")
    yield _of_nodes(host, "cpumap", lambda node: cpumask(of_node[node], host.possible), "its CPUs")
    yield _of_nodes(
        host,
        "distance",
        lambda node: " ".join("10" if other == node else "21" for other in nodes),
        "how far the nodes are from it",
        "21 to every other one: no SLIT is described",
    )
    yield _of_nodes(
        host,
        "meminfo",
        lambda node: "\n".join(
            f"Node {node} {key + ':':<15} {kib:>8} kB" for key, kib in memory_use(host, node)
        ),
        "its memory, and what of it is free: the PAMTs are not",
        None,
    )
    yield Files(
        f"{_NODE}/node*/cpu*",
        "its CPUs",
        facts,
        tuple(
            Link(f"{_NODE}/node{cpu.node}/cpu{cpu.number}", f"../../cpu/cpu{cpu.number}")
            for cpu in host.online
        ),
        _SPREAD,
    )
    yield Files(
        f"{_NODE}/node*/memory*",
        "its memory blocks",
        ("memory.ranges",),
        tuple(
            Link(f"{_NODE}/node{node}/memory{block}", f"../../memory/memory{block}")
            for block, nodes in _blocks(host).items()
            for node in nodes
        ),
    )


def _of_nodes(
    host: Host, name: str, value: Callable[[int], str], says: str, taken: str | None = _SPREAD
) -> Files:
    return Files(
        f"{_NODE}/node*/{name}",
        says,
        ("memory.ranges", _MADT),
        tuple(text(f"{_NODE}/node{node}/{name}", value(node)) for node in host.nodes),
        taken,
    )


def memory_use(host: Host, node: int | None = None) -> list[tuple[str, int]]:
    """MemTotal, MemFree and MemUsed of a node, or of all, in KiB."""
    total = sum(r.end - r.start for r in host.memory if node in (None, r.node)) >> 10
    pamt = host.summary.pamt
    ready = host.machine.status == "INITIALIZED"
    used = sum(size for of, size in pamt.by_node if node in (None, of)) >> 10 if ready else 0
    return [("MemTotal", total), ("MemFree", max(total - used, 0)), ("MemUsed", min(used, total))]


def _blocks(host: Host) -> dict[int, list[int]]:
    # Memory block -> nodes whose memory is in it.
    blocks: dict[int, list[int]] = {}
    for r in host.memory:
        for block in range(r.start // host.block_size, (r.end - 1) // host.block_size + 1):
            nodes = blocks.setdefault(block, [])
            if r.node not in nodes:
                nodes.append(r.node)
    return blocks


def memory_files(host: Host) -> Iterator[Files]:
    """/sys/devices/system/memory: a block is there where any memory is in it."""
    blocks = _blocks(host)
    yield one(
        f"{_MEMORY}/block_size_bytes",
        f"{host.block_size:x}\n",
        "bytes of a memory block, hex",
        "memory.ranges",
    )
    yield one(f"{_MEMORY}/auto_online_blocks", "online\n", "what becomes of new blocks")
    for name, value, says in (
        ("phys_index", lambda block, _: f"{block:08x}", "the block's number, hex"),
        ("state", lambda _, __: "online", "all memory of the boot is online"),
        ("removable", lambda _, __: "1", "kept for old programs: always 1"),
        (
            "valid_zones",
            lambda block, nodes: _zone(host, block, nodes),
            "its zone; none where it has several",
        ),
    ):
        yield Files(
            f"{_MEMORY}/memory*/{name}",
            says,
            ("memory.ranges",),
            tuple(
                text(f"{_MEMORY}/memory{block}/{name}", value(block, nodes))
                for block, nodes in blocks.items()
            ),
        )
    yield Files(
        f"{_MEMORY}/memory*/node*",
        "its node",
        ("memory.ranges",),
        tuple(
            Link(f"{_MEMORY}/memory{block}/node{node}", f"../../node/node{node}")
            for block, nodes in blocks.items()
            for node in nodes
        ),
    )


def _zone(host: Host, block: int, nodes: list[int]) -> str:
    # A block across a border of zones, or of nodes, has `none`; DMA ends at 16 MiB.
    if block == 0 or len(nodes) > 1:
        return "none"
    return "DMA32" if (block + 1) * host.block_size <= SZ_4G else "Normal"
