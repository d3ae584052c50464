# SPDX-License-Identifier: Apache-2.0
"""Reading messages back: the pattern of each wording, made of its words.

Reading is laxer than printing. Numbers have any width, 0x and a full stop may be missing, spaces
may have become more or fewer, the prefix may be any release's, and levels are not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache, cached_property
from string import Formatter
from typing import NamedTuple

from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.message import PREFIXES, TDX_HOST, Message, Release, Source, Template

# What people and tools put before a message that they quote.
_START = r"^[\s>|`]*"
# A text ends where the words after it begin; at the end of a line it is one word, but for what
# takes the rest of the line whole.
_TEXT, _LAST_WORD = r".{1,80}?", r"\S{1,80}"
# By conversion, widths aside: what a field looks like, and its base, None for text.
_KINDS: dict[str, tuple[str, int | None]] = {
    "": (_TEXT, None),
    "s": (r"\S.{0,199}?(?=\s*$)", None),
    "d": (r"\d{1,20}(?!\d)", 10),
    "-d": (r"-?\d{1,20}(?!\d)", 10),
    "x": (r"(?:0x)?[0-9a-fA-F]{1,16}(?![0-9a-fA-F])", 16),
}


class Found(NamedTuple):
    """A message in a line, from start to end. fields: numbers as int, of any base."""

    message: Message
    template: Template
    fields: dict[str, int | str]
    start: int
    end: int
    prefix: str

    @property
    def release(self) -> Release | None:
        """The oldest release that can have printed it; None where that cannot be told.

        Only the newest prefix of tdx.c tells: trees of no release have the older one with any
        words.
        """
        since, newest = PREFIXES[Source.TDX][-1]
        if self.prefix != newest or Source.TDX not in self.message.sources:
            return None
        return max(since, self.template.since or since)


class _Wording:
    """A template of a message with its pattern, which is made when a line may be one."""

    def __init__(self, message: Message, template: Template) -> None:
        self.message, self.template = message, template
        parts = Formatter().parse(template.text.removesuffix("."))
        self._parts = [
            (literal, name, (conversion or "").lstrip("#0123456789"))
            for literal, name, conversion, _ in parts
        ]

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """What any line of it has, the longest first."""
        pieces = (_pieces(literal, conversion) for literal, _, conversion in self._parts)
        return tuple(sorted((piece for some in pieces for piece in some), key=len, reverse=True))

    @property
    def words(self) -> set[str]:
        """Words that any line of it has."""
        return {word for word in self.pieces if len(word) > 2}

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern: the message is its group `_`, each field the group of its name."""
        texts: list[str] = []
        for literal, name, conversion in self._parts:
            texts.append(r"\s+".join(map(re.escape, _pieces(literal, conversion))))
            if name is not None:
                texts.append(f"(?P<{name}>{_KINDS[conversion][0]})")
        if texts[-1].endswith(f">{_TEXT})"):
            texts[-1] = texts[-1].replace(_TEXT, _LAST_WORD)
        prefixes = _alternatives(self.message.sources)
        before, optional = (_START, "") if self.message.generic else ("", "?")
        return re.compile(
            f"{before}(?P<_>(?P<prefix_>{prefixes}){optional}{''.join(texts)})", re.ASCII
        )

    def found(self, text: str) -> Found | None:
        """What of text is this wording."""
        if self.pieces[0] not in text or (match := self.regex.search(text)) is None:
            return None
        return self._of(match)

    def found_in_any_case(self, text: str) -> Found | None:
        """The same, whatever case text is in."""
        if self.pieces[0].casefold() not in text.casefold():
            return None
        pattern = re.compile(self.regex.pattern, re.ASCII | re.IGNORECASE)
        match = pattern.search(text)
        return None if match is None else self._of(match)

    def _of(self, match: re.Match[str]) -> Found:
        fields: dict[str, int | str] = {}
        for _, name, conversion in self._parts:
            if name is not None:
                _, base = _KINDS[conversion]
                fields[name] = match[name] if base is None else int(match[name], base)
        return Found(
            self.message,
            self.template,
            fields,
            match.start("_"),
            match.end(),
            match["prefix_"] or "",
        )


def read(text: str) -> tuple[Found, ...]:
    """The message that a line is, with those that ran into it; empty for what is none."""
    found: list[Found] = []
    while (first := min(candidates(text), key=_place, default=None)) is not None:
        found.append(first)
        if first.template.newline:
            break
        text = text[first.end :]
    return tuple(found)


def candidates(text: str) -> tuple[Found, ...]:
    """Every message that text could be, each in the wording that begins first and is longest.

    What takes any words is one only where nothing knows them.
    """
    best: dict[str, Found] = {}
    if len(text) < _shortest():
        return ()
    for word, wordings in _wordings().items():
        if word in text:
            for wording in wordings:
                if (found := wording.found(text)) is not None:
                    other = best.setdefault(found.message.id, found)
                    best[found.message.id] = min(found, other, key=_place)
    known = tuple(found for found in best.values() if not found.template.takes_the_rest)
    return known or tuple(best.values())


def read_in_any_case(text: str) -> Found | None:
    """The message that text is in any case, as people quote one; what takes any words is none."""
    wordings = {id(one): one for some in _wordings().values() for one in some}
    found = (one.found_in_any_case(text) for one in wordings.values())
    known = (one for one in found if one is not None and not one.template.takes_the_rest)
    return min(known, key=_place, default=None)


def has_prefix(text: str) -> bool:
    """Whether a line of text begins as one of the catalogue's, known or not."""
    return _prefix().search(text) is not None


def _place(found: Found) -> tuple[int, int]:
    # By it, what begins first comes first, and of those the longest: some begin with another.
    return found.start, -found.end


def _pieces(literal: str, conversion: str) -> list[str]:
    # Spaces may have become more or fewer, and a number in hex may have lost its 0x.
    return re.split(r" +", literal.removesuffix("0x") if conversion == "x" else literal)


@cache
def _shortest() -> int:
    # No line of the catalogue is shorter.
    wordings = {id(one): one for some in _wordings().values() for one in some}
    return min(sum(map(len, wording.pieces)) for wording in wordings.values())


@cache
def _wordings() -> dict[str, tuple[_Wording, ...]]:
    # By a word that their lines have, so that a few words are looked for in a line that is none.
    left = [_Wording(message, template) for message in MESSAGES for template in message.templates]
    by_word: dict[str, tuple[_Wording, ...]] = {}
    while left:
        counts = Counter(word for wording in left for word in wording.words)
        word = max(counts, key=lambda word: (counts[word], word))
        by_word[word] = tuple(wording for wording in left if word in wording.words)
        left = [wording for wording in left if word not in wording.words]
    return by_word


def _alternatives(sources: Iterable[Source]) -> str:
    # The prefixes of these files. Longer ones first: `kvm_intel: tdx: ` begins with another.
    texts = {text for source in sources for _, text in PREFIXES.get(source, ())}
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


@cache
def _prefix() -> re.Pattern[str]:
    return re.compile(rf"(?:^|\s)(?:{_alternatives(TDX_HOST)})")
