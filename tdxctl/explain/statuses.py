# SPDX-License-Identifier: Apache-2.0
"""A SEAMCALL's or TDCALL's completion status in words, also as the answer of one leaf."""

from __future__ import annotations

from tdxctl.advice.statuses import STATUSES, explain_status
from tdxctl.explain.answer import Answer
from tdxctl.explain.leaves import of_leaf, purpose
from tdxctl.seam.codes import LeafCode, StatusCode, operand, statuses, statuses_named, table
from tdxctl.seam.returned import returned_by, returns
from tdxctl.seam.status import (
    Status,
    base_code,
    base_status,
    operand_name,
    operand_of,
    status_details,
    status_name,
)

_OF_THE_DISPATCHER = frozenset({Status.TDX_SYS_NOT_READY, Status.TDX_SYS_SHUTDOWN})
_WHOSE_STATUSES_ARE_KNOWN = "TDH.SYS."
# Bits 63:32 of P-SEAMLDR's statuses.
_OF_P_SEAMLDR = 0x80000000


def looks_like_p_seamldrs(number: int) -> bool:
    """Whether bits 63:32 are those of a status of P-SEAMLDR."""
    return number >> 32 == _OF_P_SEAMLDR


def is_status(number: int) -> bool:
    """Whether a number that something returned is a status."""
    return base_code(number) is not None and (number == 0 or number >> 32 != 0)


def status_named(asked: str, name: str, leaf: LeafCode | None) -> Answer | None:
    """The status of that name, `TDX_` optional, or what Linux calls it."""
    for candidate in (name, f"TDX_{name}", name.removeprefix("TDX_SEAMCALL_")):
        if candidate in Status.__members__:
            return explain_number(asked, int(Status[candidate]), leaf, exact=False)
    for code in statuses_named(name):
        return explain_number(asked, code.number, leaf, exact=False, name=code.name)
    return None


def explain_number(
    asked: str, status: int, leaf: LeafCode | None, *, exact: bool = True, name: str | None = None
) -> Answer:
    """A status that is known. exact: a value that was returned, whose details of 0 mean something.

    leaf: that returned it, where that is known. name: the one that was asked for.
    """
    codes = statuses(status) if base_status(status) not in _OF_NO_MODULE else ()
    name = status_name(status) if name is None else name
    lines = [("status", f"{status:#x}")]
    details = status_details(status)
    if details is not None and (exact or status != base_code(status)):
        lines.append(("details", details))
        lines += _operand(status, leaf)
    lines.append(("class", class_of(status)))
    code = next((code for code in codes if code.name == name), None)
    if code is not None and (since := code.first_seen) is not None:
        lines.append(("since", since))
    if code is not None and code.side == "guest":
        lines.append(("side", "the guest's: leaves that a TD calls (TDG.*) return it"))
    lines += _returned_by(status, leaf)
    lines += explain_status(status).pairs
    if also := _other_codes(name, codes):
        lines.append(("also", also))
    return Answer(asked, "status", name, tuple(lines))


#: Not in the module's table: P-SEAMLDR's, and what Linux makes of a SEAMCALL without an answer.
_OF_NO_MODULE = frozenset(
    status for status in Status if not status.name.startswith(("TDX_", "TD_"))
)


def class_of(status: int) -> str:
    """What bits 63:32 say, whatever the code."""
    if looks_like_p_seamldrs(status):
        return "P-SEAMLDR's; error"
    if status in (Status.VMFAILINVALID, Status.GP, Status.UD):
        return "made by Linux: the SEAMCALL did not get through"
    classes, number = table().status_classes, status >> 40 & 0xFF
    kind = classes[number] if number < len(classes) else "unknown"
    error, not_recoverable, fatal = (status >> bit & 1 for bit in (63, 62, 61))
    words = ["error" if error else "not an error"] if error or not not_recoverable else []
    if error or not_recoverable:
        words.append("not recoverable" if not_recoverable else "recoverable")
    if fatal:
        words.append("fatal")
    return f"{kind}; {', '.join(words)}"


def _operand(status: int, leaf: LeafCode | None) -> list[tuple[str, str]]:
    # What the operand is that is refused; of a register only its leaf can say it.
    number = operand_of(status)
    if number is None:
        return []
    name, known = operand_name(number), operand(number)
    what = known.what if known is not None else ""
    if leaf is not None and name in leaf.inputs:
        what = f"{leaf.inputs[name]}, as {leaf.name} takes it"
    return [("operand", f"{name} ({number}): {what}")] if what else []


def _returned_by(status: int, leaf: LeafCode | None) -> list[tuple[str, str]]:
    base = base_status(status)
    if leaf is not None:
        lines = [("leaf", f"{leaf.name} ({leaf.number}): {purpose(leaf)}")]
        known = of_leaf(leaf)
        own = returns(known) if known is not None else ()
        general = {Status.TDX_SUCCESS, Status.TDX_OPERAND_INVALID, *_OF_THE_DISPATCHER}
        is_whole = leaf.name.startswith(_WHOSE_STATUSES_ARE_KNOWN)
        if is_whole and base not in {*own, *general, *_OF_NO_MODULE}:
            lines.append(("note", f"no status that {leaf.name} is known to return"))
        return lines
    if base is None:
        return []
    if base in _OF_THE_DISPATCHER:
        return [("returned by", "the module's dispatcher, whatever the leaf")]
    leaves = ", ".join(leaf.title for leaf in returned_by(base))
    return [("returned by", leaves)] if leaves else []


def _other_codes(name: str, codes: tuple[StatusCode, ...]) -> str:
    # Other names of the number, and other numbers of the name: releases differ.
    names = [f"{code.name} in {', '.join(code.in_2_0)}" for code in codes if code.name != name]
    numbers = [
        f"{code.number:#x} in {', '.join(code.in_2_0)}"
        for code in (statuses_named(name) if codes else ())
        if code.name == name and code.number not in {known.number for known in codes}
    ]
    return "; ".join(names + numbers)


def unknown_status(asked: str, number: int) -> Answer:
    """A number that is none of the table's, by what its bits say."""
    looks_like_one = number >> 63 or (number >> 40 & 0xFF) < len(table().status_classes)
    lines = [("looks like", "a SEAMCALL status" if looks_like_one else "a number")]
    if number >> 63:
        lines.append(("class", class_of(number)))
    known = {code.number: code.name for code in table().status_codes}
    known |= {int(status): status.name for status in STATUSES}
    near = sorted(known, key=lambda status: abs(status - number))[:3]
    return Answer(
        asked, "unknown", f"{number:#x}", tuple(lines), tuple(known[status] for status in near)
    )
