# SPDX-License-Identifier: Apache-2.0
"""From a line of a log to what it means, with the codes in it: the kernel's, or a program's."""

from __future__ import annotations

import re
from collections.abc import Callable

from tdxctl.advice.words import MEANS, MORE, TO_DO
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.explain.numbers import find_leaf, of_errno
from tdxctl.explain.other_lines import find_line
from tdxctl.explain.statuses import explain_number, is_status
from tdxctl.messages.bring_up import INITIALIZATION_FAILED
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.reading import Found, read, read_in_any_case
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode
from tdxctl.seam.leaves import leaf_title

# What a line of any program says of a SEAMCALL: a leaf's name, and a status.
_LEAF_NAME = re.compile(r"\b(?:TD[HG]|tdh|tdg)(?:[._][A-Za-z0-9]+)+")
_STATUS_NUMBER = re.compile(r"\b(?:0[xX][0-9a-fA-F]{9,16}|[0-9a-fA-F]{16})\b")
# What in a line of anybody's can be told: names and numbers that are nothing else.
_PARTS = re.compile(
    r"\b(?:TDX_[A-Z0-9_]+|(?:TD[HG]|SEAMLDR)(?:\.[A-Z0-9]+)+|0[xX][0-9a-fA-F]{9,16}|E[A-Z0-9]{3,})\b"
    r"|(?<=[ (=])-[1-9][0-9]{0,2}\b"
)
# Of what a version line names: a release of the kernel, as uname has it.
_UNAME = re.compile(r"^(?:Linux version|kernel:?|uname(?: -r)?:?) (\d+\.\d+\S*)", re.IGNORECASE)
_SHORTEST_PHRASE = 8
_OF_A_STATUS = ("details", "operand", "note", MEANS, TO_DO)


def names_a_call(text: str) -> bool:
    """Whether a line of a log has the name of a leaf and a number that can be its status."""
    return bool(_LEAF_NAME.search(text) and _STATUS_NUMBER.search(text))


def is_of_a_program(text: str) -> bool:
    """Whether it is a line of a program that users of TDX meet beside the kernel's."""
    return find_line(text) is not None


def of_line(asked: str, text: str, leaf: LeafCode | None) -> Answer | None:
    """What the kernel says with it; else the first status in a line of any program.

    leaf: the one that returned the status, where the line names none.
    """
    found = read(text) or _without_its_prefix(text)
    return _of_log_line(asked, found[0], leaf) if found else _of_any_line(asked, text, leaf)


def _without_its_prefix(text: str) -> tuple[Found, ...]:
    # A whole line that somebody quotes without the kernel's prefix: `module not loaded`.
    for prefix in ("virt/tdx: ", "kvm_intel: "):
        line = prefix + text
        match read(line):
            case (whole,) if whole.end == len(line) and not whole.template.takes_the_rest:
                return (whole,)
    any_case = read_in_any_case(text)
    return () if any_case is None else (any_case,)


def _of_log_line(asked: str, found: Found, leaf: LeafCode | None) -> Answer:
    # Codes in it are explained too.
    message, fields = found.message, found.fields
    lines = [(MEANS, message.meaning)]
    # Trees that load the module themselves do not say which.
    errno = abs(int(fields.get("errno", 0)))
    if message is INITIALIZATION_FAILED and errno in set(Errno):
        answer = of_errno(asked, Errno(errno))
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


def _of_any_line(asked: str, text: str, leaf: LeafCode | None) -> Answer | None:
    # Of a program whose lines are not known: the first status in it, as its leaf's answer.
    if (name := _LEAF_NAME.search(text)) is not None:
        leaf = codes.leaf_named(name[0]) or leaf
    for match in _STATUS_NUMBER.finditer(text):
        number = int(match[0], 16)
        if is_status(number):
            return explain_number(asked, number, leaf)
    return None


def of_phrase(asked: str, text: str) -> Answer | None:
    """The line of a kernel that has these words in it: some of it is what people quote."""
    words = text.lower().strip(".")
    if " " not in words or len(words) < _SHORTEST_PHRASE:
        return None
    having = [
        (len(template.text), n)
        for n, message in enumerate(MESSAGES)
        for template in message.templates
        if words in template.text.lower()
    ]
    if not having:
        return None
    # The one that says the least more.
    message = MESSAGES[min(having)[1]]
    lines = [("line", message.shown), (MEANS, message.meaning)]
    if message.check is not None and not message.is_harmless:
        lines.append((MORE, f"tdxctl explain {message.check}"))
    return Answer(asked, "log-line", message.id, tuple(lines))


def of_parts(asked: str, text: str, explain: Callable[[str], Answer]) -> Answer | None:
    """Of a line that nothing is known of, the names and numbers in it that mean something."""
    if " " not in text:
        return None
    if (uname := _UNAME.match(text)) is not None and (kernel := explain(uname[1])).known:
        return kernel
    lines: list[tuple[str, str]] = []
    for part in dict.fromkeys(match[0] for match in _PARTS.finditer(text)):
        answer = explain(part)
        if answer.known:
            said = dict(answer.lines)
            lines.append((MEANS, f"{answer.name}: {said.get(MEANS) or said.get('does', '')}"))
            if TO_DO in said:
                lines.append((TO_DO, said[TO_DO]))
    return Answer(asked, "log-line", "what is in it", tuple(lines)) if lines else None
