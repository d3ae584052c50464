# SPDX-License-Identifier: Apache-2.0
"""Lines of words: each a label and a text, and what role they have where there is colour.

In a pipe a line is as long as it is. On a terminal it goes on under its text, behind its label,
and is broken between words: `terminal` shows it so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

from msgspec import Struct

from tdxctl.advice.words import TO_DO
from tdxctl.report.reasons import LABELS

#: Roles of texts: how `init` and `status` show what is alike.
HEAD, GOOD, BAD, WARN, DIM = "head", "good", "bad", "warn", "dim"
#: Stands for a space at which no line is broken.
KEPT = "\u00a0"


class Line(Struct, frozen=True):
    """A label with the spaces around it, and a text.

    label_role: a label's is dim but where it says more than what its text is.
    """

    text: str
    role: str = ""
    label: str = ""
    label_role: str = DIM

    @property
    def plain(self) -> str:
        """Both, one behind the other."""
        return f"{self.label}{self.text}".rstrip()


def plain(lines: Iterable[Line], width: int | None = None) -> str:
    """The lines as text without a newline at the end, in at most width columns if there is one."""
    if width is None:
        return "\n".join(line.plain for line in lines)
    return "\n".join(
        f"{label}{text}".rstrip() for line in lines for label, text in wrapped(line, width)
    )


def wrapped(line: Line, width: int) -> list[tuple[str, str]]:
    """The line as (label, text) pairs of at most width columns, but where one word is longer.

    A label that takes more than half of it stands with the text in a paragraph.
    """
    label, text = line.label, line.text
    indent = len(label)
    if indent > width // 2:
        indent = min(len(label) - len(label.lstrip()) + 2, width // 2)
        label, text = "", (label.strip() + " " + text).strip()
        parts = words(text, width - indent)
        return [(" " * (indent if n else max(indent - 2, 0)), part) for n, part in enumerate(parts)]
    parts = words(text, width - indent)
    return [(label if not n else " " * indent, part) for n, part in enumerate(parts)]


def words(text: str, width: int) -> list[str]:
    """The text in parts of at most width columns, but where one word is longer: at least one.

    What is indented or numbered within its text goes on behind that.
    """
    begins = re.match(rf" *(?:\d+\. )?(?:{TO_DO}: )?", text)
    indent = " " * min(begins.end() if begins else 0, width // 2)
    lines = wrap(
        text,
        max(width, 1),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(KEPT, " ") for line in lines] or [""]


def labelled(pairs: Iterable[tuple[str, str]], width: int = LABELS, indent: int = 2) -> list[Line]:
    """A line for each (label, text), the texts below each other; what to do stands out.

    Without a label it goes on.
    """
    return [
        Line(
            text,
            HEAD if TO_DO in (label, text.lstrip().partition(":")[0]) else "",
            f"{'':{indent}}{label + ':' if label else '':<{width}}",
        )
        for label, text in pairs
    ]
