# SPDX-License-Identifier: Apache-2.0
"""Text as people send it: what mail, documents, web pages and consoles put round its lines."""

from __future__ import annotations

import re
from html import unescape

from tdxctl.errors import FirmwareDataError

_COMPRESSED = {b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
# Colours and cursor movements of serial consoles, also where a tool wrote the escape in letters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]")
_WRITTEN_ESCAPES = re.compile(
    r"(?:\^\[|\\x1b|\\033|\\e|\u241b)\[[\d;]{0,16}m|\[\d{1,3}(?:;\d{1,3}){0,4}m"
)
# Spaces, quotes and hyphens that an editor or a web page made of plain ones.
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u2002\u2003", " "),
        **dict.fromkeys("\u2018\u2019\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    }
)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_TAG = re.compile(
    r"</?(?:pre|code|br|p|span|div|td|tr|th|table|tbody|b|i|em|strong|font|tt|samp)"
    r"(?:\s[^<>]{0,200})?/?>"
)
# Markdown's escapes; `\_SB` and its like are names of ACPI.
_MARKDOWN = re.compile(r"\\([\[\]<>#*|`()-])|(?<=\w)\\(_)(?=\w)")
_QUOTED = re.compile(r"^(?:[ \t]{0,8}>)+ ?")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*[\w-]{0,20}$")
_QUOTED_PRINTABLE = re.compile(r"=(?:[0-9A-F]{2}|\n|$)")
_ENCODED_BYTES = re.compile(r"(?:=[0-9A-F]{2})+")


def decode(data: bytes, name: str) -> str:
    """data as text with newlines only. Raises FirmwareDataError for what is no text."""
    for magic, tool in _COMPRESSED.items():
        if data.startswith(magic):
            raise FirmwareDataError(f"is compressed with {tool}", file=name, hint="unpack it first")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    # A serial console ends lines with more than one carriage return.
    return re.sub(r"\r{1,8}\n", "\n", text).replace("\r", "\n")


def plain_lines(text: str) -> list[tuple[int, str]]:
    """The lines of text with their numbers from 1, each as whoever printed it wrote it."""
    if _is_quoted_printable(text):
        return [(number, plain_line(line)) for number, line in _unencoded(text)]
    return [(number, plain_line(line)) for number, line in enumerate(text.split("\n"), start=1)]


def plain_line(line: str) -> str:
    """A line without colours, entities and tags, marks of quotations, fences and tables."""
    line = line.rstrip()
    if not line:
        return line
    if not line.isascii():
        line = line.translate(_CHARACTERS)
    if "&" in line and _ENTITY.search(line):
        # Twice, where what was escaped was quoted in a page; &nbsp; is a space.
        line = unescape(unescape(line)).translate(_CHARACTERS)
    if "<" in line:
        line = _TAG.sub("", line)
    if not line.isprintable():
        line = _ESCAPES.sub("", line)
    if "m" in line and "[" in line:
        line = _WRITTEN_ESCAPES.sub("", line)
    if "\\" in line:
        line = _MARKDOWN.sub(lambda match: match[1] or match[2], line)
    if ">" in line:
        line = _QUOTED.sub("", line)
    if "`" in line or "~" in line:
        line = "" if _FENCE.match(line) else _without_backticks(line)
    if "|" in line and line.lstrip().startswith("|"):
        line = line.strip().strip("|").strip()
    return line.rstrip()


def _without_backticks(line: str) -> str:
    # Of a line that is one piece of code.
    stripped = line.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] == "`" and "`" not in stripped[1:-1]:
        return stripped[1:-1]
    return line


def _is_quoted_printable(text: str) -> bool:
    # There a sign of equality is never itself.
    return "=3D" in text and text.count("=") == len(_QUOTED_PRINTABLE.findall(text))


def _unencoded(text: str) -> list[tuple[int, str]]:
    # Lines of quoted-printable; one that ends with the sign goes on in the next.
    lines: list[tuple[int, list[str]]] = []
    goes_on = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not goes_on:
            lines.append((number, []))
        goes_on = line.endswith("=")
        lines[-1][1].append(line.removesuffix("="))
    return [(number, _ENCODED_BYTES.sub(_bytes, "".join(parts))) for number, parts in lines]


def _bytes(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("=", "")).decode("utf-8", errors="replace")
