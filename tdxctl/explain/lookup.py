# SPDX-License-Identifier: Apache-2.0
"""From what a person pastes to what it means: codes, names, checks, lines of a kernel's log."""

from __future__ import annotations

import re

from msgspec import Struct

from tdxctl.advice.checks import CHECKS, Check, find_check
from tdxctl.advice.errnos import ERRNOS
from tdxctl.advice.statuses import STATUSES
from tdxctl.advice.words import MEANS, TO_DO
from tdxctl.errnos import Errno
from tdxctl.explain.leaves import LEAVES, returned_by
from tdxctl.messages.bring_up import INITIALIZATION_FAILED
from tdxctl.messages.reading import Found, read
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status, base_status, status_details
from tdxctl.units import U32_MASK, U64_MASK

_CLASSES = {
    0x0: "general",
    0x1: "operand",
    0x2: "busy or resource",
    0x3: "page metadata",
    0x4: "dependent resources",
    0x5: "system state",
    0x6: "TD state",
    0x7: "VCPU state",
    0x8: "key management",
    0x9: "platform",
    0xA: "physical memory",
    0xB: "EPT",
    0xC: "metadata",
    0xD: "service TD",
    0xE: "migration",
}
_OF_THE_DISPATCHER = frozenset({Status.TDX_SYS_NOT_READY, Status.TDX_SYS_SHUTDOWN})
# "reserved bits (31:24, 49:47, 55, 62), last-element bits 37:34 and last-field bits 46:38 must be
# 0"
_NOT_A_FIELD_ID = 0xFF << 24 | 0x7 << 47 | 1 << 55 | 1 << 62 | 0xF << 34 | 0x1FF << 38
# Bits 63:32 of P-SEAMLDR's statuses.
_OF_P_SEAMLDR = 0x80000000
# Larger numbers are statuses or field ids, smaller ones leaves.
_LARGEST_LEAF = 0xFFFF


class Answer(Struct, frozen=True):
    """What something is: kind, name, lines.

    kind: status, errno, leaf, metadata-field, check, log-line, unknown.

    lines are (label, text) pairs; nearest holds names that look alike, for what is unknown.
    """

    asked: str
    kind: str
    name: str
    lines: tuple[tuple[str, str], ...]
    nearest: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there are words for it."""
        return self.kind != "unknown"


def look_up(asked: str) -> Answer:
    """The meaning of a number in hex or decimal, a name, a check's id, or a line of a log."""
    text = asked.strip().rstrip(".,;:")
    if (check := find_check(text.lower())) is not None:
        return _check(asked, check)
    if " " in text and (found := read(text)):
        return _log_line(asked, found[0])
    number = _number(text)
    if number is not None:
        return _of_number(asked, number)
    name = text.upper().replace(".", "_")
    for candidate in (name, f"TDX_{name}"):
        if candidate in Status.__members__:
            return _status(asked, int(Status[candidate]))
    if name.lstrip("-") in Errno.__members__:
        return _errno(asked, Errno[name.lstrip("-")])
    for candidate in (name, f"TDH_{name}"):
        if candidate in Leaf.__members__:
            return _leaf(asked, Leaf[candidate])
    field = _field_by_name(asked, name)
    return field if field is not None else _unknown(asked, name)


def _number(text: str) -> int | None:
    if re.fullmatch(r"0[xX][0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*", text):
        return int(text.replace("_", ""), 16)
    # A status as logs without 0x have it.
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        return int(text, 16)
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    return None


def _of_number(asked: str, number: int) -> Answer:
    if number < 0:
        try:
            return _errno(asked, Errno(-number))
        except ValueError:
            return _unknown(asked, "")
    if number in Leaf.__members__.values():
        return _leaf(asked, Leaf(number))
    if number == Status.TDX_SUCCESS:
        return _status(asked, number)
    if number <= _LARGEST_LEAF:
        # A kernel's message has an errno with its sign, a person may leave it out.
        near = (f"-{number} ({Errno(number).name})",) if number in set(Errno) else ()
        return Answer(asked, "unknown", asked, (), near)
    if number <= U32_MASK or number > U64_MASK:
        return _unknown(asked, "")
    if number >> 32 == _OF_P_SEAMLDR and base_status(number) is None:
        return _unknown_status(asked, number)
    field = _field_by_id(asked, number)
    if base_status(number) is not None:
        return _status(asked, number, exact=True)
    return field if field is not None else _unknown_status(asked, number)


def _status(asked: str, status: int, *, exact: bool = False) -> Answer:
    # exact: a value that was returned, whose details of 0 mean something.
    base = base_status(status)
    assert base is not None
    words, details = STATUSES[base], status_details(status)
    lines = [("status", f"{status:#x}")]
    if details is not None and (exact or status != base):
        lines.append(("details", details))
    lines += _bits(status)
    leaves = ", ".join(leaf.title for leaf in returned_by(base))
    if base in _OF_THE_DISPATCHER:
        leaves = "the module's dispatcher, whatever the leaf"
    if leaves:
        lines.append(("returned by", leaves))
    lines += words.pairs
    return Answer(asked, "status", base.name, tuple(lines))


def _bits(status: int) -> list[tuple[str, str]]:
    # What bits 63:32 say, whatever the code.
    if status >> 32 == _OF_P_SEAMLDR:
        return [("class", "P-SEAMLDR's; error")]
    if status in (Status.VMFAILINVALID, Status.GP, Status.UD):
        return [("class", "made by Linux: the SEAMCALL did not get through")]
    error = "error" if status >> 63 else "not an error"
    recoverable = ", not recoverable" if status >> 62 & 1 else ", recoverable"
    kind = _CLASSES.get(status >> 40 & 0xFF, "unknown")
    return [("class", f"{kind}; {error}{recoverable if status >> 63 else ''}")]


def _errno(asked: str, errno: Errno) -> Answer:
    words = ERRNOS.get(errno)
    lines: list[tuple[str, str]] = [("errno", f"-{errno.value}")]
    if words is None:
        lines.append((MEANS, "No kernel's TDX bring-up returns it."))
    else:
        lines += words.pairs
    return Answer(asked, "errno", errno.name, tuple(lines))


def _leaf(asked: str, leaf: Leaf) -> Answer:
    words = LEAVES[leaf]
    lines = [("leaf", f"{leaf.value:#x} ({leaf.value})"), ("does", words.purpose)]
    if words.returns:
        lines.append(("returns", ", ".join(status.name for status in words.returns)))
    if (status := base_status(leaf)) is not None and int(status) == int(leaf):
        # P-SEAMLDR's leaves and statuses share numbers.
        also = STATUSES[status]
        lines.append(("also", f"the status {status.name}: {also.means} To do: {also.to_do}"))
    return Answer(asked, "leaf", leaf.title, tuple(lines))


def _field_by_id(asked: str, field_id: int) -> Answer | None:
    from tdxctl.seam.metadata import FIELDS

    if field_id & _NOT_A_FIELD_ID:
        return None
    code = field_id & (0x3F << 56 | 0xFFFFFF)
    for first, name, fields, elements, _ in FIELDS:
        index = code - (first & (0x3F << 56 | 0xFFFFFF))
        if 0 <= index < fields * elements:
            return _field(asked, first, name, index if fields * elements > 1 else None)
    return None


def _field_by_name(asked: str, name: str) -> Answer | None:
    from tdxctl.seam.metadata import FIELDS

    for first, field, _, _, _ in FIELDS:
        if field == name:
            return _field(asked, first, field, None)
    return None


def _field(asked: str, first: int, name: str, index: int | None) -> Answer:
    bits = 8 << (first >> 32 & 3)
    element = "" if index is None else f"[{index}]"
    lines = (
        ("field id", f"{first + (index or 0):#018x}"),
        (MEANS, f"A global metadata field of {bits} bits, read with TDH.SYS.RD."),
    )
    return Answer(asked, "metadata-field", name + element, lines)


def _check(asked: str, check: Check) -> Answer:
    lines = [("checks that", check.title), ("looks at", check.looks_at)]
    if check.parent is not None:
        lines.append(("after", check.parent))
    for cause in check.causes:
        lines += [("cause", cause.and_how_often), (TO_DO, cause.to_do)]
    return Answer(asked, "check", check.id, tuple(lines))


def _log_line(asked: str, found: Found) -> Answer:
    # Codes in it are explained too.
    message, fields = found.message, found.fields
    lines = [(MEANS, message.meaning)]
    if message is INITIALIZATION_FAILED and (errno := abs(int(fields["errno"]))) in set(Errno):
        answer = _errno(asked, Errno(errno))
        lines += [("returned", f"-{answer.name}"), *answer.lines[1:]]
    if message.check is not None and not message.is_harmless:
        lines.append(("check", f"{message.check}; `tdxctl explain {message.check}` has causes"))
    leaf, status = int(fields.get("leaf", 0)), int(fields.get("status", 0))
    if leaf in Leaf.__members__.values():
        lines.append(("leaf", Leaf(leaf).title))
    if status and base_status(status) is not None:
        answer = _status(asked, status, exact=True)
        lines.append(("status", f"{answer.name}, {status:#x}"))
        lines += [(label, text) for label, text in answer.lines if label in _OF_A_STATUS]
    return Answer(asked, "log-line", message.id, tuple(lines))


_OF_A_STATUS = ("details", MEANS, TO_DO)


def _unknown_status(asked: str, number: int) -> Answer:
    kind = _CLASSES.get(number >> 40 & 0xFF)
    lines = [("looks like", "a SEAMCALL status" if number >> 63 or kind else "a number")]
    if number >> 63:
        lines += _bits(number)
    near = sorted(Status, key=lambda status: abs(int(status) - number))[:3]
    return Answer(asked, "unknown", f"{number:#x}", tuple(lines), tuple(s.name for s in near))


def _unknown(asked: str, name: str) -> Answer:
    import difflib

    names = [*Status.__members__, *Errno.__members__, *(leaf.title for leaf in Leaf)]
    if asked.islower():
        names += [check.id for check in CHECKS]
    folded = {known.replace(".", "_").upper(): known for known in names}
    near = difflib.get_close_matches(name, folded, n=3) if name else []
    return Answer(asked, "unknown", asked, (), tuple(folded[match] for match in near))
