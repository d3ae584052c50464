# SPDX-License-Identifier: Apache-2.0
"""A root as text: what was written."""

from __future__ import annotations

from tdxctl.rootfs.record import Root
from tdxctl.units import counted


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
