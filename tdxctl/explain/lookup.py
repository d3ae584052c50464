# SPDX-License-Identifier: Apache-2.0
"""From what a person pastes to what it means: codes, names, checks, lines of a kernel's log."""

from __future__ import annotations

import re

from msgspec.structs import replace

from tdxctl.advice.words import MEANS
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.explain.leaves import leaf_named
from tdxctl.explain.numbers import LEAF_NUMBER, number_in, of_errno, of_field, of_number, unknown
from tdxctl.explain.statuses import status_named
from tdxctl.explain.term import Term
from tdxctl.explain.terms import find_term
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode, OperandCode
from tdxctl.seam.metadata import field_named

_ERRNO = re.compile(r"(?:errno|error|err|ret|code|failed)[ :=(]+-?(\d{1,3})\)?", re.IGNORECASE)
_STATUS = re.compile(r"(?:status|error|err|code)[ :=]+((?:0x)?[0-9a-f]{9,16})", re.IGNORECASE)
# A status without the half that is details.
_UPPER_HALF = re.compile(r"(?:0x)?([c84][0-9a-f]{7})", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)
_END_OF_A_LEAF = re.compile(r"[A-Za-z]+(?:[._][A-Za-z]+)+")


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
    if (named := _ARTICLE.sub("", text)) != text and (known := look_up(named, leaf)).known:
        return replace(known, asked=asked)
    for other in _other_spellings(text):
        if (spelt := _known(asked, other, leaf)).known:
            return spelt
    from tdxctl.explain.words import in_words, without_prefix

    bare = without_prefix(text)
    found = in_words(asked, text) or in_words(asked, bare) or _named(asked, bare)
    return found or _in_a_line(asked, bare) or answer


def _named(asked: str, text: str) -> Answer | None:
    from tdxctl.explain.names import of_name

    return of_name(asked, text)


def _in_a_line(asked: str, text: str) -> Answer | None:
    # Some words of a line, or a line of which only parts are known.
    from tdxctl.explain.lines import of_parts, of_phrase

    return of_phrase(asked, text) or of_parts(asked, text, look_up)


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
    # Of what has a table of its own; a number needs none of the words.
    if text.isupper() or text.startswith("status "):
        from tdxctl.explain.names import of_state

        if (state := of_state(asked, text)) is not None:
            return state
    match = LEAF_NUMBER.fullmatch(text)
    number = number_in(text if match is None else match[1])
    if number is not None:
        return of_number(asked, number, leaf)
    if " " in text:
        from tdxctl.explain.lines import of_line

        if (answer := of_line(asked, text, leaf)) is not None:
            return answer
    else:
        from tdxctl.explain.words import named_check

        if (answer := named_check(asked, text.lower())) is not None:
            return answer
    name = text.upper().replace(".", "_")
    if (answer := status_named(asked, name, leaf)) is not None:
        return answer
    if name.lstrip("-") in Errno.__members__:
        return of_errno(asked, Errno[name.lstrip("-")])
    if (answer := leaf_named(asked, name)) is not None:
        return answer
    if (field := field_named(name)) is not None:
        return of_field(asked, field, None)
    operand = codes.operand_named(name)
    return _operand(asked, operand) if operand is not None else unknown(asked, name)


def _term_line(term: Term) -> tuple[str, str]:
    return "term", term.means


def _operand(asked: str, operand: OperandCode) -> Answer:
    means = f"What a status says was refused: {operand.what or 'a register'}."
    lines = [("operand id", f"{operand.number:#x} ({operand.number})"), (MEANS, means)]
    if (since := operand.first_seen) is not None:
        lines.append(("since", since))
    return Answer(asked, "operand", operand.name, tuple(lines))
