# SPDX-License-Identifier: Apache-2.0
"""From what a person pastes to what it means: codes, names, checks, lines of a kernel's log."""

from __future__ import annotations

import re

from msgspec.structs import replace

from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.advice.checks import CHECKS, Check, find_check
from tdxctl.advice.errnos import ERRNOS
from tdxctl.advice.setups import option_named
from tdxctl.advice.words import MEANS, TO_DO
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.explain.leaves import leaf_named, leaf_numbered
from tdxctl.explain.other_lines import find_line
from tdxctl.explain.statuses import (
    explain_number,
    is_status,
    looks_like_p_seamldrs,
    status_named,
    unknown_status,
)
from tdxctl.explain.term import Term
from tdxctl.explain.terms import MSR_WORDS, find_term
from tdxctl.messages.bring_up import INITIALIZATION_FAILED
from tdxctl.messages.reading import Found, read
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode, OperandCode
from tdxctl.seam.leaves import Leaf, leaf_title
from tdxctl.seam.metadata import (
    NOT_IN_EVERY_RELEASE,
    Row,
    bits_of,
    field_named,
    field_with,
)
from tdxctl.seam.msrs import MSRS
from tdxctl.seam.status import Status
from tdxctl.units import U32_MASK, U64_MASK

# How people write a leaf's number.
_LEAF_NUMBER = re.compile(r"leaf[ :#]*(0[xX][0-9a-fA-F]+|\d+)", re.IGNORECASE)
_ERRNO = re.compile(r"(?:errno|error|err|ret|code|failed)[ :=(]+-?(\d{1,3})\)?", re.IGNORECASE)
_STATUS = re.compile(r"(?:status|error|err|code)[ :=]+((?:0x)?[0-9a-f]{9,16})", re.IGNORECASE)
# A status without the half that is details.
_UPPER_HALF = re.compile(r"(?:0x)?([c84][0-9a-f]{7})", re.IGNORECASE)
_END_OF_A_LEAF = re.compile(r"[A-Za-z]+(?:[._][A-Za-z]+)+")
_HEX_H = re.compile(r"[0-9a-fA-F]{1,8}[hH]")
_MSR_WORD = re.compile(r"^(?:MSR_|MSR\b)[ :#]*", re.IGNORECASE)
# What may stand before a word of the field.
_PREFIX = re.compile(
    r"^(?:(?:virt/)?tdx: |kvm_intel: |x86/|the |an? |Intel(?:'s|\(R\))? |X86_FEATURE_|X86_BUG_|MSR_"
    r"|IA32_|TDX )",
    re.IGNORECASE,
)
# quote3_error_t's, and those that the quote generation service sends.
_OF_ATTESTATION = frozenset({*range(0xE001, 0xE200), *range(0x11001, 0x11100)})
# Larger numbers are statuses or field ids, smaller ones leaves.
_LARGEST_LEAF = 0xFFFF
# What a line of any program says of a SEAMCALL: a leaf's name, and a status.
_LEAF_NAME = re.compile(r"\b(?:TD[HG]|tdh|tdg)(?:[._][A-Za-z0-9]+)+")
_STATUS_NUMBER = re.compile(r"\b(?:0[xX][0-9a-fA-F]{9,16}|[0-9a-fA-F]{16})\b")


def look_up(asked: str, leaf: LeafCode | None = None) -> Answer:
    """The meaning of a number in hex or decimal, a name, a word, a check's id, or a line of a log.

    leaf: the one that returned it, where that is known. A word that is a check's id or an operand
    too has what it means as its first line.
    """
    text = asked.strip().rstrip(".,;:")
    answer = _known(asked, text, leaf)
    if answer.kind in ("check", "operand", "metadata-field"):
        term = find_term(text)
        return answer if term is None else replace(answer, lines=(_term_line(term), *answer.lines))
    if answer.known:
        return answer
    for other in _other_spellings(text):
        if (spelt := _known(asked, other, leaf)).known:
            return spelt
    return _in_words(asked, text) or _in_words(asked, _without_prefix(text)) or answer


def _other_spellings(text: str) -> tuple[str, ...]:
    # How people write what has another name in the tables.
    if (errno := _ERRNO.fullmatch(text)) is not None:
        return (f"-{errno[1]}",)
    if (status := _STATUS.fullmatch(text)) is not None:
        return (status[1],)
    if (upper_half := _UPPER_HALF.fullmatch(text)) is not None:
        return (f"0x{upper_half[1]}00000000",)
    if _END_OF_A_LEAF.fullmatch(text):
        return f"TDH.{text}", f"TDH.SYS.{text}"
    return ()


def _known(asked: str, text: str, leaf: LeafCode | None) -> Answer:
    # Of what has a table of its own.
    if (check := find_check(text.lower())) is not None:
        return _check(asked, check)
    if " " in text and (found := read(text)):
        return _log_line(asked, found[0], leaf)
    if " " in text and (answer := _any_line(asked, text, leaf)) is not None:
        return answer
    if (match := _LEAF_NUMBER.fullmatch(text)) is not None:
        text = match[1]
    number = _number(text)
    if number is not None:
        return _of_number(asked, number, leaf)
    name = text.upper().replace(".", "_")
    if (answer := status_named(asked, name, leaf)) is not None:
        return answer
    if name.lstrip("-") in Errno.__members__:
        return _errno(asked, Errno[name.lstrip("-")])
    if (answer := leaf_named(asked, name)) is not None:
        return answer
    if (field := field_named(name)) is not None:
        return _field(asked, field, None)
    operand = codes.operand_named(name)
    return _operand(asked, operand) if operand is not None else _unknown(asked, name)


def _in_words(asked: str, text: str) -> Answer | None:
    # A word of the field, an MSR, an option of a BIOS, a line of another program.
    if (term := find_term(text)) is not None:
        lines = [(MEANS, term.means)]
        if term.to_do is not None:
            lines.append((TO_DO, term.to_do))
        return Answer(asked, "term", term.name, tuple(lines))
    if (msr := _msr(text)) is not None:
        return _of_msr(asked, msr)
    if (option := option_named(text)) is not None:
        setting, name = option
        lines = [(MEANS, setting.means), (TO_DO, SET_UP_THE_BIOS)]
        return Answer(asked, "bios-option", name, tuple(lines))
    if (line := find_line(text)) is not None:
        return Answer(asked, "line", line.id, ((MEANS, line.means), (TO_DO, line.to_do)))
    if (number := _number(text)) is not None and number in _OF_ATTESTATION:
        means = (
            "No status of the TDX module: a number of attestation's, of the quote generation "
            "service (QGS) or of DCAP's libraries."
        )
        doing = "look at the log of qgsd, and at the registration of the platform (PCCS, MPA)"
        return Answer(asked, "attestation", hex(number), ((MEANS, means), (TO_DO, doing)))
    return None


def _without_prefix(text: str) -> str:
    return _PREFIX.sub("", text, count=1)


def _term_line(term: Term) -> tuple[str, str]:
    return "term", term.means


def _msr(text: str) -> int | None:
    bare = _MSR_WORD.sub("", text).strip()
    if (number := MSRS.get(bare.upper(), MSRS.get(f"IA32_{bare.upper()}"))) is not None:
        return number
    if bare == text.strip() and not bare.lower().startswith("0x"):
        return None
    number = int(bare[:-1], 16) if _HEX_H.fullmatch(bare) else _number(bare)
    return number if number in MSR_WORDS or number in MSRS.values() else None


def _of_msr(asked: str, number: int) -> Answer:
    names = (name for name, of_name in MSRS.items() if of_name == number)
    name = next(names, f"MSR {number:#x}")
    words = MSR_WORDS.get(number, "TDH.SYS.INIT and TDH.SYS.LP.INIT look at it.")
    return Answer(asked, "msr", name, (("msr", f"{number:#x}"), (MEANS, words)))


def find_leaf(text: str) -> LeafCode | None:
    """A leaf by its name, or a SEAMCALL's by its number: what `look_up` takes as one."""
    number = _number(text)
    if number is None:
        known = Leaf.__members__.get(text.upper().replace(".", "_"))
        return codes.leaf_named(text) if known is None else _whole(known)
    if number in Leaf.__members__.values():
        return _whole(Leaf(number))
    return next((leaf for leaf in codes.leaves(number) if not leaf.is_of_the_guest), None)


def names_a_call(text: str) -> bool:
    """Whether a line of a log has the name of a leaf and a number that can be its status."""
    return bool(_LEAF_NAME.search(text) and _STATUS_NUMBER.search(text))


def is_of_a_program(text: str) -> bool:
    """Whether it is a line of a program that users of TDX meet beside the kernel's."""
    return find_line(text) is not None


def _whole(leaf: Leaf) -> LeafCode:
    # P-SEAMLDR's are in no table.
    known = codes.leaf_named(leaf.title)
    return LeafCode(name=leaf.title, number=leaf.value) if known is None else known


def _number(text: str) -> int | None:
    if re.fullmatch(r"0[xX][0-9a-fA-F_]*[0-9a-fA-F][0-9a-fA-F_]*", text):
        return int(text.replace("_", ""), 16)
    # A status as logs without 0x have it.
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        return int(text, 16)
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    return None


def _of_number(asked: str, number: int, leaf: LeafCode | None) -> Answer:
    if number < 0:
        try:
            return _errno(asked, Errno(-number))
        except ValueError:
            return _unknown(asked, "")
    if leaf is not None and is_status(number):
        return explain_number(asked, number, leaf)
    if number == Status.TDX_SUCCESS:
        return _nought(asked)
    if (answer := leaf_numbered(asked, number)) is not None:
        return answer if asked.isdecimal() else _as_msr_too(answer, number)
    if number <= _LARGEST_LEAF:
        # A kernel's message has an errno with its sign, a person may leave it out.
        near = (f"-{number} ({Errno(number).name})",) if number in set(Errno) else ()
        return Answer(asked, "unknown", asked, (), near)
    if number <= U32_MASK or number > U64_MASK:
        return _unknown(asked, "")
    if looks_like_p_seamldrs(number) and not is_status(number):
        return unknown_status(asked, number)
    field = field_with(number)
    if field is not None and number == field[0][0] + field[1]:
        return _field(asked, *field)
    # TDH.SYS.RD takes more numbers than a field's own for its id: some of them are statuses.
    if is_status(number):
        return explain_number(asked, number, leaf)
    return _field(asked, *field) if field is not None else unknown_status(asked, number)


def _as_msr_too(answer: Answer, number: int) -> Answer:
    # Some MSRs of TDX have numbers of leaves.
    if number not in MSR_WORDS:
        return answer
    msr = _of_msr(answer.asked, number)
    return replace(answer, lines=(*answer.lines, ("as an MSR", f"{msr.name}: {MSR_WORDS[number]}")))


def _nought(asked: str) -> Answer:
    # A status, and the number of leaves too.
    answer = explain_number(asked, Status.TDX_SUCCESS, None)
    names = [
        f"{leaf.name} of TDCALL" if leaf.is_of_the_guest else leaf.name for leaf in codes.leaves(0)
    ]
    return replace(answer, lines=(*answer.lines, ("as a leaf", ", ".join(names))))


def _errno(asked: str, errno: Errno) -> Answer:
    words = ERRNOS.get(errno)
    lines: list[tuple[str, str]] = [("errno", f"-{errno.value}")]
    if words is None:
        lines.append((MEANS, "No kernel's TDX bring-up returns it."))
    else:
        lines += words.pairs
    return Answer(asked, "errno", errno.name, tuple(lines))


def _operand(asked: str, operand: OperandCode) -> Answer:
    means = f"What a status says was refused: {operand.what or 'a register'}."
    lines = [("operand id", f"{operand.number:#x} ({operand.number})"), (MEANS, means)]
    if (since := operand.first_seen) is not None:
        lines.append(("since", since))
    return Answer(asked, "operand", operand.name, tuple(lines))


def _field(asked: str, row: Row, index: int | None) -> Answer:
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


def _check(asked: str, check: Check) -> Answer:
    lines = [("checks that", check.title), ("looks at", check.looks_at)]
    if check.parent is not None:
        lines.append(("after", check.parent))
    for cause in check.causes:
        lines += [("cause", cause.and_how_often), (TO_DO, cause.to_do)]
    return Answer(asked, "check", check.id, tuple(lines))


def _log_line(asked: str, found: Found, leaf: LeafCode | None) -> Answer:
    # Codes in it are explained too.
    message, fields = found.message, found.fields
    lines = [(MEANS, message.meaning)]
    if message is INITIALIZATION_FAILED and (errno := abs(int(fields["errno"]))) in set(Errno):
        answer = _errno(asked, Errno(errno))
        lines += [("returned", f"-{answer.name}"), *answer.lines[1:]]
    if message.check is not None and not message.is_harmless:
        lines.append(("check", f"{message.check}; `tdxctl explain {message.check}` has causes"))
    if "leaf" in fields and (known := find_leaf(str(fields["leaf"]))) is not None:
        leaf = known
        lines.append(("leaf", leaf_title(known.number)))
    status = int(fields.get("status", 0))
    if status and is_status(status):
        answer = explain_number(asked, status, leaf)
        lines.append(("status", f"{answer.name}, {status:#x}"))
        lines += [(label, text) for label, text in answer.lines if label in _OF_A_STATUS]
    return Answer(asked, "log-line", message.id, tuple(lines))


_OF_A_STATUS = ("details", "operand", "note", MEANS, TO_DO)


def _any_line(asked: str, text: str, leaf: LeafCode | None) -> Answer | None:
    # Of a program whose lines are not known: the first status in it, as its leaf's answer.
    if (name := _LEAF_NAME.search(text)) is not None:
        leaf = codes.leaf_named(name[0]) or leaf
    for match in _STATUS_NUMBER.finditer(text):
        number = int(match[0], 16)
        if is_status(number):
            return explain_number(asked, number, leaf)
    return None


def _unknown(asked: str, name: str) -> Answer:
    import difflib

    statuses = dict.fromkeys([*Status.__members__, *(s.name for s in codes.table().status_codes)])
    leaves = dict.fromkeys(
        [leaf.title for leaf in Leaf] + [leaf.name for leaf in codes.table().leaves]
    )
    names = [*statuses, *Errno.__members__, *leaves]
    if asked.islower():
        names += [check.id for check in CHECKS]
    folded = {known.replace(".", "_").upper(): known for known in names}
    near = difflib.get_close_matches(name, folded, n=3) if name else []
    return Answer(asked, "unknown", asked, (), tuple(folded[match] for match in near))
