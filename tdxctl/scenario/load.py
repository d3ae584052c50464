# SPDX-License-Identifier: Apache-2.0
"""From scenario files to cases, or to every problem in them."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from itertools import product
from pathlib import PurePath
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from tdxctl.errors import DescriptionError, Diagnostic, UsageError
from tdxctl.linux.lookup import find_kernel
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import BOOT_FAULT_KEYS, FAULT_KEYS
from tdxctl.platform.load import load_file, platform_of
from tdxctl.platform.problems import Shape, model_problems
from tdxctl.platform.reading import read
from tdxctl.platform.settings import with_settings
from tdxctl.platform.shipped import resolve
from tdxctl.platform.source import Mark, Path, Source, dotted, got, in_order, shortened
from tdxctl.platform.text import read_bytes
from tdxctl.scenario.description import SCHEMA, Case, Expected, Step
from tdxctl.scenario.model import (
    MAX_AXES,
    MAX_CASES,
    OPERATIONS,
    ExpectModel,
    ScenarioModel,
    StepModel,
    kernel_text,
)
from tdxctl.units import FILE_SUFFIXES, printable


def load_cases(path: str) -> list[Case]:
    """The cases of the scenario at path. Raises DescriptionError with every problem."""
    return cases_in(read_bytes(path), path, is_json=path.lower().endswith(".json"))


def cases_in(data: bytes, path: str, *, is_json: bool) -> list[Case]:
    """The same of a scenario that was read; a platform's file is found from path."""
    document = read(data, path, is_json=is_json)
    model, error = None, None
    if isinstance(document.data, dict):
        try:
            model = ScenarioModel.model_validate(document.data)
        except ValidationError as found:
            error = found
    problems = in_order(_problems(document, error))
    if problems or model is None:
        raise DescriptionError(problems)
    cases = list(_cases(document, model, path))
    # What is wrong with the platform itself is wrong before anything runs.
    cases[0].platform()
    return cases


def _problems(document: Source, error: ValidationError | None) -> Iterator[Diagnostic]:
    yield from document.problems
    if not isinstance(document.data, dict):
        yield document.problem((), f"must be a mapping ({got(document.data)})")
        return
    if error is not None:
        yield from model_problems(document, error, _SHAPE)
    yield from _cross_checks(document)


_PLATFORM: Path = ("platform",)


@cache
def _json_schema() -> dict[str, Any]:
    return ScenarioModel.model_json_schema()


_SHAPE = Shape(_json_schema, lambda _: FAULT_KEYS)


def _cross_checks(document: Source) -> Iterator[Diagnostic]:
    data: Any = document.data
    steps = data.get("steps")
    for i, step in enumerate(steps if isinstance(steps, list) else []):
        if not isinstance(step, dict):
            continue
        asked = [name for name in OPERATIONS if name in step]
        if len(asked) != 1:
            what = "must have one operation" if not asked else f"has {len(asked)} operations"
            hint = f"one of: {', '.join(OPERATIONS)}"
            yield document.problem(("steps", i), what, hint=hint)
        elif step[asked[0]] is None:
            yield document.problem(("steps", i, asked[0]), "must not be empty")
        on = step.get("expect_on")
        for kernel in on if isinstance(on, dict) else ():
            try:
                find_kernel(kernel)
            except UsageError as error:
                where: Path = ("steps", i, "expect_on", kernel)
                yield document.problem(where, error.message, hint=error.hint, at_key=True)
        fault = step.get("fault")
        if isinstance(fault, dict) and BOOT_FAULT_KEYS & fault.keys():
            yield document.problem(
                ("steps", i, "fault"),
                "is one of the boot, which is over",
                hint="put it into the platform's faults",
            )
    yield from _matrix_problems(document, data)


def _matrix_problems(document: Source, data: dict[str, Any]) -> Iterator[Diagnostic]:
    found, kernels = data.get("matrix"), data.get("kernel")
    matrix = found if isinstance(found, dict) else {}
    if len(matrix) > MAX_AXES:
        yield document.problem(("matrix",), f"has more than {MAX_AXES} keys")
        return
    size = len(kernels) if isinstance(kernels, list) and "kernel" not in matrix else 1
    for name, values in matrix.items():
        if isinstance(values, list):
            size *= len(values)
            if not values:
                yield document.problem(("matrix", name), "must not be empty")
    if size > MAX_CASES:
        at: Path = ("matrix",) if matrix else ("kernel",)
        yield document.problem(at, f"makes more than {MAX_CASES} cases")


def _cases(document: Source, model: ScenarioModel, path: str) -> Iterator[Case]:
    known_as = cache(partial(_known_kernel, document))
    name = model.name or printable(PurePath(path).stem)
    matrix = dict(model.matrix)
    kernels = [kernel_text(k) for k in matrix.pop("kernel")] if "kernel" in matrix else model.kernel
    waived, line = model.expect_failure, document.value_marks.get((), (1, 1))[0]
    described = _described(document, model, path)
    own = {key: _setting(key, value) for key, value in model.set_.items()}
    axes = [
        [(key, _label(key, value), _setting(key, value)) for value in values]
        for key, values in matrix.items()
    ]
    steps = {known: _steps(document, model, known) for known in {*map(known_as, kernels)}}
    for cell in product(*axes):
        settings = own | {key: setting for key, _, setting in cell}
        platform = partial(_platform, described, tuple(settings.values()))
        for kernel in kernels:
            known = known_as(kernel)
            labels = [label for _, label, _ in cell]
            if len(kernels) > 1:
                labels.insert(0, kernel)
            yield Case(
                file=path,
                line=line,
                name=f"{name}[{','.join(labels)}]" if labels else name,
                description=model.description,
                platform=platform,
                kernel=known,
                steps=steps[known],
                waived=waived,
            )


def _known_kernel(document: Source, kernel: str) -> str:
    try:
        return find_kernel(kernel).id
    except UsageError as error:
        what = document.problem(("matrix", "kernel"), error.message, hint=error.hint)
        raise DescriptionError((what,)) from None


def _label(key: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{shortened(key)}={shortened(text)}"


def _setting(key: str, value: object) -> str:
    return f"{key}={json.dumps(value)}"


class _Described(Struct, frozen=True):
    """What a scenario says its platform is: what names it, or the description in place.

    at: where the scenario says so. settings: the path and the place of each `PATH=VALUE` on top.
    """

    named: str | None
    inline: Source
    file: str
    at: Mark
    settings: dict[str, tuple[str, Mark]]


def _described(document: Source, model: ScenarioModel, path: str) -> _Described:
    # A description in place keeps its lines.
    def inside(marks: dict[Path, Mark]) -> dict[Path, Mark]:
        return {path[1:]: mark for path, mark in marks.items() if path[:1] == _PLATFORM}

    in_place = not isinstance(model.platform, str)
    inline = Source(
        file=document.file,
        data=model.platform if in_place else None,
        value_marks=inside(document.value_marks) if in_place else {},
        key_marks=inside(document.key_marks) if in_place else {},
    )
    at = document.value_marks.get(_PLATFORM, (1, 1))
    settings = {text: (dotted(at), _mark(document, at)) for text, at in _settings(model)}
    return _Described(None if in_place else model.platform, inline, path, at, settings)


def _settings(model: ScenarioModel) -> Iterator[tuple[str, Path]]:
    # `PATH=VALUE` and where the scenario says so; a value of `set` stands at its key.
    for key, value in model.set_.items():
        yield _setting(key, value), ("set", key)
    for key, values in model.matrix.items():
        for n, value in enumerate(values):
            yield _setting(key, value), ("matrix", key, n)


def _mark(document: Source, path: Path) -> Mark:
    return document.key_marks.get(path) or document.value_marks.get(path, (1, 1))


def _platform(described: _Described, settings: tuple[str, ...]) -> Platform:
    try:
        if described.named is not None:
            return _read_once(_relative(described.named, described.file), settings)
        data = copy.deepcopy(described.inline.data)
        given = msgspec.structs.replace(described.inline, data=data, settings={})
        return platform_of(with_settings(given, settings), default_name="inline")
    except (DescriptionError, UsageError) as error:
        problems = [_at_the_scenario(described, problem) for problem in error.diagnostics()]
        raise DescriptionError(tuple(problems)) from None


def _at_the_scenario(described: _Described, problem: Diagnostic) -> Diagnostic:
    # Where it can be mended: in the platform's file, at what is set, or where the platform is
    # named. What is wrong in place has its line already.
    if problem.file == described.file and problem.line is not None:
        return problem._replace(path=f"platform.{problem.path}" if problem.path else "platform")
    line, column = described.at
    if problem.file is not None and not problem.file.startswith(_SET):
        told = (problem.detail, f"the platform of {printable(described.file)}:{line}")
        return problem._replace(detail="; ".join(filter(None, told)))
    path, (line, column) = _set_at(described, problem) or ("platform", described.at)
    where = f"{printable(problem.path)} " if problem.path and problem.path not in path else ""
    return problem._replace(
        summary=where + problem.summary, file=described.file, line=line, column=column, path=path
    )


_SET = "--set "


def _set_at(described: _Described, problem: Diagnostic) -> tuple[str, Mark] | None:
    # What is set that the problem is about: in its place of a file, or at the head of its words.
    for setting, at in described.settings.items():
        place = _SET + setting
        if problem.file == place or problem.summary.startswith(printable(place) + ":"):
            return at
    return None


def _relative(platform: str, path: str) -> str:
    # A platform by its name, or by a file relative to the scenario.
    is_file = "/" in platform or platform.endswith(FILE_SUFFIXES)
    if not is_file:
        return resolve(platform)
    return os.path.join(os.path.dirname(path), platform.removeprefix("./"))


@lru_cache(maxsize=16)
def _read_once(path: str, settings: tuple[str, ...]) -> Platform:
    # A thousand scenarios on one platform read it once.
    return load_file(path, settings)


def _steps(document: Source, model: ScenarioModel, kernel: str) -> tuple[Step, ...]:
    return tuple(_step(document, step, i, kernel) for i, step in enumerate(model.steps))


def _step(document: Source, model: StepModel, i: int, kernel: str) -> Step:
    name = next(name for name in OPERATIONS if getattr(model, name) is not None)
    value, means = getattr(model, name), OPERATIONS[name]
    expected = dict(_expected(document, model.expect, ("steps", i, "expect")))
    for asked, on in model.expect_on.items():
        if find_kernel(asked).id == kernel:
            expected |= _expected(document, on, ("steps", i, "expect_on", asked))
    line = document.value_marks.get(("steps", i), (1, 1))[0]
    label = " ".join(filter(None, (name, means.shown(value))))
    return Step(label, line, means.operations(value), tuple(expected.values()))


def _expected(document: Source, model: ExpectModel, path: Path) -> Iterator[tuple[str, Expected]]:
    for key in ExpectModel.model_fields:
        if key not in model.model_fields_set:
            continue
        value = getattr(model, key)
        mark = document.key_marks.get((*path, key)) or document.value_marks.get(path, (1, 1))
        if key in ("log", "no_log"):
            for n, text in enumerate(value):
                at = document.value_marks.get((*path, key, n), mark)
                yield f"{key}.{n}", Expected(key, text, at[0])
        elif key == "calls":
            for leaf, bound in value.items():
                yield f"calls.{leaf}", Expected(f"calls.{leaf}", bound, mark[0])
        else:
            yield key, Expected(key, value, mark[0])


def json_schema() -> str:
    """JSON Schema, draft 2020-12, of tdxctl.scenario/1."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA}
    return json.dumps(head | _json_schema() | {"title": SCHEMA}, indent=2)
