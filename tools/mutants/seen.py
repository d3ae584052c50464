# SPDX-License-Identifier: Apache-2.0
"""Which definitions a test runs: what else is changed, it cannot notice."""

from __future__ import annotations

import ast
import mmap
from pathlib import Path

from tools.mutants.changes import within

#: The module that is added to tdxctl: a byte for each definition, shared with all processes.
_MODULE = """
import mmap
from pathlib import Path
with open(Path(__file__).parent.parent.with_suffix(".seen"), "r+b") as file:
    seen = mmap.mmap(file.fileno(), 0)
"""
_NAME = "seen_by_a_test"
_IMPORT = ast.parse(f"from tdxctl.{_NAME} import seen as _{_NAME}").body

#: A definition: its file, and its name as mutants have it.
Definition = tuple[str, str]


def instrument(copy: Path) -> list[Definition]:
    """Have every function of a copy of the checkout tell that it runs; which there are."""
    definitions: list[Definition] = []
    for path in sorted((copy / "tdxctl").rglob("*.py")):
        tree = ast.parse(path.read_text())
        _instrument(tree, "", str(path.relative_to(copy)), definitions)
        at = _behind_docstring(tree.body)
        while at < len(tree.body) and _is_future(tree.body[at]):
            at += 1
        tree.body[at:at] = _IMPORT
        path.write_text(ast.unparse(ast.fix_missing_locations(tree)))
    (copy / "tdxctl" / f"{_NAME}.py").write_text(_MODULE)
    copy.with_suffix(".seen").write_bytes(bytes(max(1, len(definitions))))
    return definitions


def _instrument(node: ast.AST, definition: str, file: str, definitions: list[Definition]) -> None:
    for child in ast.iter_child_nodes(node):
        inner = within(child, definition)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            tells = ast.parse(f"_{_NAME}[{len(definitions)}] = 1").body
            definitions.append((file, inner))
            at = _behind_docstring(child.body)
            _instrument(child, inner, file, definitions)
            child.body[at:at] = tells
        else:
            _instrument(child, inner, file, definitions)


def _behind_docstring(body: list[ast.stmt]) -> int:
    match body[:1]:
        case [ast.Expr(ast.Constant(str()))]:
            return 1
        case _:
            return 0


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


class Seen:
    """What was run in a copy since it was last asked."""

    def __init__(self, copy: Path) -> None:
        with copy.with_suffix(".seen").open("r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)

    def taken(self) -> tuple[int, ...]:
        """The numbers of the definitions that were run; none is, from here on."""
        found = bytes(self.bytes)
        self.bytes[:] = bytes(len(found))
        return tuple(i for i, ran in enumerate(found) if ran)
