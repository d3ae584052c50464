# SPDX-License-Identifier: Apache-2.0
"""What programs find of TDX on a host, as lines and as a part of `tdxctl.diagnosis/1`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from tdxctl.diagnose.signals import Says, Signals
from tdxctl.document import one_of
from tdxctl.report.prose import BAD, GOOD, WARN, Line
from tdxctl.units import printable


class SignalShown(Struct, frozen=True):
    """A thing that programs look at; misleads: it says otherwise than the host is left with."""

    name: str
    shows: str
    says: Annotated[str, one_of(*(each.value for each in Says))]
    misleads: bool
    why: str


class HostShown(Struct, frozen=True):
    """Whether TDs can run on the host, what says so, its signals, and what could not be read."""

    ready: bool
    because: str
    signals: tuple[SignalShown, ...]
    unread: tuple[str, ...]


def host_shown(signals: Signals, unread: tuple[str, ...]) -> HostShown:
    """The same as records of a document."""
    return HostShown(
        signals.ready,
        signals.because,
        tuple(
            SignalShown(each.name, each.shows, each.says.value, each.misleads, each.why)
            for each in signals.signals
        ),
        unread,
    )


def to_lines(host: HostShown) -> list[Line]:
    """What the host is left with, a line for each signal, and what could not be read."""
    word = "can" if host.ready else "cannot"
    lines = [Line(""), Line(f"TDs {word} run: {host.because}", GOOD if host.ready else BAD)]
    lines += [Line("what programs find:", label="  ")]
    name = max((len(each.name) for each in host.signals), default=0)
    shows = max((len(printable(each.shows)) for each in host.signals), default=0)
    for each in host.signals:
        verdict = "misleads" if each.misleads else "" if each.says == Says.SILENT else "right"
        text = f"{each.says:<6}  {verdict:<8}  {each.why if each.misleads else ''}".rstrip()
        label = f"    {each.name:<{name}}  {printable(each.shows):<{shows}}  "
        lines.append(Line(text, WARN if each.misleads else "", label))
    lines += [Line(each, WARN, "note: ") for each in host.unread]
    return lines
