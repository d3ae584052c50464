# SPDX-License-Identifier: Apache-2.0
"""What several sources show, made one: each fills what those before it lack.

Nothing is invented: where no source shows something, that is what the description says beside
the value that stands there instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tdxctl.capture.findings import Block, Findings, LocalApic, ModuleShown
from tdxctl.capture.memblock import with_nodes
from tdxctl.capture.merged import Merged
from tdxctl.capture.release import name_release
from tdxctl.errors import FirmwareDataError
from tdxctl.platform.description import Seamrr
from tdxctl.platform.limits import MAX_CMRS, MAX_CPUS, MAX_NODE, MAX_PACKAGE, MAX_RANGES
from tdxctl.seam.cpu_models import has_seam
from tdxctl.units import MAX_PHYSICAL_ADDRESS, SZ_4G, SZ_32M, counted

_ASSUMED_MKTME, _ASSUMED_TDX = 31, 32


@dataclass(frozen=True, slots=True)
class CpuSlot:
    """A local APIC of the description."""

    apic_id: int
    package: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """A platform as captured. origins: part -> where it is from, in a sentence's words.

    disabled_cpus: None where it is the number of slots that are not enabled. online: None is
    all. assumed: the firmware part is not shown. features_off: CPU features that it has not.
    not_shown: path -> JSON, of what no file of a host shows, from a root's host.json. warnings:
    what whoever uses the description should know, conflicts first.
    """

    slots: tuple[CpuSlot, ...]
    disabled_cpus: int | None
    online: tuple[int, ...] | None
    cpu: tuple[int, int] | None
    ranges: tuple[Block, ...]
    cmrs: tuple[tuple[int, int], ...] | None
    seamrr: Seamrr
    mktme_keyids: int
    tdx_keyids: int
    module: ModuleShown | None
    hibernation: bool
    kernel: str | None
    assumed: bool
    seamrr_range: tuple[int, int] | None
    keyid_bits: int | None
    features_off: tuple[str, ...]
    not_shown: dict[str, str]
    origins: dict[str, str]
    warnings: tuple[str, ...]


def merge(findings: list[Findings], *, assume_tdx: bool) -> Captured:
    """One platform of what the sources show, the first of them first.

    Raises FirmwareDataError where they show no part of a platform, or one too large.
    """
    merged = Merged(findings)
    if not any(merged.shown(part) for part in _PARTS):
        raise FirmwareDataError(
            "shows no part of a platform",
            file=merged.name,
            detail="no memory, no CPUs, no KeyIDs, no TDX module",
            hint="a whole log is best: dmesg from boot on",
        )
    slots, disabled = _cpus(merged)
    ranges = _memory(merged)
    assumed = _firmware(merged, assume_tdx=assume_tdx)
    cpu = merged.value("cpu")
    if assumed and cpu is not None and has_seam(*cpu) is False:
        merged.warnings.append(
            "the CPU has no TDX, whatever is assumed of the firmware: SEAMCALL raises #UD. To see "
            "what the rest would do on a CPU with TDX: --set cpus.model=emerald-rapids"
        )
    module = _module(merged)
    cmrs = _cmrs(merged)
    seamrr, mktme, tdx = merged.firmware
    return Captured(
        slots=slots,
        disabled_cpus=disabled,
        online=_online(merged, sum(slot.enabled for slot in slots)),
        cpu=cpu,
        ranges=ranges,
        cmrs=cmrs,
        seamrr=seamrr,
        mktme_keyids=mktme,
        tdx_keyids=tdx,
        module=module,
        hibernation=bool(merged.value("hibernation")),
        kernel=merged.value("kernel"),
        assumed=assumed,
        seamrr_range=merged.value("seamrr_range") if not assumed else None,
        keyid_bits=merged.value("keyid_bits") if not assumed else None,
        features_off=merged.value("features_off") or (),
        not_shown=dict(merged.value("not_shown") or ()),
        origins=merged.origins,
        warnings=tuple(dict.fromkeys([*merged.conflicts, *merged.warnings])),
    )


_PARTS = (
    "blocks",
    "usable",
    "affinity",
    "cmrs",
    "apics",
    "cpu_nodes",
    "present",
    "keyids",
    "tdx_keyids",
    "seamrr",
    "module",
    "hibernation",
    "mktme_keyids",
)


def _cpus(merged: Merged) -> tuple[tuple[CpuSlot, ...], int | None]:
    # The slots of the MADT, and the number of disabled ones where it is not that of the slots.
    apics = _apics(merged)
    listed = sum(not apic.enabled for apic in apics)
    disabled = _disabled(merged)
    packages = _packages(merged, apics)
    slots = tuple(
        CpuSlot(apic.apic_id, package, apic.enabled)
        for apic, package in zip(apics, packages, strict=True)
    )
    return slots, None if disabled in (None, listed) else disabled


def _disabled(merged: Merged) -> int | None:
    # The number that the v5 era counts, else that of later kernels.
    disabled, later = merged.value("not_enabled"), merged.value("not_enabled_later")
    if disabled is not None:
        text = f"{merged.source('not_enabled')}, as the v5-era kernel counts"
        if later is not None and later != disabled:
            text += f"; {merged.source('not_enabled_later')}, as later ones do: {later}"
        merged.origins["disabled_cpus"] = text
        return int(disabled)
    if later is not None:
        text = f"{merged.source('not_enabled_later')}, as kernels since 6.3 count"
        merged.origins["disabled_cpus"] = text
        return int(later)
    return None


def _apics(merged: Merged) -> list[LocalApic]:
    nodes = dict(merged.value("cpu_nodes") or ())
    present = merged.value("present")
    if apics := merged.value("apics"):
        source = merged.source("apics")
        merged.origins["madt"] = f"{source}, in table order"
        enabled = sum(apic.enabled for apic in apics)
        if present is not None and merged.source("present") != source and present != enabled:
            merged.conflicts.append(
                f"{source} has {counted(enabled, 'enabled CPU')}, {merged.source('present')} "
                f"{present}: {source} is taken"
            )
        if not enabled:
            merged.warnings.append(
                f"{source} has no CPU that is enabled: the first stands as the boot CPU"
            )
            apics = (LocalApic(apics[0].apic_id, enabled=True), *apics[1:])
        return [LocalApic(a.apic_id, a.enabled, nodes.get(a.apic_id)) for a in apics]
    if present is not None and not 0 < present <= MAX_CPUS:
        merged.warnings.append(f"{merged.source('present')} shows {present} CPUs: not taken")
        present = None
    if nodes and present in (None, len(nodes)):
        source = merged.source("cpu_nodes")
        merged.origins["madt"] = source if source == "the SRAT" else f"{source}: its SRAT lines"
        if present is None:
            merged.warnings.append(
                f"no source shows how many CPUs there are: {counted(len(nodes), 'APIC id')} of "
                "the SRAT stand for them"
            )
        return [LocalApic(apic_id, True, node) for apic_id, node in nodes.items()]
    if present is not None:
        merged.origins["madt"] = f"{merged.source('present')}: how many, not which APIC ids"
        return [LocalApic(number, enabled=True) for number in range(present)]
    merged.origins["madt"] = "no source shows the CPUs: one stands here"
    merged.warnings.append(
        "no source shows the CPUs: one stands in the description (--acpi or --sysfs shows them)"
    )
    return [LocalApic(0, enabled=True)]


def _packages(merged: Merged, apics: list[LocalApic]) -> list[int]:
    # The package of each slot.
    package_of = merged.value("package_of") or ()
    enabled = [apic for apic in apics if apic.enabled]
    if len(package_of) == len(enabled) and max(package_of) <= MAX_PACKAGE:
        merged.origins["package"] = merged.source("package_of")
        numbers = iter(package_of)
        known = [next(numbers) if apic.enabled else None for apic in apics]
        return _with_slots_not_enabled(apics, known)
    count = merged.value("packages")
    if count == 1:
        merged.origins["package"] = f"{merged.source('packages')}: there is one"
        return [0] * len(apics)
    if count is not None and 0 < count <= MAX_PACKAGE + 1:
        ids = sorted(apic.apic_id for apic in enabled)
        shift = next((s for s in range(32) if len({i >> s for i in ids}) == count), None)
        if shift is not None and merged.shown("apics") | merged.shown("cpu_nodes"):
            merged.origins["package"] = (
                f"{merged.source('packages')}: {count}, told apart by APIC ids"
            )
            numbers_of = {high: i for i, high in enumerate(sorted({i >> shift for i in ids}))}
            return [numbers_of.get(apic.apic_id >> shift, 0) for apic in apics]
        merged.origins["package"] = f"{merged.source('packages')}: {count}, which is not shown"
        return [index * count // len(apics) for index in range(len(apics))]
    nodes = [apic.node for apic in apics if apic.enabled]
    if all(node is not None and node <= MAX_PACKAGE for node in nodes):
        merged.origins["package"] = "not shown: a NUMA node with CPUs is taken for one"
        return [apic.node or 0 for apic in apics]
    merged.origins["package"] = "not shown: all CPUs are in one"
    return [0] * len(apics)


def _with_slots_not_enabled(apics: list[LocalApic], known: list[int | None]) -> list[int]:
    # A slot that is not enabled is in the package with which it shares the most of an APIC id: that
    # is told by the fewest bits that tell the packages of the others apart.
    for shift in reversed(range(32)):
        package_of: dict[int, int] = {}
        for apic, package in zip(apics, known, strict=True):
            if (
                package is not None
                and package_of.setdefault(apic.apic_id >> shift, package) != package
            ):
                break
        else:
            return [
                package_of.get(apic.apic_id >> shift, 0) if package is None else package
                for apic, package in zip(apics, known, strict=True)
            ]
    return [package or 0 for package in known]


def _online(merged: Merged, enabled: int) -> tuple[int, ...] | None:
    online = merged.value("online")
    if online is not None and max(online) >= enabled:
        merged.conflicts.append(
            f"{merged.source('online')} has CPU {max(online)} online, of {enabled}: not taken"
        )
        online = None
    if online is not None and merged.value("present") == enabled:
        merged.origins["online"] = f"{merged.source('online')}: present and online"
        return None if len(online) == enabled else tuple(online)
    brought_up = merged.value("brought_up")
    if brought_up is not None and 0 < brought_up < enabled:
        merged.origins["online"] = (
            f"{merged.source('brought_up')}: {brought_up} of {enabled} brought up, taken for the "
            "first"
        )
        return tuple(range(brought_up))
    if brought_up is not None:
        merged.origins["online"] = f"{merged.source('brought_up')}: all brought up"
    return None


def _memory(merged: Merged) -> tuple[Block, ...]:
    """The memory ranges, from the best source there is."""
    if merged.shown("blocks"):
        merged.origins["ranges"] = f"{merged.source('blocks')}: early memory node ranges (memblock)"
        blocks = list(merged.value("blocks"))
    elif merged.shown("usable"):
        blocks, odd = with_nodes(merged.value("usable"), merged.value("affinity") or ())
        origin = f"{merged.source('usable')}: usable RAM as the kernel cuts it"
        if merged.shown("affinity"):
            origin += f", nodes from {merged.source('affinity')}'s SRAT"
        merged.origins["ranges"] = origin.replace("the SRAT's SRAT", "the SRAT")
        if odd is not None:
            merged.warnings.append(odd)
        blocks += _lost_above(merged, blocks)
    elif merged.shown("cmrs"):
        disjoint = _disjoint(sorted(merged.value("cmrs")))
        blocks = [Block(start, end, _node_of(merged, start)) for start, end in disjoint]
        merged.origins["ranges"] = (
            f"{merged.source('cmrs')}: its CMRs; no source shows the memory ranges"
        )
        merged.warnings.append(
            "the memory ranges are the CMRs: TDMRs and reserved areas may differ from the machine's"
        )
    else:
        blocks = []
        merged.origins["ranges"] = "no source shows the memory"
        merged.warnings.append("no source shows the memory: the description has none")
    if blocks and blocks[-1].end > MAX_PHYSICAL_ADDRESS - SZ_32M:
        raise FirmwareDataError(
            "shows memory where no machine has any",
            file=merged.name,
            detail=f"expected its end 32 MiB below 2^52 or lower, got {blocks[-1].end:#x}",
        )
    if len(blocks) > MAX_RANGES or any(block.node > MAX_NODE for block in blocks):
        raise FirmwareDataError(
            "shows more memory ranges than a description may have",
            file=merged.name,
            detail=f"expected at most {MAX_RANGES} and nodes up to {MAX_NODE}, got {len(blocks)}",
        )
    return tuple(blocks)


def _lost_above(merged: Merged, blocks: list[Block]) -> list[Block]:
    # A map that ends below 4 GiB beside CMRs that do not is one whose rest was left out.
    above = [cmr for cmr in sorted(merged.value("cmrs") or ()) if cmr[0] >= SZ_4G]
    if not above or blocks[-1].end > SZ_4G:
        return []
    merged.warnings.append(
        f"{merged.source('usable')} shows no memory above 4 GiB: the CMRs stand for it"
    )
    return [Block(start, end, _node_of(merged, start)) for start, end in _disjoint(above)]


def _disjoint(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    # Ascending ranges without what overlaps one before.
    last = 0
    for start, end in ranges:
        if end > last:
            yield max(start, last), end
            last = end


def _node_of(merged: Merged, address: int) -> int:
    # A CMR above 4 GiB that begins where no other ends is most often another node's; which is
    # not shown, so the SRAT says or node 0 it is.
    for block in merged.value("affinity") or ():
        if block.start <= address < block.end:
            return int(block.node)
    return 0


def _firmware(merged: Merged, *, assume_tdx: bool) -> bool:
    # Sets the firmware part; whether it is assumed.
    seamrr = merged.value("seamrr")
    keyids = merged.value("keyids")
    if assume_tdx and not (seamrr is Seamrr.ENABLED and keyids):
        merged.origins["firmware"] = "assumed (--assume-tdx), not shown"
        merged.firmware = (Seamrr.ENABLED, _ASSUMED_MKTME, _ASSUMED_TDX)
        return True
    if keyids is not None and 0 < keyids[0] <= keyids[1]:
        start, end = keyids
        merged.origins["firmware"] = f"{merged.source('keyids')}: private KeyID range"
        merged.firmware = (seamrr or Seamrr.ENABLED, start - 1, end - start)
        return False
    if seamrr is not None:
        shown = merged.value("tdx_keyids") or 0
        merged.origins["firmware"] = f"{merged.source('seamrr')}: SEAMRR and the number of KeyIDs"
        total = merged.value("mktme_keyids")
        mktme = max(total - shown, 0) if total is not None else (_ASSUMED_MKTME if shown else 0)
        if total is None and shown:
            merged.origins["firmware"] += "; those of MKTME are not shown"
        merged.firmware = (seamrr, mktme, shown)
        return False
    total = merged.value("mktme_keyids")
    where = merged.source("mktme_keyids") if total is not None else None
    if where is not None:
        merged.origins["firmware"] = f"{where} shows {total} KeyIDs, none of them TDX's"
    elif merged.only is not None:
        merged.origins["firmware"] = f"{merged.only} shows no TDX"
    else:
        merged.origins["firmware"] = "no source shows TDX"
    merged.firmware = (Seamrr.ABSENT, total or 0, 0)
    return False


def _module(merged: Merged) -> ModuleShown | None:
    module = merged.value("module")
    if module is None and merged.firmware[0] is not Seamrr.ENABLED:
        merged.origins["module"] = "where SEAMRR is not enabled there is none"
        return ModuleShown(loaded=False)
    if module is None:
        merged.origins["module"] = "no source shows the TDX module: the default stands"
        return None
    merged.origins["module"] = merged.source("module")
    assert isinstance(module, ModuleShown)
    if module.version is not None and (named := name_release(module)) is not None and named.note:
        merged.warnings.append(named.note)
    return module


def _cmrs(merged: Merged) -> tuple[tuple[int, int], ...] | None:
    cmrs = merged.value("cmrs")
    if not cmrs:
        return None
    merged.origins["cmrs"] = merged.source("cmrs")
    return tuple(cmrs[:MAX_CMRS])
