# SPDX-License-Identifier: Apache-2.0
"""The small changes that are made, and where."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tools.mutants.rooms import ROOT

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
}
_NAMES = {
    "maximum": "minimum",
    "minimum": "maximum",
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
}
#: What is not run: imports that annotations alone need, and the name that says so.
_TYPES_ALONE = "TYPE_CHECKING"
_SIDES = {"left": "right", "right": "left"}


class Mutant(NamedTuple):
    """A change of a file: in which definition (Class.method, or "" where in none) and line, what
    was there and what is there now, and its number among all changes of the file.
    """

    file: str
    definition: str
    line: int
    original: str
    mutated: str
    number: int

    @property
    def name(self) -> str:
        """What it is called where lines have moved."""
        return f"{self.file} {self.definition}: {self.original} -> {self.mutated}"

    def __str__(self) -> str:
        where = f" ({self.definition})" if self.definition else ""
        return f"{self.file}:{self.line}{where}: {self.original} -> {self.mutated}"


def _replacements(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912  # a table in words
    match node:
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in _COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
        case ast.BinOp(left, ast.BitOr(), right) if _is_arithmetic(left, right):
            yield ast.BinOp(left, ast.BitAnd(), right)
        case ast.AugAssign(target, op, value) if type(op) in _OPERATORS:
            yield ast.AugAssign(target, _OPERATORS[type(op)](), value)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
            for i in range(len(values)):
                yield ast.BoolOp(op, [*values[:i], *values[i + 1 :]])
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(str() as value) if value in _SIDES:
            yield ast.Constant(_SIDES[value])
        case ast.Attribute(value, name) if name in _NAMES:
            yield ast.Attribute(value, _NAMES[name])
        case ast.Call(ast.Name(name), arguments, keywords) if name in _NAMES:
            yield ast.Call(ast.Name(_NAMES[name]), arguments, keywords)
        case ast.Call(ast.Name("reversed" | "sorted"), [value]):
            yield value
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case _:
            pass
    match node:
        case ast.If(ast.Name(name)) if name == _TYPES_ALONE:
            pass
        case ast.If() | ast.AugAssign() | ast.Continue() | ast.Raise():
            yield ast.Pass()
        case ast.Assign([ast.Attribute()]):
            yield ast.Pass()
        case ast.Expr(value) if not isinstance(value, ast.Constant):
            yield ast.Pass()
        case _:
            pass


def _is_arithmetic(left: ast.expr, right: ast.expr) -> bool:
    # `a | b` of two names may be a type; of a shift, a number or a sum it is none.
    return any(isinstance(side, ast.BinOp | ast.Constant) for side in (left, right)) and not any(
        isinstance(node, ast.Constant) and node.value is None
        for side in (left, right)
        for node in ast.walk(side)
    )


class _Place(NamedTuple):
    # A node that runs, what it is a part of, in which definition, and how another is put there.
    node: ast.AST
    whole: ast.AST
    definition: str
    put: Callable[[ast.AST], None]


def _places(node: ast.AST, definition: str = "", whole: ast.AST | None = None) -> Iterator[_Place]:
    # Annotations do not run, but for those of a record's fields: they are its declaration.
    skipped = {"returns", "op", "ops", "ctx", "type_params"}
    if not isinstance(node, ast.AnnAssign):
        skipped.add("annotation")
    if isinstance(node, ast.keyword) and _is_guard(node, whole):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _TYPES_ALONE:
        return
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):

                def put(new: Any, i: int = i, name: str = name, value: Any = value) -> None:
                    if isinstance(value, list):
                        value[i] = new
                    else:
                        setattr(node, name, new)

                # A keyword is shown with its call.
                around = whole if isinstance(node, ast.keyword) and whole else node
                yield _Place(child, around, definition, put)
                yield from _places(child, within(child, definition), node)


def _is_guard(keyword: ast.keyword, whole: ast.AST | None) -> bool:
    # What only stops code that is wrong already: a record that is not written to, or has no other
    # attributes; lists that are of one length.
    match whole:
        case ast.ClassDef():
            return keyword.arg == "frozen"
        case ast.Call(ast.Name("dataclass")):
            return keyword.arg in ("frozen", "slots")
        case ast.Call(ast.Name("zip")):
            return keyword.arg == "strict"
        case _:
            return False


def within(node: ast.AST, definition: str) -> str:
    """The definition that what is in node is in, where node is in that one."""
    match node:
        case ast.FunctionDef(name) | ast.ClassDef(name):
            return f"{definition}.{name}".lstrip(".")
        case ast.Assign([ast.Name(name)]) | ast.AnnAssign(ast.Name(name)) if not definition:
            return name
        case _:
            return definition


def _text(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0] + (" ..." if lines[1:] else "")


def _changes(tree: ast.AST) -> Iterator[tuple[_Place, ast.AST]]:
    for place in _places(tree):
        for new in _replacements(place.node):
            yield place, new


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of a file of the checkout, always in the same order."""
    tree = ast.parse((ROOT / file).read_text())
    for number, (place, new) in enumerate(_changes(tree)):
        # A number says nothing by itself: it is shown within its expression.
        shown = isinstance(place.node, ast.Constant) and isinstance(place.whole, ast.expr)
        original = _text(place.whole if shown else place.node)
        place.put(new)
        mutated = _text(place.whole if shown else new)
        place.put(place.node)
        line = getattr(place.node, "lineno", 0)
        yield Mutant(file, place.definition, line, original, mutated, number)


def source_of(mutant: Mutant) -> str:
    """The text of its file."""
    tree = ast.parse((ROOT / mutant.file).read_text())
    for number, (place, new) in enumerate(_changes(tree)):
        if number == mutant.number:
            place.put(new)
            return ast.unparse(ast.fix_missing_locations(tree))
    raise LookupError(mutant)
