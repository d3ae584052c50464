# SPDX-License-Identifier: Apache-2.0
"""Text as people send it: what mail, documents, web pages and consoles put round its lines."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html import unescape

from tdxctl.errors import FirmwareDataError

_UNPACK = "unpack it first"
_AS_TEXT = "the log as text: sudo dmesg > FILE"
# What a file is by its first bytes, which is no text, and what to do.
_MAGIC = {
    b"\x1f\x8b": ("is compressed with gzip", _UNPACK),
    b"\xfd7zXZ": ("is compressed with xz", _UNPACK),
    b"BZh": ("is compressed with bzip2", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("is compressed with zstd", _UNPACK),
    b"\x04\x22\x4d\x18": ("is compressed with lz4", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("is a 7z archive", _UNPACK),
    b"Rar!\x1a\x07": ("is a RAR archive", _UNPACK),
    b"\x89PNG": ("is a picture", _AS_TEXT),
    b"\xff\xd8\xff": ("is a picture", _AS_TEXT),
    b"GIF8": ("is a picture", _AS_TEXT),
    b"%PDF-": ("is a PDF document", _AS_TEXT),
    b"LPKSHHRH": ("is a binary journal", "journalctl --file FILE -k -o short-monotonic"),
    b"KDUMP   ": ("is a crash dump", "makedumpfile --dump-dmesg FILE LOG, or vmcore-dmesg FILE"),
    b"\x7fELF": ("is a program or a crash dump", "of a crash dump, vmcore-dmesg FILE"),
}
# Colours and cursor movements of serial consoles, also where a tool wrote the escape in letters.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]")
_WRITTEN_ESCAPES = re.compile(
    r"(?:\^\[|\\x1b|\\033|\\e|ESC|\u241b)\[[\d;]{0,16}m|\[\d{1,3}(?:;\d{1,3}){0,4}m"
)
# Spaces, quotes and hyphens that an editor or a web page made of plain ones.
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u2002\u2003", " "),
        **dict.fromkeys("\u2018\u2019\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
        **{chr(ord(plain) + 0xFEE0): plain for plain in "()[]:,.;=_/"},
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
    }
)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_TAG = re.compile(
    r"</?(?:pre|code|br|p|span|div|td|tr|th|table|tbody|li|ul|ol|b|i|em|strong|font|tt|samp)"
    r"(?:\s[^<>]{0,200})?/?>"
)
# Markdown's escapes; `\_SB` and its like are names of ACPI.
_MARKDOWN = re.compile(r"\\([\[\]<>#*|`()-])|(?<=\w)\\(_)(?=\w)")
_QUOTED = re.compile(r"^(?:[ \t]{0,8}>)+ ?")
# Of a list, before code or a timestamp; of a line in bold; of `cat -A`.
_LIST_MARK = re.compile(r"^\s{0,12}(?:[-*+\u2022]|\d{1,4}[.)]) {1,4}(?=[`\[*])")
_BOLD = re.compile(r"^\s{0,12}(\*\*|__)(.+)\1\s*$")
_SHOWN_END = re.compile(r"(?:\^M)?\$?$")
# A line, or a cell of a table, that stands in quotes.
_IN_QUOTES = re.compile(r'^\s{0,12}"((?:[^"\\]|\\.|"")*)"(?:,.*)?$')
_BACKSPACE = re.compile(r"[^\x08]\x08")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*[\w-]{0,20}$")
_QUOTED_PRINTABLE = re.compile(r"=(?:[0-9A-F]{2}|\n|$)")
_ENCODED_BYTES = re.compile(r"(?:=[0-9A-F]{2})+")


def refuse_other_files(data: bytes, name: str) -> None:
    """Raises FirmwareDataError for a file of a known kind that neither text nor tables are in."""
    for magic, (what, hint) in _MAGIC.items():
        if data.startswith(magic):
            raise FirmwareDataError(what, file=name, hint=hint)


def decode(data: bytes, name: str) -> str:
    """data as text with newlines only. Raises FirmwareDataError for what is no text."""
    refuse_other_files(data, name)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    # A serial console ends lines with more than one carriage return.
    text = re.sub(r"\r{1,8}\n", "\n", text).replace("\r", "\n")
    return _unescaped(text) if _is_escaped(text) else text


def _is_escaped(text: str) -> bool:
    # A log in a string of JSON's or of a program's; records have a line each.
    escaped, lines = text.count("\\n"), text.count("\n") + 1
    if not 2 < escaped < len(text) // _SHORT_LINE or escaped <= 2 * lines:
        return False
    return not _RECORD.search(text)


# A log's lines are longer than that on average.
_SHORT_LINE = 8
_RECORD = re.compile(r'"(?:MESSAGE|msg)"\s{0,8}:|^\d{1,4},\d{1,12},\d{1,18},', re.MULTILINE)
_ESCAPED = re.compile(r"\\(?:r\\n|[nrt\"'/])|\\u([0-9a-fA-F]{4})")
_UNESCAPED = {"\\n": "\n", "\\r\\n": "\n", "\\r": "\n", "\\t": "\t"}


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(
        lambda match: (
            chr(int(match[1], 16)) if match[1] else _UNESCAPED.get(match[0], match[0][1:])
        ),
        text,
    )


def plain_lines(text: str) -> list[tuple[int, str]]:
    """The lines of text with their numbers from 1, each as whoever printed it wrote it."""
    if "ontent-" in text and (encoding := _ENCODING.search(text)) is not None:
        return [(number, plain_line(line)) for number, line in _decoded(text, encoding.start())]
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
        if "\x08" in line:
            line = _BACKSPACE.sub("", line)
        line = _ESCAPES.sub("", line)
    if "m" in line and "[" in line:
        line = _WRITTEN_ESCAPES.sub("", line)
    return _without_frame(line).rstrip()


def _without_frame(line: str) -> str:
    # Without what documents put round a line: quotation, list, table, fence, bold, code.
    if "\\" in line:
        line = _MARKDOWN.sub(lambda match: match[1] or match[2], line)
    if ">" in line:
        line = _QUOTED.sub("", line)
    if line.endswith(("$", "^M")):
        line = _SHOWN_END.sub("", line)
    if line[-1:] in ("`", "*", "_"):
        line = _LIST_MARK.sub("", line)
        line = _BOLD.sub(r"\2", line)
    if line[-1:] == '"' or line.lstrip()[:1] == '"':
        line = _IN_QUOTES.sub(r"\1", line)
    if "`" in line or "~" in line:
        line = "" if _FENCE.match(line) else _without_backticks(line)
    if "|" in line and line.lstrip().startswith("|"):
        line = line.strip().strip("|").strip()
    return line


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


# Mail as it is stored: parts with headers of their own.
_ENCODING = re.compile(
    r"^Content-Transfer-Encoding:[ \t]*(base64|quoted-printable)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def _decoded(text: str, first: int) -> Iterator[tuple[int, str]]:
    # The lines of stored mail, those of an encoded part as they were before; first: where the
    # first header of such a part begins.
    begins = text.count("\n", 0, first) + 1
    yield from enumerate(text[:first].split("\n")[:-1], start=1)
    header = encoding = ""
    part: list[tuple[int, str]] = []
    for number, line in enumerate(text[first:].split("\n"), start=begins):
        if encoding and not line.startswith(("--", "From ")):
            part.append((number, line))
            continue
        if encoding:
            yield from _part(part, encoding)
            part, encoding, header = [], "", ""
        elif (match := _ENCODING.fullmatch(line)) is not None:
            header = match[1].lower()
        elif not line.strip():
            encoding, header = header, ""
        yield number, line
    yield from _part(part, encoding)


def _part(lines: list[tuple[int, str]], encoding: str) -> Iterator[tuple[int, str]]:
    if not lines:
        return
    first = lines[0][0]
    body = "\n".join(line for _, line in lines)
    if encoding == "quoted-printable":
        yield from ((first + number - 1, line) for number, line in _unencoded(body))
        return
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        yield from lines
        return
    for line in data.decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n"):
        yield first, line
