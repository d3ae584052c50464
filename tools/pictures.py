# SPDX-License-Identifier: Apache-2.0
"""The pictures of README and docs/: a terminal as tdxctl fills it, and its map of memory.

Renewed with: python -m tools.pictures
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).parent.parent
COLUMNS = 92
COMMAND = "tdxctl init --platform lp-init-fails"
MAP = ("map", "--platform", "emr-2s-256g-fragmented", "--format", "svg")

# Of a character, in pixels: whatever font is there is set to these by textLength.
_WIDTH, _HEIGHT = 7.8, 17.0
_MARGIN = 14.0
_COLORS = {1: "red", 2: "green", 3: "yellow"}
_STYLE = """\
.t{--paper:#ffffff;--bar:#e9ecef;--ink:#1b1f24;--red:#b3131b;--green:#0f6b38;--yellow:#7a5200}
@media screen and (prefers-color-scheme:dark){.t{--paper:#0f1318;--bar:#262d36;--ink:#e8ecf0;\
--red:#ff9b96;--green:#7fdca5;--yellow:#ffdf70}}
.t text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--ink);\
white-space:pre}
.t .bold{font-weight:700}.t .dim{opacity:.72}
.t .red{fill:var(--red)}.t .green{fill:var(--green)}.t .yellow{fill:var(--yellow)}
"""


def files() -> dict[Path, str]:
    """The text of each picture, as it should be."""
    shown = Text.assemble(("$ ", "dim"), (COMMAND, "bold"), "\n")
    # --once: the same command, without a trace of it where pictures are made.
    shown.append_text(Text.from_ansi(_on_a_terminal(*COMMAND.split()[1:], "--once")))
    drawn = subprocess.run(
        [sys.executable, "-m", "tdxctl", *MAP], capture_output=True, text=True, check=True
    )
    docs = ROOT / "docs"
    return {
        docs / "init.svg": terminal(shown, f"A terminal: {COMMAND}"),
        docs / "map-emr-2s-256g-fragmented.svg": drawn.stdout,
    }


def terminal(shown: Text, title: str) -> str:
    """An SVG of a terminal with that text, in the reader's light or dark."""
    lines = list(shown.split("\n", allow_blank=True))
    while lines and not lines[-1].plain.strip():
        lines.pop()
    width, height = COLUMNS * _WIDTH + 2 * _MARGIN, len(lines) * _HEIGHT + 2 * _MARGIN + 22
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="t" role="img" aria-labelledby="title" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>\n{_STYLE}</style>",
        '<rect width="100%" height="100%" rx="8" fill="var(--paper)" stroke="var(--bar)"/>',
        *(f'<circle cx="{x}" cy="14" r="5" fill="var(--bar)"/>' for x in (18, 34, 50)),
    ]
    for number, line in enumerate(lines):
        drawn += _runs(line, 22 + _MARGIN + (number + 0.75) * _HEIGHT)
    return "\n".join([*drawn, "</svg>\n"])


def _runs(line: Text, y: float) -> list[str]:
    # A piece of text for each stretch of one style, at its column.
    styles = [Style()] * len(line.plain)
    for span in line.spans:
        style = span.style if isinstance(span.style, Style) else Style.parse(span.style)
        for i in range(span.start, min(span.end, len(styles))):
            styles[i] += style
    runs, start = [], 0
    for end in range(1, len(styles) + 1):
        if end == len(styles) or styles[end] != styles[start]:
            text = line.plain[start:end]
            column = start + len(text) - len(text.lstrip())
            if text := text.strip():
                runs.append(
                    f'<text x="{_MARGIN + column * _WIDTH:.1f}" y="{y:.1f}" '
                    f'textLength="{len(text) * _WIDTH:.1f}"{_class(styles[start])}>'
                    f"{escape(text)}</text>"
                )
            start = end
    return runs


def _class(style: Style) -> str:
    names = [name for name, has in (("bold", style.bold), ("dim", style.dim)) if has]
    if style.color is not None and style.color.number in _COLORS:
        names.append(_COLORS[style.color.number])
    return f' class="{" ".join(names)}"' if names else ""


def _on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *arguments],
        stdout=theirs,
        stderr=theirs,
        env={**environment, "COLUMNS": str(COLUMNS), "LANG": "C.UTF-8"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            got = os.read(ours, 1 << 16)
        except OSError:  # how Linux says that nobody has the terminal open any more
            break
        if not got:
            break
        shown += got
    os.close(ours)
    process.wait()
    return shown.decode().replace("\r\n", "\n")


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
