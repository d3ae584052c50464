# SPDX-License-Identifier: Apache-2.0
"""A root: what each of its files says, and from which fact of the machine it comes."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tdxctl.document import Count, Document
from tdxctl.report.hosts import Host
from tdxctl.units import counted


class RootFiles(Struct, frozen=True, rename={"facts": "from"}):
    """Files that say one thing, of one CPU, node or block each.

    path: of each, `*` standing for its number. from: paths of the description, and what the
    bring-up left. taken: what is not described and is taken to be so; null where nothing is.
    """

    path: str
    count: Count
    says: str
    facts: tuple[str, ...]
    taken: str | None


class Kvm(Struct, frozen=True):
    """kvm_intel: whether it is loaded, its parameter tdx, and the line tdx of misc.capacity.

    null where there is no such parameter, or no such line.
    """

    loaded: bool
    tdx: bool | None
    capacity: Count | None


class Root(Document, frozen=True, tag="tdxctl.root/1"):
    """host.json of a root: the machine, and what its files say.

    host: what the load of kvm_intel left, null where it knows no TDX. not_shown: path of the
    description -> value, of what no file of a host shows for sure.
    """

    machine: str
    kernel: str
    uname: str
    status: str
    kvm: Kvm
    host: Host | None
    not_shown: dict[str, Any]
    files: tuple[RootFiles, ...]


def to_text(root: Root, folder: str) -> str:
    """What was written, a few lines."""
    total = sum(part.count for part in root.files) + 1
    tdx = {None: "has no parameter tdx", True: "tdx=Y", False: "tdx=N"}[root.kvm.tdx]
    kvm = f"loaded, {tdx}" if root.kvm.loaded else "not loaded, no /dev/kvm"
    capacity = "no line tdx" if root.kvm.capacity is None else f"tdx {root.kvm.capacity}"
    rows = (
        ("machine", f"{root.machine}, kernel {root.kernel} (uname -r: {root.uname})"),
        ("module", root.status),
        ("kvm_intel", kvm),
        ("misc.capacity", capacity),
        ("host", root.host.text if root.host is not None else "KVM of this kernel asks for no TDX"),
        ("files", f"{counted(total, 'file')}; host.json says what each tells, and from what"),
    )
    width = max(len(name) for name, _ in rows)
    lines = [f"{name + ':':<{width + 1}}  {value}" for name, value in rows]
    return "\n".join([f"root in {folder}", *(f"  {line}" for line in lines)])
