# SPDX-License-Identifier: Apache-2.0
"""Text that tries to be more than text, for whoever reads it: terminals, CI systems, browsers."""

from __future__ import annotations

_CONTROL = [f"a{chr(code)}b" for code in (*range(1, 0x20), *range(0x7F, 0xA0))]
_BIDIRECTIONAL = [
    f"user{chr(code)}nimda"
    for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
]
_INVISIBLE = [
    f"a{chr(code)}::error::FORGED"
    for code in (0xA0, 0xAD, 0x200B, 0x2028, 0x2029, 0x2060, 0x3000, 0xFEFF, 0xFFF9, 0xE0041)
]
_NO_CHARACTERS = [
    f"a{chr(code)}b"
    for code in (0x378, 0xD800, 0xDBFF, 0xDC00, 0xDC80, 0xDCFF, 0xDFFF, 0xE000, 0xFFFE, 0x10FFFF)
]
_ESCAPES = [
    "\x1b[31mred",
    "\x1b[2J\x1b[H",
    "\x1b[1A\x1b[2KFORGED",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x.invalid\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1bPq\x1b\\",
    "\x1bc",
    "\x1b[?1049h",
    "\x9b31mred",
    "\x1b[6n",
    "\r\x1b[KFORGED",
    "a\bb\b\bFORGED",
]
_COMMANDS = [
    form.format(name)
    for name in ("error", "warning", "notice", "group", "add-mask", "stop-commands", "set-env")
    for form in (
        "::{0}::FORGED",
        "  ::{0} file=x::FORGED",
        "x\n::{0}::FORGED",
        "##[{0}]FORGED",
        "x ##[{0}]FORGED",
    )
] + [
    "x\r\n::error::FORGED",
    "x\r::error::FORGED",
    "x\u2028::error::FORGED",
    "x\x85::error::FORGED",
    "x%0A::error::FORGED",
    "##vso[task.setvariable variable=x]FORGED",
    "##teamcity[buildProblem description='FORGED']",
    "\n##[command]FORGED",
    ":",
    "::",
    ":::",
    "##[",
]
_MARKUP = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "]]><x>",
    "<!-- ",
    "-->",
    "<?xml version='1.0'?>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>",
    "&lt;b&gt;",
    "&y;",
    "[bold red]x[/]",
    "[link=http://x.invalid]x[/link]",
    "[/]",
    ":warning:",
    "*a* _b_ `c` ~d~",
    "a | b |\n| FORGED | c |",
    "![x](http://x.invalid/x.png)",
    "${{ secrets.TOKEN }}",
    "$(id)",
    "`id`",
    "%s%n%d",
    "{0}{x}",
    "{{7*7}}",
    "\\x1b[31m",
    "\\n::error::FORGED",
    "\\",
    "'",
    '"',
    "'''",
    "x # SKIP",
    "x # TODO FORGED",
    "\nok 1 FORGED",
    "\nnot ok 1 FORGED",
    "\nBail out! FORGED",
    "\n1..0 FORGED",
    "\nFORGED: valid",
    "\nx.yaml:1:1: FORGED",
    "\n\n  hint: FORGED",
    "error: FORGED",
]
_YAML = [
    "!!python/object/apply:os.system [id]",
    "&a *a",
    "<<",
    "*x",
    "? x",
    "- x",
    "%TAG ! !",
    "---\nx: FORGED",
    "...",
    "@x",
    "{a: b",
    "[a, b",
    "x: y: z",
    "x #y",
    "|",
    ">",
    "~",
    "=",
]
_ODD = [
    " ",
    "  x  ",
    "x" * 5000,
    "9" * 5000,
    "0x" + "f" * 5000,
    "(" * 500,
    "-" * 100,
    "--format",
    "-",
    "e\u0301" + "\u0301" * 50,
    "\u05d0\u05d1\u05d2",
    "\U0001f468\u200d\U0001f469",
    "\u0661\u0662",
    "None",
    "nan",
    "1e999",
    "../../x",
    "./x.yaml",
]

#: Each once.
STRINGS = [
    *_CONTROL,
    *_BIDIRECTIONAL,
    *_INVISIBLE,
    *_NO_CHARACTERS,
    *_ESCAPES,
    *_COMMANDS,
    *_MARKUP,
    *_YAML,
    *_ODD,
]
