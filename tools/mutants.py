# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the checks and the layout: `make mutants`. Prints what survives.

A mutant is a source file with one small change (a comparison, an operator, a constant, a
statement left out). It is killed if a test fails on it; a survivor is either a missing test or a
change that nobody can see. Every mutant runs in a copy of the checkout, never in the checkout.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
TIMEOUT = 120.0
DISPATCH = frozenset({"_ALLOWED_BEFORE_READY", "_NOT_MODELLED", "_gate", "seamcall"})
# Stages of tests, the quickest killers first: the next one runs where nothing failed.
SYS_CONFIG = (
    ("tests/seam/test_vectors.py::test_every_sys_config", "tests/seam/test_sys_config_bounds.py"),
    ("tests/seam",),
)
GATE = (("tests/seam/test_module.py", "tests/seam/test_sys_config_bounds.py"), ("tests/seam",))
LAYOUT = (
    tuple(f"tests/layout/test_{name}.py" for name in ("cover", "holes", "pamt", "bounds")),
    ("tests/layout/test_laws.py",),
    ("tests/linux/test_vectors.py",),
)
# File: its definitions that are mutated (none: all), the tests.
TARGETS: dict[str, tuple[frozenset[str], tuple[tuple[str, ...], ...]]] = {
    "tdxctl/seam/sys_config.py": (frozenset(), SYS_CONFIG),
    "tdxctl/seam/module.py": (DISPATCH, GATE),
    "tdxctl/layout/cover.py": (frozenset(), LAYOUT),
    "tdxctl/layout/holes.py": (frozenset(), LAYOUT),
    "tdxctl/layout/pamt.py": (frozenset(), LAYOUT),
}

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
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"maximum": "minimum", "minimum": "maximum", "any": "all", "all": "any"}
_SIDES = {"left": "right", "right": "left"}


class Mutant(NamedTuple):
    """One changed file: where, what was there, what is there now, and its whole text."""

    file: str
    line: int
    original: str
    mutated: str
    source: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.original} -> {self.mutated}"


def _replacements(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901, PLR0912  # a table in words
    match node:
        case ast.Compare(left, ops, comparators):
            for i, op in enumerate(ops):
                for other in _COMPARISONS[type(op)]:
                    yield ast.Compare(left, [*ops[:i], other(), *ops[i + 1 :]], comparators)
        case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
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
        case ast.Call(ast.Name("reversed"), [value]):
            yield value
        case _:
            pass
    match node:
        case ast.If() | ast.AugAssign() | ast.Continue() | ast.Assign([ast.Attribute()]):
            yield ast.Pass()
        case ast.Expr(value) if not isinstance(value, ast.Constant):
            yield ast.Pass()
        case _:
            pass


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST, Callable[[ast.AST], None]]]:
    # Every node that runs, what it is a part of, and how another is put in its place.
    # Annotations do not run.
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "op", "ops", "ctx"}:
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):

                def put(new: Any, i: int = i, name: str = name, value: Any = value) -> None:
                    if isinstance(value, list):
                        value[i] = new
                    else:
                        setattr(node, name, new)

                yield child, node, put
                yield from _places(child)


def _text(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    return lines[0] + (" ..." if lines[1:] else "")


def mutants(file: str, names: frozenset[str]) -> Iterator[Mutant]:
    """Every mutant of the named definitions of file, always in the same order."""
    tree = ast.parse((ROOT / file).read_text())
    parts = [node for node in ast.walk(tree) if names & _defined(node)] if names else [tree]
    for part in parts:
        for node, whole, put in _places(part):
            # A number says nothing by itself: it is shown within its expression.
            within = isinstance(node, ast.Constant) and isinstance(whole, ast.expr)
            original = _text(whole if within else node)
            for new in _replacements(node):
                put(new)
                source = ast.unparse(ast.fix_missing_locations(tree))
                mutated = _text(whole if within else new)
                put(node)
                yield Mutant(file, getattr(node, "lineno", 0), original, mutated, source)


def _defined(node: ast.AST) -> set[str]:
    match node:
        case ast.FunctionDef(name):
            return {name}
        case ast.Assign([ast.Name(name)]):
            return {name}
        case _:
            return set()


def _fails(copy: Path, tests: tuple[str, ...], *, write_bytecode: bool = False) -> bool:
    # Two mutants of one second and one size share a .pyc: mutated modules never get one.
    shutil.rmtree(copy / ".hypothesis", ignore_errors=True)
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "" if write_bytecode else "1"}
    command = [sys.executable, "-m", "pytest", *options, *tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def killed_by(mutant: Mutant, copies: Queue[Path]) -> int | None:
    """The stage of tests, from 0, that fails on the mutant; None if it survives."""
    copy = copies.get()
    file = copy / mutant.file
    original = file.read_bytes()
    try:
        file.write_text(mutant.source)
        stages = TARGETS[mutant.file][1]
        return next((i for i, tests in enumerate(stages) if _fails(copy, tests)), None)
    finally:
        file.write_bytes(original)
        copies.put(copy)


def _copy(folder: Path, files: list[str]) -> Path:
    skip = shutil.ignore_patterns("__pycache__", "mutants.py")
    for name in ("tdxctl", "tests", "platforms"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for stage in dict.fromkeys(stage for file in files for stage in TARGETS[file][1]):
        if _fails(folder, stage, write_bytecode=True):
            raise SystemExit(f"{' '.join(stage)}: fails without any mutant")
    for path in (folder / file for file in files):
        for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
            cached.unlink()
    return folder


def main() -> int:
    """Run a sample of the mutants, or all. Survivors are for a reader to judge: no failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many mutants, of all files together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="text in the mutant's file:line: what -> what")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    found = [m for file, (names, _) in TARGETS.items() for m in mutants(file, names)]
    found = [mutant for mutant in found if options.only in str(mutant)]
    if options.sample is not None and options.sample < len(found):
        chosen = random.Random(options.seed).sample(range(len(found)), options.sample)
        found = [found[i] for i in sorted(chosen)]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.processes) as pool:
        copies: Queue[Path] = Queue()
        files = list(dict.fromkeys(mutant.file for mutant in found))
        folders = [Path(folder) / str(i) for i in range(options.processes)]
        for copy in pool.map(lambda folder: _copy(folder, files), folders):
            copies.put(copy)
        stages = list(pool.map(lambda mutant: killed_by(mutant, copies), found))
    for file in TARGETS:
        of_file = [stages[i] for i, mutant in enumerate(found) if mutant.file == file]
        killed = [stage for stage in of_file if stage is not None]
        by_stage = ", ".join(f"stage {i}: {killed.count(i)}" for i in sorted(set(killed)))
        if of_file:
            share = len(killed) / len(of_file)
            print(f"{file}: {len(killed)} of {len(of_file)} killed, {share:.1%} ({by_stage})")
    survivors = [mutant for mutant, stage in zip(found, stages, strict=True) if stage is None]
    for mutant in survivors:
        print(f"survived: {mutant}")
    seconds = time.perf_counter() - started
    print(f"{len(found)} mutants, {len(survivors)} survivors, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
