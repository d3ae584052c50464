# SPDX-License-Identifier: Apache-2.0
"""host.json of a root: what each of its files says, and from which fact of the machine it comes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from tdxctl.document import Count, Document, one_of
from tdxctl.errnos import errno_name
from tdxctl.verdicts import IDS, HostVerdict, KvmDoesNotLoad, ReadyToRunTds


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


class Host(Struct, frozen=True):
    """What the load of kvm_intel leaves the host with, in a word and in words.

    tds: how many can run. errno: of a load that failed. hint: what helps for now.
    """

    verdict: Annotated[str, one_of(*IDS)]
    tds: Count
    errno: str | None
    text: str
    hint: str | None


def host_of(verdict: HostVerdict | None) -> Host | None:
    """The verdict with its words; None where kvm_intel does not know TDX, or was not loaded."""
    if verdict is None:
        return None
    # Every machine's status is stored, and most kernels give no verdict.
    from tdxctl.advice.hosts import explain_host

    words = explain_host(verdict)
    return Host(
        verdict=verdict.id,
        tds=verdict.tds if isinstance(verdict, ReadyToRunTds) else 0,
        errno=errno_name(-verdict.errno) if isinstance(verdict, KvmDoesNotLoad) else None,
        text=words.line,
        hint=words.to_do,
    )


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
