# SPDX-License-Identifier: Apache-2.0
"""What the code quotes stands in the specification, word for word, where it says.

`[linux-host 5]` in a comment or a docstring cites section 5 of docs/spec/linux-host.md; several
sections are separated by commas. Double quotes there are quotes of a section that the same comment
or docstring cites, or else the docstring of its file; `...` leaves words out, and the Markdown of
the documents does not count. What is quoted from elsewhere, a line of a log for one, stands in
backquotes.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.cli.runner import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTS = {
    path.stem: path for path in [*(ROOT / "docs/spec").glob("*.md"), ROOT / "docs/field-notes.md"]
}

_NUMBER = r"(?:[0-9]+[a-z]?|[A-Z])(?:\.[0-9]+)*"
_CITATION = re.compile(rf"\[([a-z-]+) ({_NUMBER}(?:, {_NUMBER})*)\]")
_HEADING = re.compile(rf"(?m)^(##+) ({_NUMBER})\.? .*$")
# Backquoted text and examples of commands are read over, so that a quote within them is none.
_QUOTE = re.compile(r'(?m)`[^`]*`|^ *tdxctl .*$|"([^"]+)"')
_MARKUP = re.compile(r"""[`"]|\*\*""")
_OLD_STYLE = re.compile(r"\bspecification[^.\n]{0,20} [0-9]|\bsections? [0-9]")


class Remark(NamedTuple):
    """A comment, all lines of it, or a docstring."""

    where: str
    text: str
    cited: frozenset[tuple[str, str]]

    @property
    def quotes(self) -> list[str]:
        """What stands in double quotes."""
        return [quote for quote in _QUOTE.findall(self.text) if quote]


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).split())


@cache
def _sections(document: str) -> dict[str, str]:
    """Each numbered section of a document, with the sections in it."""
    text = DOCUMENTS[document].read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    found: dict[str, str] = {}
    for i, heading in enumerate(headings):
        after = (each for each in headings[i + 1 :] if len(each[1]) <= len(heading[1]))
        end = next((each.start() for each in after), len(text))
        assert heading[2] not in found, f"{document} has two sections {heading[2]}"
        found[heading[2]] = _plain(text[heading.start() : end])
    return found


def _cited(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (document, number)
        for document, numbers in _CITATION.findall(text)
        for number in numbers.split(", ")
    )


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Comments with the line of their beginning; lines that follow one another are one comment."""
    first, last, lines = 0, -1, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("# ")
        if line == last + 1 and token.line.lstrip().startswith("#"):
            lines.append(text)
        else:
            if lines:
                yield first, " ".join(lines)
            first, lines = line, [text]
        last = line
    if lines:
        yield first, " ".join(lines)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.lineno, str(node.value.value)


def _remarks(path: Path) -> Iterator[Remark]:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    for_all = _cited(ast.get_docstring(tree) or "")
    for line, text in [*_docstrings(tree), *_comments(source)]:
        where = f"{path.relative_to(ROOT)}:{line}"
        yield Remark(where, text, _cited(text) or for_all)


@cache
def _all_remarks() -> list[Remark]:
    paths = [
        path
        for room in ("tdxctl", "tests", "tools")
        for path in sorted((ROOT / room).rglob("*.py"))
        if path != Path(__file__)
    ]
    return [remark for path in paths for remark in _remarks(path)]


def _stands_in(quote: str, section: str) -> bool:
    parts = [re.escape(part.strip()) for part in _plain(quote).split("...")]
    return re.search(".*?".join(parts), section) is not None


def test_every_citation_names_a_section_that_exists() -> None:
    """Expect document and number of each to be those of a heading."""
    wrong = [
        f"{remark.where}: [{document} {number}]"
        for remark in _all_remarks()
        for document, number in sorted(remark.cited)
        if document not in DOCUMENTS or number not in _sections(document)
    ]

    assert not wrong, "\n".join(wrong)


def test_every_quote_is_the_words_of_a_cited_section() -> None:
    """Expect each to be found; one of three words or more to have a citation at all."""
    wrong = [
        f"{remark.where}: {quote}"
        for remark in _all_remarks()
        for quote in remark.quotes
        if (remark.cited or len(quote.split()) > 2)
        and not any(_stands_in(quote, _sections(doc).get(n, "")) for doc, n in remark.cited)
    ]

    assert not wrong, "\n".join(wrong)


def test_no_section_is_named_in_passing() -> None:
    """Expect no `section 5`, which nothing would resolve."""
    wrong = [
        f"{remark.where}: {found[0]}"
        for remark in _all_remarks()
        if (found := _OLD_STYLE.search(remark.text)) and "ACPI" not in remark.text
    ]

    assert not wrong, "\n".join(wrong)


def test_a_quote_that_the_documents_do_not_have_is_found_out() -> None:
    """Expect other words, other order and other sections not to do."""
    cover = _sections("linux-host")["5.1"]

    assert _stands_in("regions are never merged ... a TDMR never grows", cover)
    assert not _stands_in("a TDMR never grows ... regions are never merged", cover)
    assert not _stands_in("a TDMR never shrinks", cover)
    assert not _stands_in("a TDMR never grows", _sections("linux-host")["4"])


def test_no_document_knows_a_place_outside_the_repository() -> None:
    """Expect each path that a document names in backquotes to exist here."""
    named = {
        path
        for document in DOCUMENTS.values()
        for path in re.findall(r"`((?:tdxctl|tests|docs)/[\w./-]+)`", document.read_text("utf-8"))
    }

    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert named
