# SPDX-License-Identifier: Apache-2.0
"""What a host is left with, as text and as JSON documents have it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from tdxctl.advice.hosts import explain_host
from tdxctl.advice.words import HOST
from tdxctl.document import Count, one_of
from tdxctl.errnos import errno_name
from tdxctl.verdicts import (
    HostVerdict,
    KvmDoesNotLoad,
    NoCapacity,
    ReadyToRunTds,
    TdxOff,
)

_IDS = [verdict.id for verdict in (ReadyToRunTds, TdxOff, KvmDoesNotLoad, NoCapacity)]


class Host(Struct, frozen=True):
    """What the load of kvm_intel leaves the host with, in a word and in words.

    tds: how many can run. errno: of a load that failed. hint: what helps for now.
    """

    verdict: Annotated[str, one_of(*_IDS)]
    tds: Count
    errno: str | None
    text: str
    hint: str | None


def host_of(verdict: HostVerdict | None) -> Host | None:
    """The verdict with its words; None where kvm_intel does not know TDX, or was not loaded."""
    if verdict is None:
        return None
    words = explain_host(verdict)
    return Host(
        verdict=verdict.id,
        tds=verdict.tds if isinstance(verdict, ReadyToRunTds) else 0,
        errno=errno_name(-verdict.errno) if isinstance(verdict, KvmDoesNotLoad) else None,
        text=words.line,
        hint=words.to_do,
    )


def host_line(verdict: HostVerdict) -> str:
    """The verdict as a line of text."""
    return f"{HOST}:  {explain_host(verdict).line}"
