# SPDX-License-Identifier: Apache-2.0
"""SEAMCALL scripts: YAML, a JSON array or JSON lines -> frozen entries, or every problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError

from tdxctl.errors import DescriptionError, Diagnostic
from tdxctl.platform.calls import (
    CallEntry,
    Entry,
    FaultEntry,
    ReadEntry,
    Script,
    TableEntry,
    WriteEntry,
)
from tdxctl.platform.canonical import built_one_of
from tdxctl.platform.faults import BOOT_FAULT_KEYS, FAULT_KEYS, RuntimeFault
from tdxctl.platform.fields import (
    ADDRESS,
    BRANCH_MARK,
    NAME,
    WANTED,
    Checked,
    count,
    named,
    number,
    one_of,
    parse_text,
)
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.platform.model import FaultModel, Model
from tdxctl.platform.problems import Shape, model_problems
from tdxctl.platform.reading import read, read_lines
from tdxctl.platform.source import UNREADABLE, Source, got, in_order
from tdxctl.platform.text import read_bytes
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Wanted
from tdxctl.units import LONGEST_WORD, U64_MASK, parse_size

MAX_ENTRIES = 1000
_MAX_BYTES = 1 << 16
_MAX_LIST = 4096
_KINDS = ("leaf", "tdmr", "write", "read", "fault")
_STDIN = "-"


def _rax(value: int | str) -> int:
    # A leaf by name, or the whole of RAX by number.
    if isinstance(value, str):
        try:
            value = parse_size(value)
        except ValueError:
            return Leaf.parse(value)
    if not 0 <= value <= U64_MASK:
        raise ValueError("is not a 64-bit number")
    return value


def _hex(value: object) -> bytes:
    try:
        data = bytes.fromhex(parse_text(value).removeprefix("0x"))
    except ValueError:
        raise ValueError("must be text of pairs of hex digits") from None
    if not 0 < len(data) <= _MAX_BYTES:
        raise ValueError(f"must be 1 to {_MAX_BYTES} bytes")
    return data


# Whatever fits: the module is there to judge it.
_WORD = number(0, U64_MASK, hex)


class RangeModel(Model):
    """A range by base and size."""

    base: Annotated[int, _WORD] = 0
    size: Annotated[int, _WORD] = 0


class AreaModel(Model):
    """A reserved area; offset is relative to the TDMR's base."""

    offset: Annotated[int, _WORD]
    size: Annotated[int, _WORD]


class CallModel(Model):
    """One SEAMCALL; a register that is not given is 0."""

    leaf: Annotated[
        int, named(_rax, "a leaf's name, or RAX as a number", tuple(leaf.title for leaf in Leaf))
    ]
    cpu: Annotated[int, count(0, MAX_CPUS - 1)] = 0
    version: Annotated[int, count(0, 0xFF)] = 0
    rcx: Annotated[int | None, _WORD] = None
    rdx: Annotated[int | None, _WORD] = None
    r8: Annotated[int, _WORD] = 0
    r9: Annotated[int, _WORD] = 0
    r10: Annotated[int, _WORD] = 0
    r11: Annotated[int, _WORD] = 0
    until: Annotated[int | None, _WORD] = None
    tdmrs: list[Annotated[str, NAME]] | None = Field(None, max_length=_MAX_LIST, strict=True)
    expect: Annotated[Wanted | None, WANTED] = None


class TableModel(Model):
    """A TDMR_INFO; what is not given is 0."""

    tdmr: Annotated[str, NAME]
    at: Annotated[int | None, ADDRESS] = None
    base: Annotated[int, _WORD] = 0
    size: Annotated[int, _WORD] = 0
    pamt_1g: RangeModel = RangeModel()
    pamt_2m: RangeModel = RangeModel()
    pamt_4k: RangeModel = RangeModel()
    reserved: list[AreaModel] = Field(default_factory=list, max_length=_MAX_LIST, strict=True)


class WriteModel(Model):
    """Bytes put into physical memory."""

    write: Annotated[int, ADDRESS]
    data: Annotated[bytes, Checked(_hex, {"type": "string"})]


class ReadModel(Model):
    """Bytes of physical memory to show."""

    read: Annotated[int, ADDRESS]
    length: Annotated[int, count(1, _MAX_BYTES)]


class ClearModel(Model):
    """Every scripted fault is forgotten."""

    fault: Annotated[str, one_of("clear")]


class FaultEntryModel(Model):
    """A fault, as a description has it."""

    fault: FaultModel


def _branch(entry: object) -> str | None:
    keys = entry if isinstance(entry, dict) else {}
    kind = next((key for key in _KINDS if key in keys), None)
    if kind == "fault" and not isinstance(keys["fault"], dict):
        kind = "clear"
    return None if kind is None else BRANCH_MARK + kind


_EntryModel = Annotated[
    Annotated[CallModel, Tag(BRANCH_MARK + "leaf")]
    | Annotated[TableModel, Tag(BRANCH_MARK + "tdmr")]
    | Annotated[WriteModel, Tag(BRANCH_MARK + "write")]
    | Annotated[ReadModel, Tag(BRANCH_MARK + "read")]
    | Annotated[FaultEntryModel, Tag(BRANCH_MARK + "fault")]
    | Annotated[ClearModel, Tag(BRANCH_MARK + "clear")],
    Discriminator(_branch),
]
_ScriptModel = Annotated[list[_EntryModel], Field(max_length=MAX_ENTRIES, strict=True)]


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(_ScriptModel)


_SHAPE = Shape(
    lambda: _adapter().json_schema(), lambda path: _KINDS if len(path) == 1 else FAULT_KEYS
)


def load_script(path: str) -> Script:
    """The script in the file at path, `-` for standard input.

    `.json` is an array, `.jsonl` lines; standard input that begins with `{` is lines. Raises
    DescriptionError with every problem, UsageError where there is no such file.
    """
    data = read_bytes(path)
    file = "<stdin>" if path == _STDIN else path
    lines = data.lstrip()[:1] == b"{" if path == _STDIN else path.lower().endswith(".jsonl")
    is_json = path.lower().endswith(".json")
    document = read_lines(data, file) if lines else read(data, file, is_json=is_json)
    return Script(file, script_of(document))


def script_of(document: Source) -> tuple[Entry, ...]:
    """The entries of document. Raises DescriptionError with every problem."""
    models: list[Any] = []
    error = None
    if isinstance(document.data, list):
        try:
            models = _adapter().validate_python(document.data)
        except ValidationError as found:
            error = found
    if problems := in_order(_problems(document, error)):
        raise DescriptionError(problems)
    marks = document.value_marks
    return tuple(_entry(model, marks.get((i,), (i + 1, 1))[0]) for i, model in enumerate(models))


def _problems(document: Source, error: ValidationError | None) -> Iterator[Diagnostic]:
    yield from document.problems
    if document.data is UNREADABLE:
        return  # reported where it was read
    if not isinstance(document.data, list):
        yield document.problem((), f"must be a list of calls ({got(document.data)})")
        return
    if error is not None:
        yield from model_problems(document, error, _SHAPE)
    yield from _cross_checks(document)


def _cross_checks(document: Source) -> Iterator[Diagnostic]:
    # Of the raw data, passing over whatever is malformed by itself, which the model reports.
    known: dict[str, None] = {}
    for i, entry in enumerate(document.data if isinstance(document.data, list) else []):
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("tdmr"), str):
            known[entry["tdmr"]] = None
        names = entry.get("tdmrs")
        for n, name in enumerate(names if isinstance(names, list) else []):
            if isinstance(name, str) and name not in known:
                near = difflib.get_close_matches(name[:LONGEST_WORD], known, n=1)
                yield document.problem(
                    (i, "tdmrs", n),
                    "is the name of no TDMR_INFO table above",
                    detail=got(name),
                    hint=f"did you mean {near[0]}?" if near else None,
                )
        if "until" in entry and not _is_tdmr_init(entry.get("leaf")):
            yield document.problem((i, "until"), "is for TDH.SYS.TDMR.INIT only")
        fault = entry.get("fault")
        if isinstance(fault, dict) and not fault.keys().isdisjoint(BOOT_FAULT_KEYS):
            yield document.problem(
                (i, "fault"),
                "is one of the boot, which is over",
                hint="put it into the platform's description",
            )


def _is_tdmr_init(leaf: object) -> bool:
    try:
        return isinstance(leaf, int | str) and _rax(leaf) == Leaf.TDH_SYS_TDMR_INIT
    except ValueError:
        return False


def _entry(model: Any, line: int) -> Entry:
    match model:
        case CallModel():
            return CallEntry(
                line=line,
                cpu=model.cpu,
                rax=model.leaf | model.version << 16,
                rcx=model.rcx,
                rdx=model.rdx,
                r8=model.r8,
                r9=model.r9,
                r10=model.r10,
                r11=model.r11,
                until=model.until,
                tdmrs=None if model.tdmrs is None else tuple(model.tdmrs),
                expect=model.expect,
            )
        case TableModel():
            return TableEntry(
                line=line,
                name=model.tdmr,
                at=model.at,
                base=model.base,
                size=model.size,
                pamt_1g=(model.pamt_1g.base, model.pamt_1g.size),
                pamt_2m=(model.pamt_2m.base, model.pamt_2m.size),
                pamt_4k=(model.pamt_4k.base, model.pamt_4k.size),
                reserved=tuple((area.offset, area.size) for area in model.reserved),
            )
        case WriteModel():
            return WriteEntry(line, model.write, model.data)
        case ReadModel():
            return ReadEntry(line, model.read, model.length)
        case FaultEntryModel():
            return FaultEntry(line, built_one_of(RuntimeFault, model.fault))
        case _:
            return FaultEntry(line, None)
