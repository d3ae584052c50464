# SPDX-License-Identifier: Apache-2.0
"""From a number to what it means: a status, an errno, a leaf, a metadata field."""

from __future__ import annotations

import re

from msgspec.structs import replace

from tdxctl.advice.errnos import ERRNOS
from tdxctl.advice.words import MEANS
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.explain.leaves import leaf_numbered
from tdxctl.explain.statuses import (
    explain_number,
    is_status,
    looks_like_p_seamldrs,
    unknown_status,
)
from tdxctl.explain.terms import MSR_WORDS
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.metadata import NOT_IN_EVERY_RELEASE, Row, bits_of, field_with
from tdxctl.seam.msrs import MSRS
from tdxctl.seam.status import Status
from tdxctl.units import U32_MASK, U64_MASK

#: How people write a leaf's number.
LEAF_NUMBER = re.compile(r"leaf[ :#]*(0[xX][0-9a-fA-F]+|\d+)", re.IGNORECASE)


def number_in(text: str) -> int | None:
    """A number as people and logs write one: hex, 16 digits of it without 0x, or decimal."""
    if re.fullmatch(r"0[xX][0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*", text):
        return int(text.replace("_", ""), 16)
    # A status as logs without 0x have it.
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        return int(text, 16)
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    return None


def of_number(asked: str, number: int, leaf: LeafCode | None) -> Answer:
    """What the number means. leaf: the one that returned it, where that is known."""
    if number < 0:
        try:
            return of_errno(asked, Errno(-number))
        except ValueError:
            return unknown(asked, "")
    if leaf is not None and is_status(number):
        return explain_number(asked, number, leaf)
    if number == Status.TDX_SUCCESS:
        return _nought(asked)
    if (answer := leaf_numbered(asked, number)) is not None:
        return answer if asked.isdecimal() else _or_msr(answer, number)
    if number <= U32_MASK or number > U64_MASK:
        # A kernel's message has an errno with its sign, a person may leave it out.
        near = (f"-{number} ({Errno(number).name})",) if number in set(Errno) else ()
        return Answer(asked, "unknown", asked, (), near)
    if looks_like_p_seamldrs(number) and not is_status(number):
        return unknown_status(asked, number)
    # TDH.SYS.RD takes more numbers than a field's own for its id: some of them are statuses.
    if is_status(number):
        return explain_number(asked, number, leaf)
    field = field_with(number)
    return of_field(asked, *field) if field is not None else unknown_status(asked, number)


def find_leaf(text: str) -> LeafCode | None:
    """A leaf by its name, or a SEAMCALL's by its number: what `look_up` takes as one."""
    number = number_in(text)
    if number is None:
        known = Leaf.__members__.get(text.upper().replace(".", "_"))
        return codes.leaf_named(text) if known is None else _whole(known)
    if number in Leaf.__members__.values():
        return _whole(Leaf(number))
    return next((leaf for leaf in codes.leaves(number) if not leaf.is_of_the_guest), None)


def _whole(leaf: Leaf) -> LeafCode:
    # P-SEAMLDR's are in no table.
    known = codes.leaf_named(leaf.title)
    return LeafCode(name=leaf.title, number=leaf.value) if known is None else known


def _or_msr(answer: Answer, number: int) -> Answer:
    # Some MSRs of TDX have numbers of leaves; the kernel reads the MSR on every host.
    if number not in MSR_WORDS:
        return answer
    msr, said = of_msr(answer.asked, number), dict(answer.lines)
    as_leaf = f"{answer.name}: {said.get('does', '')}".rstrip(": ")
    return replace(msr, lines=(*msr.lines, ("as a leaf", as_leaf)))


def _nought(asked: str) -> Answer:
    # A status, and the number of leaves too.
    answer = explain_number(asked, Status.TDX_SUCCESS, None)
    names = [
        f"{leaf.name} of TDCALL" if leaf.is_of_the_guest else leaf.name for leaf in codes.leaves(0)
    ]
    return replace(answer, lines=(*answer.lines, ("as a leaf", ", ".join(names))))


def of_msr(asked: str, number: int) -> Answer:
    """An MSR by its number."""
    names = (name for name, of_name in MSRS.items() if of_name == number)
    name = next(names, f"MSR {number:#x}")
    words = MSR_WORDS.get(number, "TDH.SYS.INIT and TDH.SYS.LP.INIT look at it.")
    return Answer(asked, "msr", name, (("msr", f"{number:#x}"), (MEANS, words)))


def of_errno(asked: str, errno: Errno) -> Answer:
    """What an errno means where the bring-up returns it."""
    words = ERRNOS.get(errno)
    lines: list[tuple[str, str]] = [("errno", f"-{errno.value}")]
    if words is None:
        lines.append((MEANS, "No kernel's TDX bring-up returns it."))
    else:
        lines += words.pairs
    return Answer(asked, "errno", errno.name, tuple(lines))


def of_field(asked: str, row: Row, index: int | None) -> Answer:
    """A global metadata field. index: of the element that was asked for."""
    first, name, fields, elements, _ = row
    lines = [
        ("field id", f"{first + (index or 0):#018x}"),
        (MEANS, f"A global metadata field of {bits_of(first)} bits, read with TDH.SYS.RD."),
    ]
    if name in NOT_IN_EVERY_RELEASE:
        lines.append(("since", _first_releases_with(name)))
    element = "" if index is None or fields * elements == 1 else f"[{index}]"
    return Answer(asked, "metadata-field", name + element, tuple(lines))


def _first_releases_with(field: str) -> str:
    # The first of each line.
    from tdxctl.seam.releases import releases

    having = [each for each in releases() if field in each.profile.fields]
    first = {each.line: each.version for each in reversed(having)}
    return ", ".join(first[line] for line in sorted(first))


def unknown(asked: str, name: str) -> Answer:
    """That it is not known, with what name is near."""
    import difflib

    statuses = dict.fromkeys([*Status.__members__, *(s.name for s in codes.table().status_codes)])
    leaves = dict.fromkeys(
        [leaf.title for leaf in Leaf] + [leaf.name for leaf in codes.table().leaves]
    )
    names = [*statuses, *Errno.__members__, *leaves]
    if asked.islower():
        from tdxctl.advice.checks import CHECKS

        names += [check.id for check in CHECKS]
    folded = {known.replace(".", "_").upper(): known for known in names}
    near = difflib.get_close_matches(name, folded, n=3) if name else []
    return Answer(asked, "unknown", asked, (), tuple(folded[match] for match in near))
