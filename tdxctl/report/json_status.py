# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.status/1`: what a machine's kernel knows, as it is stored and printed."""

from __future__ import annotations

from msgspec import Struct, field

from tdxctl.document import ByNode, Count, Document
from tdxctl.errnos import errno_name
from tdxctl.events import MachineSummary
from tdxctl.report.evidence import Module, module_of
from tdxctl.report.hosts import Host, host_of
from tdxctl.report.json_init import Failure, by_node, failure_of


class Cpus(Struct, frozen=True):
    """Logical CPUs, and slots of the MADT that are not enabled."""

    present: Count
    online: Count
    disabled: Count


class KeyIds(Struct, frozen=True):
    """The global KeyID, null while TDX is not enabled, and how many are left for guests."""

    of_module: int | None = field(name="global")
    guest: Count


class Tdmrs(Struct, frozen=True):
    """How many TDMRs there are, of how many that the module takes."""

    used: Count
    max: Count


class PamtBytes(Struct, frozen=True):
    """What the PAMTs cost."""

    bytes: Count
    by_node: ByNode


class Status(Document, frozen=True, tag="tdxctl.status/1"):
    """What a machine's kernel knows; tdxctl is the version that booted the machine."""

    tdxctl: str
    machine: str
    kernel: str
    status: str
    calls: Count
    returned: int | None
    errno: str | None
    cpus: Cpus
    module: Module
    keyids: KeyIds
    tdmrs: Tdmrs
    pamt: PamtBytes
    host: Host | None
    failure: Failure | None


def to_dict(summary: MachineSummary, tdxctl: str) -> dict[str, object]:
    """The summary as tdxctl.status/1 has it; tdxctl is the version that booted the machine."""
    last = summary.last
    return Status(
        tdxctl=tdxctl,
        machine=summary.machine,
        kernel=summary.kernel,
        status=summary.status,
        calls=summary.calls,
        returned=None if last is None else last.returned,
        errno=None if last is None else errno_name(last.returned),
        cpus=Cpus(summary.cpus_present, summary.cpus_online, summary.cpus_disabled),
        module=module_of(summary.module, loaded=summary.module_loaded),
        keyids=KeyIds(summary.global_keyid, summary.guest_keyids),
        tdmrs=Tdmrs(len(summary.tdmrs), summary.max_tdmrs),
        pamt=PamtBytes(summary.pamt.total, by_node(summary.pamt.by_node)),
        host=host_of(summary.kvm.verdict if summary.kvm is not None else None),
        failure=failure_of(last.failure if last is not None else summary.boot_failure),
    ).to_dict()
