# SPDX-License-Identifier: Apache-2.0
"""`-k EXPR`: words with and, or, not and parentheses; a word selects names that contain it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tdxctl.errors import UsageError
from tdxctl.platform.source import shortened

Selector = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")
# Each is looked at once for each scenario's name.
_MAX_TOKENS = 1000
# How strongly an operator binds; a parenthesis is left to its other half.
_BINDING = {"(": 0, "or": 1, "and": 2, "not": 3}


def selector(expression: str) -> Selector:
    """Which names expression selects. Raises UsageError."""
    postfix = _postfix(expression)

    def chosen(name: str) -> bool:
        lowered = name.lower()
        held: list[bool] = []
        for operator, word in postfix:
            if operator == "word":
                held.append(word in lowered)
            elif operator == "not":
                held.append(not held.pop())
            else:
                last, first = held.pop(), held.pop()
                held.append((first and last) if operator == "and" else (first or last))
        return held.pop()

    return chosen


def _postfix(expression: str) -> list[tuple[str, str]]:
    # Operators behind their operands, `(operator, "")` and `("word", word)`: without recursion,
    # an expression may be nested as deep as it likes.
    tokens = _TOKEN.findall(expression)
    if len(tokens) > _MAX_TOKENS:
        raise UsageError(f"-k takes at most {_MAX_TOKENS} words and parentheses")
    found: list[tuple[str, str]] = []
    waiting: list[str] = []
    operand_next = True
    for token in tokens:
        if operand_next and token in ("not", "("):
            waiting.append(token)
        elif operand_next == (token in ("and", "or", ")")) or token in ("not", "("):
            raise _error(expression)
        elif operand_next:
            found.append(("word", token.lower()))
            operand_next = False
        elif token == ")":
            found += _taken(waiting, _BINDING["("])
            if not waiting:
                raise _error(expression)
            waiting.pop()
        else:
            found += _taken(waiting, _BINDING[token] - 1)
            waiting.append(token)
            operand_next = True
    found += _taken(waiting, _BINDING["("])
    if operand_next or waiting:
        raise _error(expression)
    return found


def _taken(waiting: list[str], binding: int) -> list[tuple[str, str]]:
    # The operators at the end of waiting that bind more strongly, taken from it.
    taken = []
    while waiting and _BINDING[waiting[-1]] > binding:
        taken.append((waiting.pop(), ""))
    return taken


def _error(expression: str) -> UsageError:
    return UsageError(
        f"-k cannot read '{shortened(expression)}'",
        hint="words with and, or, not and parentheses: 'v5 and not offline'",
    )
