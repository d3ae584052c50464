# SPDX-License-Identifier: Apache-2.0
"""`-k EXPR`: words with and, or, not and parentheses; a word selects names that contain it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tdxctl.errors import UsageError
from tdxctl.units import printable

Selector = Callable[[str], bool]

_TOKEN = re.compile(r"\s*(\(|\)|[^\s()]+)")


def selector(expression: str) -> Selector:
    """Which names expression selects. Raises UsageError."""
    return _Parser(expression).parse()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _TOKEN.findall(expression)

    def parse(self) -> Selector:
        chosen = self._or()
        if self._tokens:
            raise self._error()
        return chosen

    def _or(self) -> Selector:
        left = self._and()
        while self._next("or"):
            left = _either(left, self._and())
        return left

    def _and(self) -> Selector:
        left = self._not()
        while self._next("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Selector:
        if self._next("not"):
            inner = self._not()
            return lambda name: not inner(name)
        if self._next("("):
            inner = self._or()
            if not self._next(")"):
                raise self._error()
            return inner
        if not self._tokens or self._tokens[0] in ("and", "or", ")"):
            raise self._error()
        word = self._tokens.pop(0).lower()
        return lambda name: word in name.lower()

    def _next(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            del self._tokens[0]
            return True
        return False

    def _error(self) -> UsageError:
        return UsageError(
            f"-k cannot read '{printable(self._expression)}'",
            hint="words with and, or, not and parentheses: 'v5 and not offline'",
        )


def _either(left: Selector, right: Selector) -> Selector:
    return lambda name: left(name) or right(name)


def _both(left: Selector, right: Selector) -> Selector:
    return lambda name: left(name) and right(name)
