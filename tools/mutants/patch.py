# SPDX-License-Identifier: Apache-2.0
"""A mutant put into a process that has imported the original: the code of one function."""

from __future__ import annotations

import ast
import sys
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from tools.mutants.changes import Mutant, source_of
from tools.mutants.rooms import ROOT


def code_of(mutant: Mutant) -> tuple[list[str], CodeType] | None:
    """The names of the function that is changed, and its new code.

    None where something else is changed too: what is run at import, defaults, decorators.
    """
    tree = ast.parse((ROOT / mutant.file).read_text())
    names = _outermost(tree, mutant.definition.split("."))
    if names is None:
        return None
    original = compile(ast.unparse(tree), mutant.file, "exec")
    mutated = compile(source_of(mutant), mutant.file, "exec")
    new = _find(mutated, names)
    if new is None or _without_lines(_with(original, names, new)) != _without_lines(mutated):
        return None
    return names, new


def _outermost(tree: ast.AST, names: list[str]) -> list[str] | None:
    # As far as the first function.
    for at, name in enumerate(names):
        found = [
            child
            for child in ast.iter_child_nodes(tree)
            if isinstance(child, ast.FunctionDef | ast.ClassDef) and child.name == name
        ]
        if len(found) != 1:
            return None
        tree = found[0]
        if isinstance(tree, ast.FunctionDef):
            return names[: at + 1]
    return None


def _find(code: CodeType, names: list[str]) -> CodeType | None:
    for name in names:
        found = [c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name]
        if len(found) != 1:
            return None
        code = found[0]
    return code


def _with(code: CodeType, names: list[str], new: CodeType) -> CodeType:
    # The same, but for the code of that function.
    if not names:
        return new
    consts = tuple(
        _with(const, names[1:], new)
        if isinstance(const, CodeType) and const.co_name == names[0]
        else const
        for const in code.co_consts
    )
    return code.replace(co_consts=consts)


def _without_lines(code: CodeType) -> CodeType:
    consts = tuple(_without_lines(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=consts, co_firstlineno=1, co_linetable=b"")


def put(file: str, names: list[str], new: CodeType) -> bool:
    """Put the code in place of the function's, in this process; whether that could be done."""
    found: Any = sys.modules.get(
        file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    )
    if found is None:
        return True  # who imports it will read the file
    for each in names:
        found = vars(found).get(each)
        if found is None:
            return False
    function = _function(found)
    if function is None or function.__code__.co_freevars != new.co_freevars:
        return False
    function.__code__ = new
    return True


def _function(found: Any) -> FunctionType | None:
    # What decorators have made something else of.
    for _ in range(5):
        match found:
            case FunctionType() if not hasattr(found, "__wrapped__"):
                return found
            case property():
                found = found.fget
            case cached_property():
                found = found.func
            case staticmethod() | classmethod():
                found = found.__func__
            case _:
                found = getattr(found, "__wrapped__", None) or getattr(found, "callback", None)
    return None
