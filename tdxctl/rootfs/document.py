# SPDX-License-Identifier: Apache-2.0
"""A machine's root, and the document that tells of it."""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.machine import Machine
from tdxctl.rootfs.build import root_of
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.not_shown import not_shown
from tdxctl.rootfs.record import Kvm, Root, RootFiles, host_of
from tdxctl.rootfs.tree import Files
from tdxctl.rootfs.write import write_root


class MachineRoot(NamedTuple):
    """The files of a machine's root, and its host.json."""

    files: tuple[Files, ...]
    document: Root

    def write(self, folder: str) -> None:
        """Write all of it into folder. Raises as write_root."""
        write_root(folder, self.files, self.document.render())


def machine_root(machine: Machine) -> MachineRoot:
    """What user space finds on a machine as it is now."""
    files = root_of(machine)
    host, state = Host(machine), machine.kvm
    return MachineRoot(
        files,
        Root(
            machine=machine.name,
            kernel=machine.kernel_id.id,
            uname=host.uname,
            status=machine.status,
            kvm=Kvm(
                loaded=host.kvm_is_loaded,
                tdx=None if state is None else state.tdx,
                capacity=None if state is None else state.capacity,
            ),
            host=None if state is None else host_of(state.verdict),
            not_shown=not_shown(machine),
            files=tuple(
                RootFiles(part.pattern, len(part.entries), part.says, part.facts, part.taken)
                for part in files
            ),
        ),
    )
