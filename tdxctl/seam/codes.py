# SPDX-License-Identifier: Apache-2.0
"""Every status, operand and leaf of the TDX module by name and number.

The table is `data/codes.json`: names and numbers of the published releases' headers, more of them
than the bring-up meets. It is read when it is first asked.
"""

from __future__ import annotations

import os
from functools import cache

import msgspec
from msgspec import Struct

PATH = os.path.join(os.path.dirname(__file__), "data", "codes.json")

_DETAILS = 0xFFFFFFFF
_OLDEST, _OF_2_0 = "1.5.01", ("2.0.08", "2.0.18")


class Code(Struct, frozen=True, kw_only=True):
    """A name and the releases that have it.

    since: the oldest of the 1.5 line, None where none has it. in_2_0: those of 2.0 that were
    looked at.
    """

    name: str
    since: str | None = _OLDEST
    in_2_0: tuple[str, ...] = _OF_2_0

    @property
    def first_seen(self) -> str | None:
        """The releases that it came with; None where every release has it."""
        if self.since == _OLDEST:
            return None
        if self.since is None and not self.in_2_0:
            return "in no published module"
        if self.since is None:
            alone = "alone" if _OF_2_0[-1] not in self.in_2_0 else "not in 1.5"
            return f"{self.in_2_0[0]}, {alone}"
        return ", ".join((self.since, *self.in_2_0[:1]))


class StatusCode(Code, frozen=True):
    """A status without its details.

    details: what bits 31:0 are, `operand` or `level`. side: `guest` where only leaves that a TD
    calls return it. means: a sentence, empty where the advice has it.
    """

    value: str
    details: str = ""
    side: str = ""
    means: str = ""

    @property
    def number(self) -> int:
        """The 64 bits."""
        return int(self.value, 16)


class OperandCode(Code, frozen=True):
    """An operand's id and what it is; empty for a register."""

    number: int
    what: str = msgspec.field(name="is", default="")


class LeafCode(Code, frozen=True, kw_only=True):
    """A leaf of SEAMCALL, or of TDCALL, which a TD calls.

    does: a sentence, empty where `explain` has it. inputs: what registers hold.
    """

    in_2_0: tuple[str, ...] = _OF_2_0[-1:]
    number: int
    does: str = ""
    inputs: dict[str, str] = {}

    @property
    def is_of_the_guest(self) -> bool:
        """Whether a TD calls it."""
        return self.name.startswith("TDG.")


class _Table(Struct, frozen=True):
    status_classes: tuple[str, ...]
    status_codes: tuple[StatusCode, ...]
    operands: tuple[OperandCode, ...]
    seamcall_leaves: tuple[LeafCode, ...]
    leaves_of_linux: tuple[LeafCode, ...]
    tdcall_leaves: tuple[LeafCode, ...]

    @property
    def leaves(self) -> tuple[LeafCode, ...]:
        return (*self.seamcall_leaves, *self.leaves_of_linux, *self.tdcall_leaves)


@cache
def table() -> _Table:
    """All of it."""
    with open(PATH, "rb") as file:
        return msgspec.json.decode(file.read(), type=_Table)


@cache
def _statuses() -> dict[int, tuple[StatusCode, ...]]:
    by_number: dict[int, tuple[StatusCode, ...]] = {}
    for code in table().status_codes:
        # What newer releases call it comes first.
        by_number[code.number] = (code, *by_number.get(code.number, ()))
    return by_number


def statuses(status: int) -> tuple[StatusCode, ...]:
    """The codes that a 64-bit status is, details ignored: names of one number, the newest first."""
    known = _statuses()
    return known.get(status) or known.get(status & ~_DETAILS, ())


def statuses_named(name: str) -> tuple[StatusCode, ...]:
    """The codes of that name, `TDX_` optional: one number or, by release, several; newest first."""
    names = (name, f"TDX_{name}")
    return tuple(code for code in table().status_codes if code.name in names)


def operand(number: int) -> OperandCode | None:
    """The operand with that id."""
    return next((each for each in table().operands if each.number == number), None)


def operand_named(name: str) -> OperandCode | None:
    """The operand of that name."""
    return next((each for each in table().operands if each.name == name), None)


def leaves(number: int) -> tuple[LeafCode, ...]:
    """The leaves with that number: the host's, those that only Linux has, the guest's."""
    return tuple(leaf for leaf in table().leaves if leaf.number == number)


def leaf_named(name: str) -> LeafCode | None:
    """The leaf of that name, with dots or underscores, `TDH.` optional."""
    dotted = name.upper().replace("_", ".")
    names = (dotted, f"TDH.{dotted}")
    return next((leaf for leaf in table().leaves if leaf.name in names), None)
