# SPDX-License-Identifier: Apache-2.0
"""Text as people send it: what mail, documents and consoles put round lines, and records."""

from __future__ import annotations

import pytest

from tdxctl.capture.records import Record, unpacked
from tdxctl.capture.text import decode, plain_line, plain_lines
from tdxctl.capture.wrapped import LogLine, joined

BOOT_LINE = "-- Boot 00000000000000000000000000000000 --"


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("tdx: one  \r", "tdx: one"),
        ("", ""),
        ("   ", ""),
        ("tdx:\u00a0one", "tdx: one"),
        ("\u2018tdx\u2019 \u201cone\u201d \u2013 two\u200b", "'tdx' \"one\" - two"),
        ("\uff3b1\uff3d tdx\uff1a one", "[1] tdx: one"),
        ("a &lt;x&gt; &amp;amp; c", "a <x> & c"),
        ("a &amp; b&nbsp;c", "a & b c"),
        ("a & b; c", "a & b; c"),
        ("<pre>tdx: one</pre><br/>", "tdx: one"),
        ("tdx: <unknown> one", "tdx: <unknown> one"),
        ("\x1b[32mtdx\x1b[0m: one\x07", "tdx: one"),
        ("tdxx\x08: one", "tdx: one"),
        ("[32mtdx[0m: one", "tdx: one"),
        ("\\x1b[1;32mtdx\\033[0m: one", "tdx: one"),
        ("\\[ 1.0\\] kvm\\_intel \\_SB", "[ 1.0] kvm_intel \\_SB"),
        ("> > tdx: one", "tdx: one"),
        (">> tdx: one", "tdx: one"),
        ("tdx: a > b", "tdx: a > b"),
        ("tdx: one^M$", "tdx: one"),
        ("tdx: one$", "tdx: one"),
        ("- `tdx: one`", "tdx: one"),
        ("1. **tdx: one**", "tdx: one"),
        ("**tdx: one**", "tdx: one"),
        ("__tdx: one__", "tdx: one"),
        ("- tdx: one", "- tdx: one"),
        ('"tdx: one","h"', "tdx: one"),
        ('"tdx: one"', "tdx: one"),
        ('tdx: "one"', 'tdx: "one"'),
        ("```console", ""),
        ("~~~", ""),
        ("`tdx: one`", "tdx: one"),
        ("`tdx` and `one`", "`tdx` and `one`"),
        ("`tdx: one", "`tdx: one"),
        ("tdx: one`", "tdx: one`"),
        ("`", "`"),
        ("``", ""),
        ("| tdx: one |", "tdx: one"),
        ("tdx | one", "tdx | one"),
    ],
)
def test_what_stands_round_a_line_is_taken_off(line: str, plain: str) -> None:
    assert plain_line(line) == plain


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\rc\r\r\nd", "a\nb\nc\nd"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        ("a\u00e9\n".encode("utf-16"), "a\u00e9\n"),
        ("\ufeffa\n".encode("utf-16-be"), "a\n"),
        (b"a\xff\n", "a\ufffd\n"),
        # A log in a string: more line ends that are written than real ones, in lines of a length.
        (
            b'"tdx: the first\\ntdx: the 2nd\\r\\ntdx:\\tthe 3rd\\ntdx: \\"4\\" \\u00e9\\/\\n"',
            '"tdx: the first\ntdx: the 2nd\ntdx:\tthe 3rd\ntdx: "4" \u00e9/\n"',
        ),
        (b'"tdx: the first\\ntdx: the 2nd\\n"', '"tdx: the first\\ntdx: the 2nd\\n"'),
        (b"a\\nb\\nc\\nd\\n", "a\\nb\\nc\\nd\\n"),
        (
            b'{"MESSAGE": "tdx: the first\\ntdx: the 2nd\\ntdx: the third\\n"}',
            '{"MESSAGE": "tdx: the first\\ntdx: the 2nd\\ntdx: the third\\n"}',
        ),
        (
            b"tdx: the first\\n\ntdx: the second\\n\ntdx: the third\\n\n",
            "tdx: the first\\n\ntdx: the second\\n\ntdx: the third\\n\n",
        ),
    ],
)
def test_bytes_become_lines(data: bytes, text: str) -> None:
    assert decode(data, "t") == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\n\nb", [(1, "a"), (2, ""), (3, "b")]),
        # Quoted-printable: a sign of equality at the end joins a line with the next.
        ("a =3D=\n b\nc=C3=A9\nd", [(1, "a = b"), (3, "c\u00e9"), (4, "d")]),
        ("a =3D b = c", [(1, "a =3D b = c")]),
        (
            "From: x\nContent-Transfer-Encoding: base64\n\nYTogMQ0K\nYjogMg==\n--b--\nc",
            [(1, "From: x"), (2, "Content-Transfer-Encoding: base64"), (3, ""), (4, "a: 1"),
             (4, "b: 2"), (6, "--b--"), (7, "c")],
        ),
        (
            "Content-Transfer-Encoding: quoted-printable\nX: y\n\na=\nb\nc=3D\n--b\n"
            "content-transfer-encoding: base64\n\nZA==",
            [(1, "Content-Transfer-Encoding: quoted-printable"), (2, "X: y"), (3, ""), (4, "ab"),
             (6, "c="), (7, "--b"), (8, "content-transfer-encoding: base64"), (9, ""), (10, "d")],
        ),
        (
            "Content-Transfer-Encoding: base64\n\nno base64!\nFrom me",
            [(1, "Content-Transfer-Encoding: base64"), (2, ""), (3, "no base64!"), (4, "From me")],
        ),
    ],
)  # fmt: skip
def test_lines_keep_the_numbers_that_they_have_in_the_file(
    text: str, lines: list[tuple[int, str]]
) -> None:
    """Expect those of an encoded part to have the number of its first line."""
    assert plain_lines(text) == lines


def _records(*lines: str) -> list[Record]:
    return list(unpacked(enumerate(lines, start=1)))


@pytest.mark.parametrize(
    ("lines", "records"),
    [
        (["tdx: one", ""], [Record(1, "tdx: one"), Record(2, "")]),
        # /dev/kmsg, with a caller, an escape and a property.
        (
            ["6,12,1500000,-;tdx: a\\x20b", "6,13,1500001,-,caller=T1;tdx: two", " SUBSYSTEM=x"],
            [
                Record(1, "tdx: a b", 1.5, is_record=True),
                Record(2, "tdx: two", 1.500001, is_record=True),
                Record(3, " SUBSYSTEM=x"),
            ],
        ),
        (
            ['{"MESSAGE": "tdx: one", "_SOURCE_MONOTONIC_TIMESTAMP": "2500000"}'],
            [Record(1, "tdx: one", 2.5, is_record=True)],
        ),
        (
            ['{"dmesg": [{"time": 0.5, "msg": "tdx: one"}, {"time": 1.5, "msg": "two "}]}'],
            [
                Record(1, "tdx: one", 0.5, is_record=True),
                Record(1, "two", 1.5, is_record=True),
            ],
        ),
        (
            ['{"log": "tdx: one\\n", "time": "2025-01-01"}'],
            [Record(1, "tdx: one", is_record=True)],
        ),
        (['{"MESSAGE": [116, 100, 120]}'], [Record(1, "tdx", is_record=True)]),
        (['{"MESSAGE": [116, 300]}'], [Record(1, "t\ufffd", is_record=True)]),
        # Not the kernel's.
        (['{"MESSAGE": "tdx: one", "_TRANSPORT": "stdout"}'], []),
        (
            ['{"MESSAGE": "tdx: one", "_TRANSPORT": "kernel"}'],
            [Record(1, "tdx: one", is_record=True)],
        ),
        # Export and verbose: a key in each line.
        (
            ["_TRANSPORT=kernel", "MESSAGE=tdx: one", "_SOURCE_MONOTONIC_TIMESTAMP=500000", "",
             "MESSAGE=tdx: two"],
            [Record(2, "tdx: one", 0.5, is_record=True), Record(5, "tdx: two", is_record=True)],
        ),
        (
            ["MESSAGE=tdx: one", "MESSAGE=tdx: two", "", "prose"],
            [Record(1, "tdx: one", is_record=True), Record(2, "tdx: two", is_record=True),
             Record(4, "prose")],
        ),
        (
            ["Wed 2025-04-09 13:03:01.000000 UTC [s=0;i=1;b=aa;m=0]", "    MESSAGE=tdx: one",
             "Wed 2025-04-09 13:03:01.000000 UTC [s=0;i=1;b=bb;m=0]", "    MESSAGE=tdx: two"],
            [Record(2, "tdx: one", is_record=True), Record(4, BOOT_LINE),
             Record(4, "tdx: two", is_record=True)],
        ),
        # JSON with a key in each line.
        (
            ["{", '  "time" : 1.25,', '  "msg" : "tdx: one"', "},{", '  "msg": "tdx: two",', "}"],
            [Record(3, "tdx: one", 1.25, is_record=True), Record(5, "tdx: two", is_record=True)],
        ),
        # Another boot.
        (
            ['{"MESSAGE": "one", "_BOOT_ID": "a"}', '{"MESSAGE": "two", "_BOOT_ID": "a"}',
             '{"MESSAGE": "three"}', '{"MESSAGE": "four", "_BOOT_ID": "b"}'],
            [Record(1, "one", is_record=True), Record(2, "two", is_record=True),
             Record(3, "three", is_record=True), Record(4, BOOT_LINE),
             Record(4, "four", is_record=True)],
        ),
    ],
)  # fmt: skip
def test_records_give_their_messages_and_other_lines_stay(
    lines: list[str], records: list[Record]
) -> None:
    assert _records(*lines) == records


CMR = "virt/tdx: CMR: [0x100000,"


def _joined(*texts: tuple[str, bool]) -> list[tuple[int, str, tuple[str, ...]]]:
    lines = [(LogLine(number, text, None), begins) for number, (text, begins) in
             enumerate(texts, start=1)]  # fmt: skip
    return [(line.number, line.text, line.parts) for line in joined(lines)]


def test_a_line_that_mail_broke_is_joined_where_a_kernel_prints_the_whole() -> None:
    """Expect parts joined by a space or by nothing, whichever makes a line that is known."""
    assert _joined((CMR, True), (" 0x80000000)", False), ("usb 1: x", False)) == [
        (1, "virt/tdx: CMR: [0x100000, 0x80000000)", (CMR, "0x80000000)")),
        (3, "usb 1: x", ()),
    ]
    assert _joined(("virt/tdx: CMR: [0x1000", True), ("00, 0x80000000)", False)) == [
        (1, "virt/tdx: CMR: [0x100000, 0x80000000)", ("virt/tdx: CMR: [0x1000", "00, 0x80000000)"))
    ]


@pytest.mark.parametrize(
    "lines",
    [
        [(CMR, True), ("0x80000000)", True)],
        [(CMR, True), ("", False), ("0x80000000)", False)],
        [(CMR, True), ("virt/tdx: module initialized", False)],
        [(CMR, True), ("0x80000000) " + 390 * "x", False)],
        [(CMR + 400 * " ", True), ("0x80000000)", False)],
        [("virt/tdx: module initialized", True), ("ab", False)],
        [("usb 1:", True), ("device", False)],
    ],
)
def test_lines_that_are_no_parts_of_one_stay(lines: list[tuple[str, bool]]) -> None:
    assert _joined(*lines) == [(n, text, ()) for n, (text, _) in enumerate(lines, start=1)]


def test_a_command_line_goes_on_up_to_40_lines_until_something_else_begins() -> None:
    first = ("Command line: ro", True)
    rest = [(f"a{i}=1", False) for i in range(41)]
    [whole, left] = _joined(first, *rest)
    assert whole[1] == "Command line: ro " + " ".join(f"a{i}=1" for i in range(40))
    assert left == (42, "a40=1", ())
    for end in (("quiet", True), ("", False), ("virt/tdx: module initialized", False)):
        assert [text for _, text, _ in _joined(first, (" nosmt", False), end)] == [
            "Command line: ro nosmt",
            end[0],
        ]
