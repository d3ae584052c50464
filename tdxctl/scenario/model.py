# SPDX-License-Identifier: Apache-2.0
"""The pydantic model of a scenario: types, limits, JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from msgspec import Struct
from pydantic import Discriminator, Field, Tag

from tdxctl.errnos import Errno
from tdxctl.errors import UsageError
from tdxctl.events import STATUSES
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import DEFAULT_KERNEL, KERNELS
from tdxctl.linux.steps import PRECONDITION, SHUTDOWN, SIX_STEPS
from tdxctl.operations import (
    CpuOffline,
    CpuOnline,
    Enable,
    FaultClear,
    FaultSet,
    GuestKeyid,
    Init,
    Kexec,
    KvmLoad,
    KvmUnload,
    MemoryOnline,
    ModuleLoad,
    ModuleShutdown,
    ModuleUnload,
    ModuleUpdate,
    Operation,
)
from tdxctl.platform.canonical import built_one_of
from tdxctl.platform.faults import RuntimeFault
from tdxctl.platform.fields import (
    BRANCH_MARK,
    ERRNOS,
    FLAG,
    LEAF,
    NAME,
    TEXT,
    VERSION,
    WANTED,
    Checked,
    count,
    named,
    one_of,
    parse_text,
)
from tdxctl.platform.limits import MAX_CPUS
from tdxctl.platform.model import FaultModel, Model
from tdxctl.platform.source import WrittenFloat, shortened
from tdxctl.scenario.description import SCHEMA, BootAgain, Bound, OfEachCpu, Printed, RunCommand
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Wanted
from tdxctl.units import Cpulist, parse_range, parse_runs, parse_size, printable
from tdxctl.verdicts import IDS as HOST_VERDICTS

MAX_STEPS = 1000
#: Of a matrix and the kernels together.
MAX_CASES = 1000
#: Of more than one value each there can be no more than nine.
MAX_AXES = 16
_KERNEL_IDS = [kernel.id for kernel in KERNELS]


def kernel_text(value: object) -> str:
    """A kernel's id as it was written: 6.10 is not 6.1."""
    if isinstance(value, WrittenFloat):
        return value.text
    return str(value) if isinstance(value, float) else parse_text(value)


def _kernels(value: object) -> list[str]:
    if value == "all":
        return list(_KERNEL_IDS)
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ValueError("must name at least one kernel")
    return [_kernel(entry) for entry in entries]


def _kernel(value: object) -> str:
    text = kernel_text(value)
    try:
        return find_kernel(text).id
    except UsageError as error:
        raise ValueError(f"names no kernel: '{printable(text)}'", error.hint) from None


def _bound(parse: Any) -> Any:
    def check(value: object) -> Bound:
        if isinstance(value, dict):
            wrong = set(value) - {"at_least", "at_most"}
            if wrong or not value:
                raise ValueError("must be a number, or {at_least, at_most}")
            low, high = value.get("at_least"), value.get("at_most")
            return Bound(None if low is None else parse(low), None if high is None else parse(high))
        number = parse(value)
        return Bound(number, number)

    return check


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, or {at_least, at_most}")
    return value


def _size(value: object) -> int:
    return parse_size(value) if isinstance(value, str) else _number(value)


def _calls(value: object) -> dict[str, Bound]:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of leaves to numbers of calls")
    found = {}
    for leaf, number in value.items():
        try:
            title = Leaf.parse(leaf).title
        except ValueError as error:
            raise ValueError(f"'{printable(str(leaf))}' {error}") from None
        found[title] = _bound(_number)(number)
    return found


def _returned(value: int | str) -> int:
    return 0 if value in (0, "0") else -Errno.parse(value)


def _cpus(value: object) -> Cpulist:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_CPUS:
        value = str(value)
    cpus = parse_runs(parse_text(value), limit=MAX_CPUS)
    if not len(cpus):
        raise ValueError("must name at least one CPU")
    return cpus


def _range(value: object) -> tuple[int, int]:
    return parse_range(parse_text(value))


def _command(value: object) -> RunCommand:
    environment: dict[str, str] = {}
    if isinstance(value, dict):
        if "command" not in value or set(value) - {"command", "env"}:
            raise ValueError("must be a command, or {command, env}")
        given = value.get("env", {})
        if not isinstance(given, dict):
            raise ValueError("env must be a mapping of names to texts")
        environment = {parse_text(name): parse_text(text) for name, text in given.items()}
        value = value["command"]
    words = ["sh", "-c", value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise ValueError("must be a line for a shell, or a list of words")
    texts = tuple(parse_text(word) for word in words)
    if any("\0" in text for text in (*texts, *environment, *environment.values())):
        raise ValueError("has a NUL, which no command can have")
    return RunCommand(texts, tuple(environment.items()))


def _printed(value: object) -> Printed:
    if isinstance(value, dict) and len(value) == 1:
        ((how, text),) = value.items()
        if how == "regex":
            try:
                re.compile(parse_text(text))
            except re.error as error:
                raise ValueError(f"is no regular expression: {error}") from None
        if how in _HOW_PRINTED:
            return Printed(str(how), parse_text(text))
    if isinstance(value, dict):
        raise ValueError(f"must be a text, or one of: {', '.join(_HOW_PRINTED)}")
    return Printed("exact", parse_text(value))


def _lines(value: object) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [parse_text(entry) for entry in entries]


_HOW_PRINTED = ("exact", "contains", "regex")
_PRINTED_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {how: {"type": "string"} for how in _HOW_PRINTED},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}
_WORDS_SCHEMA: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
]
_COMMAND_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_WORDS_SCHEMA,
        {
            "type": "object",
            "properties": {
                "command": {"anyOf": _WORDS_SCHEMA},
                "env": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    ]
}
_BOUND_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": ["integer", "string"]},
        {
            "type": "object",
            "properties": {
                "at_least": {"type": ["integer", "string"]},
                "at_most": {"type": ["integer", "string"]},
            },
            "additionalProperties": False,
            "minProperties": 1,
        },
    ]
}
_TEXTS: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}
_KERNEL_SCHEMA: dict[str, Any] = {"type": ["string", "number"]}
_KERNELS_SCHEMA: dict[str, Any] = {
    "anyOf": [_KERNEL_SCHEMA, {"type": "array", "items": _KERNEL_SCHEMA, "minItems": 1}]
}
_STEP_NAMES = [step.name for step in (PRECONDITION, *SIX_STEPS, SHUTDOWN)]


class ExpectModel(Model):
    """What holds after a step; what is not named is not looked at."""

    returned: Annotated[int | None, named(_returned, "0, or an errno's name or number", ERRNOS)] = (
        None
    )
    status: Annotated[str | None, one_of(*STATUSES)] = None
    host: Annotated[str | None, one_of("none", *HOST_VERDICTS)] = None
    step: Annotated[str | None, one_of("none", *_STEP_NAMES)] = None
    seamcall: Annotated[Leaf | None, LEAF] = None
    seamcall_status: Annotated[Wanted | None, WANTED] = None
    pamt: Annotated[Bound | None, Checked(_bound(_size), _BOUND_SCHEMA)] = None
    tdmrs: Annotated[Bound | None, Checked(_bound(_number), _BOUND_SCHEMA)] = None
    reserved: Annotated[Bound | None, Checked(_bound(_number), _BOUND_SCHEMA)] = None
    log: Annotated[list[str] | None, Checked(_lines, _TEXTS)] = None
    no_log: Annotated[list[str] | None, Checked(_lines, _TEXTS)] = None
    exit: Annotated[int | None, count(0, 255)] = None
    stdout: Annotated[Printed | None, Checked(_printed, _PRINTED_SCHEMA)] = None
    calls: Annotated[dict[str, Bound] | None, Checked(_calls, {"type": "object"})] = None


class UpdateModel(Model):
    """A runtime update of the module."""

    version: Annotated[str | None, VERSION] = None
    force: Annotated[bool, FLAG] = False


def _fault_branch(value: object) -> str:
    return BRANCH_MARK + ("fault" if isinstance(value, dict) else "clear")


def _boot(value: object) -> str:
    return "same" if value == "same" else _kernel(value)


class Means(Struct, frozen=True, eq=False):
    """Annotation of a step's key: what is done for its value, and the value in the step's label."""

    operations: Callable[[Any], Iterable[Operation | BootAgain | RunCommand]]
    shown: Callable[[Any], str] = lambda _: ""


_MODULE: dict[str, Operation] = {
    "load": ModuleLoad(),
    "unload": ModuleUnload(),
    "shutdown": ModuleShutdown(),
}
_FAULT_KINDS = Annotated[
    Annotated[FaultModel, Tag(BRANCH_MARK + "fault")]
    | Annotated[str, one_of("clear"), Tag(BRANCH_MARK + "clear")],
    Discriminator(_fault_branch),
]
_CPUS = Checked(_cpus, {"type": ["integer", "string"]})


def _fault(value: Any) -> tuple[Operation]:
    if value == "clear":
        return (FaultClear(),)
    return (FaultSet(built_one_of(RuntimeFault, value)),)


def _shown(run: RunCommand) -> str:
    words = run.words[2] if run.words[:2] == ("sh", "-c") else " ".join(run.words)
    return shortened(printable(words))


class StepModel(Model):
    """One operation, and what is expected after it."""

    init: Annotated[int | None, count(1, 1000), Means(lambda callers: (Init(callers),))] = None
    enable: Annotated[bool | None, FLAG, Means(lambda _: (Enable(),))] = None
    boot: Annotated[
        str | None,
        Checked(_boot, _KERNEL_SCHEMA),
        Means(lambda kernel: (BootAgain(None if kernel == "same" else kernel),)),
    ] = None
    cpu_online: Annotated[
        Cpulist | None, _CPUS, Means(lambda cpus: OfEachCpu(CpuOnline, cpus), str)
    ] = None
    cpu_offline: Annotated[
        Cpulist | None, _CPUS, Means(lambda cpus: OfEachCpu(CpuOffline, cpus), str)
    ] = None
    memory_online: Annotated[
        tuple[int, int] | None,
        Checked(_range, {"type": "string"}),
        Means(lambda memory: (MemoryOnline(*memory),), "{0[0]:#x}-{0[1]:#x}".format),
    ] = None
    module: Annotated[
        str | None, one_of(*_MODULE), Means(lambda action: (_MODULE[action],), str)
    ] = None
    update: Annotated[
        UpdateModel | None, Means(lambda asked: (ModuleUpdate(asked.force, asked.version),))
    ] = None
    fault: Annotated[
        _FAULT_KINDS | None, Means(_fault, lambda fault: fault if isinstance(fault, str) else "")
    ] = None
    keyid: Annotated[
        str | None, one_of("alloc", "free"), Means(lambda action: (GuestKeyid(action),), str)
    ] = None
    kvm_load: Annotated[bool | None, FLAG, Means(lambda tdx: (KvmLoad(tdx),))] = None
    kvm_unload: Annotated[bool | None, FLAG, Means(lambda _: (KvmUnload(),))] = None
    kexec: Annotated[bool | None, FLAG, Means(lambda _: (Kexec(),))] = None
    run: Annotated[
        RunCommand | None, Checked(_command, _COMMAND_SCHEMA), Means(lambda run: (run,), _shown)
    ] = None
    expect: ExpectModel = Field(default_factory=ExpectModel)
    expect_on: dict[str, ExpectModel] = Field(default_factory=dict)


#: The keys that are operations, and what they mean.
OPERATIONS = {
    name: means
    for name, field in StepModel.model_fields.items()
    for means in field.metadata
    if isinstance(means, Means)
}


def _the_schema(value: object) -> str:
    if value != SCHEMA:
        raise ValueError("is not a schema that this tdxctl reads", f"it reads {SCHEMA}")
    return SCHEMA


def _platform(value: object) -> object:
    if isinstance(value, dict | str):
        return value
    raise ValueError("must be a shipped platform's name, a file's path, or a description")


class ScenarioModel(Model):
    """A scenario."""

    schema_: Annotated[str, Checked(_the_schema, {"const": SCHEMA})] = Field(alias="schema")
    name: Annotated[str | None, NAME] = None
    description: Annotated[str, TEXT] = ""
    platform: Annotated[Any, Checked(_platform, {"type": ["string", "object"]})]
    set_: dict[str, Any] = Field(default_factory=dict, alias="set")
    kernel: Annotated[list[str], Checked(_kernels, _KERNELS_SCHEMA)] = Field(
        default_factory=lambda: [DEFAULT_KERNEL]
    )
    matrix: dict[str, list[Any]] = Field(default_factory=dict)
    steps: list[StepModel] = Field(min_length=1, max_length=MAX_STEPS, strict=True)
    expect_failure: Annotated[str | None, TEXT] = None
