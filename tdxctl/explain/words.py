# SPDX-License-Identifier: Apache-2.0
"""From a word of the field to what it means: a check, an MSR, an option of a BIOS, a term."""

from __future__ import annotations

import re

from tdxctl.advice.bios import SET_UP_THE_BIOS
from tdxctl.advice.checks import Check, find_check
from tdxctl.advice.setups import option_named
from tdxctl.advice.words import MEANS, TO_DO
from tdxctl.explain.answer import Answer
from tdxctl.explain.numbers import number_in, of_msr
from tdxctl.explain.other_lines import find_line
from tdxctl.explain.terms import MSR_WORDS, find_term
from tdxctl.seam.msrs import MSRS

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


def named_check(asked: str, name: str) -> Answer | None:
    """The check of diagnose that has this id."""
    check = find_check(name)
    return None if check is None else _of_check(asked, check)


def in_words(asked: str, text: str) -> Answer | None:
    """A word of the field, an MSR, an option of a BIOS, a line of another program."""
    if (term := find_term(text)) is not None:
        lines = [(MEANS, term.means)]
        if term.to_do is not None:
            lines.append((TO_DO, term.to_do))
        return Answer(asked, "term", term.name, tuple(lines))
    if (msr := _msr(text)) is not None:
        return of_msr(asked, msr)
    if (option := option_named(text) or option_named(_in_its_menu(text))) is not None:
        setting, name = option
        lines = [(MEANS, setting.means), (TO_DO, SET_UP_THE_BIOS)]
        return Answer(asked, "bios-option", name, tuple(lines))
    if (line := find_line(text)) is not None:
        return Answer(asked, "line", line.id, ((MEANS, line.means), (TO_DO, line.to_do)))
    if (number := number_in(text)) is not None and number in _OF_ATTESTATION:
        means = (
            "No status of the TDX module: a number of attestation's, of the quote generation "
            "service (QGS) or of DCAP's libraries."
        )
        doing = "look at the log of qgsd, and at the registration of the platform (PCCS, MPA)"
        return Answer(asked, "attestation", hex(number), ((MEANS, means), (TO_DO, doing)))
    return None


def _in_its_menu(text: str) -> str:
    # `Socket Configuration > Security Configuration > TME-MT/TDX key split`
    return text.rpartition(">")[2].strip()


def without_prefix(text: str) -> str:
    """text without what people and logs put before a word of the field."""
    return _PREFIX.sub("", text, count=1)


def _msr(text: str) -> int | None:
    bare = _MSR_WORD.sub("", text).strip()
    if (number := MSRS.get(bare.upper(), MSRS.get(f"IA32_{bare.upper()}"))) is not None:
        return number
    if bare == text.strip() and not bare.lower().startswith("0x"):
        return None
    number = int(bare[:-1], 16) if _HEX_H.fullmatch(bare) else number_in(bare)
    return number if number in MSR_WORDS or number in MSRS.values() else None


def _of_check(asked: str, check: Check) -> Answer:
    lines = [("checks that", check.title), ("looks at", check.looks_at)]
    if check.parent is not None:
        lines.append(("after", check.parent))
    for cause in check.causes:
        lines += [("cause", cause.and_how_often), (TO_DO, cause.to_do)]
    return Answer(asked, "check", check.id, tuple(lines))
