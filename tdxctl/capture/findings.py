# SPDX-License-Identifier: Apache-2.0
"""What one source shows of a machine, and nothing that it does not show."""

from __future__ import annotations

from dataclasses import dataclass

from tdxctl.platform.description import Seamrr


@dataclass(frozen=True, slots=True)
class Block:
    """Memory [start, end) in bytes of a NUMA node."""

    start: int
    end: int
    node: int


@dataclass(frozen=True, slots=True)
class LocalApic:
    """A CPU slot; node is None where the source does not show it."""

    apic_id: int
    enabled: bool
    node: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleShown:
    """What a log shows of the TDX module; None is not shown.

    version: as printed, without the update where only major and minor are. build_date: yyyymmdd.
    """

    loaded: bool
    version: str | None = None
    build_date: int | None = None
    build_num: int | None = None
    features: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a source shows; None and empty are not shown. Addresses in bytes, ranges half-open.

    source: in words of tdxctl's own, no file's name. blocks: memblock.memory with its nodes.
    usable: RAM as firmware reports it. affinity: memory of the SRAT. apics: the local APICs of
    the MADT in table order. cpu_nodes: APIC id -> node of the SRAT's CPUs. present: CPUs that
    are enabled. not_enabled: slots that a kernel of the v5 era counts as disabled;
    not_enabled_later: as kernels count that know MADT revision 5. online: logical CPUs;
    brought_up: only how many. packages: how many; package_of: of each logical CPU. cpu: family
    and model; features_off: of the description's CPU features those that it has not. keyids:
    [start, end) of TDX's. mktme_keyids: KeyIDs of any kind. seamrr_range: (base, size).
    not_shown: path of a description -> value as JSON, of what no host shows. warnings: what is odd
    about the source.
    """

    source: str
    blocks: tuple[Block, ...] = ()
    usable: tuple[tuple[int, int], ...] = ()
    affinity: tuple[Block, ...] = ()
    cmrs: tuple[tuple[int, int], ...] = ()
    apics: tuple[LocalApic, ...] = ()
    cpu_nodes: tuple[tuple[int, int], ...] = ()
    present: int | None = None
    not_enabled: int | None = None
    not_enabled_later: int | None = None
    online: tuple[int, ...] | None = None
    brought_up: int | None = None
    packages: int | None = None
    package_of: tuple[int, ...] = ()
    cpu: tuple[int, int] | None = None
    seamrr: Seamrr | None = None
    keyids: tuple[int, int] | None = None
    tdx_keyids: int | None = None
    mktme_keyids: int | None = None
    module: ModuleShown | None = None
    seamrr_range: tuple[int, int] | None = None
    keyid_bits: int | None = None
    features_off: tuple[str, ...] = ()
    not_shown: tuple[tuple[str, str], ...] = ()
    hibernation: bool | None = None
    kernel: str | None = None
    warnings: tuple[str, ...] = ()
