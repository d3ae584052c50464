# SPDX-License-Identifier: Apache-2.0
"""Runs cases on machines of their own, and compares what came with what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tdxctl.errnos import errno_name
from tdxctl.errors import DescriptionError, TdxctlError
from tdxctl.events import OpResult, Seamcall
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.scenario.description import (
    BROKEN,
    FAILED,
    PASSED,
    UNEXPECTED,
    WAIVED,
    BootAgain,
    Bound,
    Case,
    Difference,
    Ended,
    Expected,
    Outcome,
    Printed,
    RunCommand,
    Step,
)
from tdxctl.seam.leaves import Leaf, leaf_title
from tdxctl.seam.status import Wanted, status_name
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.rootfs.run import Ran


def run_case(case: Case) -> Outcome:
    """Boot the case's machine, perform its steps, compare.

    One whose platform is wrong is broken, whatever is waived.
    """
    try:
        platform = case.platform()
    except DescriptionError as error:
        name, kernel = case.name, case.kernel
        return Outcome(case.file, case.line, name, kernel, BROKEN, problems=error.problems)
    try:
        found = list(_run(case, platform))
    except TdxctlError as error:
        return _outcome(case, (), None, error.message)
    differences = tuple(difference for difference, _ in found)
    return _outcome(case, differences, found[0][1] if found else None, None)


def _outcome(
    case: Case, differences: tuple[Difference, ...], ended: Ended | None, error: str | None
) -> Outcome:
    bad = bool(differences) or error is not None
    outcome = FAILED if bad else PASSED
    if case.waived is not None:
        outcome = WAIVED if bad else UNEXPECTED
    reason = case.waived if error is None else error
    return Outcome(
        case.file, case.line, case.name, case.kernel, outcome, differences, reason, ended
    )


def _run(case: Case, platform: Platform) -> Iterator[tuple[Difference, Ended]]:
    machine = Machine.boot(platform, case.kernel)
    for number, step in enumerate(case.steps):
        result = machine.boot_result
        done: list[OpResult] = []
        ran: Ran | None = None
        for operation in step.operations:
            if isinstance(operation, RunCommand):
                ran = _ran(machine, operation)
                result = OpResult("run", 0, machine.status, ())
            elif not isinstance(operation, BootAgain):
                done.append(operation.perform(machine))
            elif number or operation.kernel not in (None, case.kernel):
                # As the first step it is the boot that has just happened.
                machine = Machine.boot(platform, operation.kernel or machine.kernel_id.id)
                result = machine.boot_result
        if done:
            result = _as_one(done)
        if not number and result is not machine.boot_result and ran is None:
            # What the boot printed and called is part of the first operation.
            result = replace(result, events=machine.boot_result.events + result.events)
        ended = Ended(step.label, result.returned, result.status, result.failure)
        for difference in _differences(step, machine, result, ran):
            yield difference, ended


def _differences(
    step: Step, machine: Machine, result: OpResult, ran: Ran | None
) -> Iterator[Difference]:
    keys = {expected.key for expected in step.expected}
    if not _TELLING & keys:
        yield from _failed(step, result)
    if ran is not None and ran.exit_code and "exit" not in keys:
        got = _shown_of(ran)
        yield Difference(step.line, step.label, "exit", "0, as nothing else is expected", got)
    for expected in step.expected:
        if expected.key in _OF_A_COMMAND:
            difference = _compare_command(step, expected, ran)
        else:
            difference = _compare(step, expected, machine, result)
        if difference is not None:
            yield difference


_OF_A_COMMAND = frozenset({"exit", "stdout"})


def _compare_command(step: Step, expected: Expected, ran: Ran | None) -> Difference | None:
    key, value = expected.key, expected.value
    shown = str(value)
    if isinstance(value, Printed):
        shown = f"{_HOW[value.how]} {value.text!r}"
    if ran is None:
        return Difference(expected.line, step.label, key, shown, "no command was run")
    if isinstance(value, Printed):
        holds, got = value.holds(ran.stdout), repr(ran.stdout)
    else:
        holds, got = ran.exit_code == value, _shown_of(ran)
    return None if holds else Difference(expected.line, step.label, key, shown, got)


_HOW = {"exact": "exactly", "contains": "a text with", "regex": "a match of"}


def _shown_of(ran: Ran) -> str:
    # An exit code, and what the command said of it.
    said = ran.stderr.strip()
    return f"{ran.exit_code}{f' ({printable(said[-_SAID:])})' if said else ''}"


#: So much of standard error is shown, its end.
_SAID = 200


def _ran(machine: Machine, operation: RunCommand) -> Ran:
    from tdxctl.rootfs.document import machine_root
    from tdxctl.rootfs.run import isolation_for, placed, run_captured

    with placed(machine_root(machine)) as place:
        way = isolation_for(place)
        environment = dict(operation.environment)
        return run_captured(place, operation.words, way, environment=environment)


def _as_one(results: list[OpResult]) -> OpResult:
    # What a step of several operations did, one for each CPU: the first that failed decides.
    decides = next((result for result in results if result.returned), results[-1])
    events = tuple(event for result in results for event in result.events)
    return replace(decides, status=results[-1].status, events=events)


# Expectations that tell how a step ends. Without one it must not fail: a number of nothing holds
# where nothing happened, such as a PAMT of at most so much.
_TELLING = frozenset({"returned", "status", "host", "step", "seamcall", "seamcall_status", "log"})


def _failed(step: Step, result: OpResult) -> Iterator[Difference]:
    # Of many callers the first that failed.
    returned = next((code for code in result.callers or (result.returned,) if code < 0), 0)
    if returned:
        expected = "0, as nothing else is expected"
        yield Difference(step.line, step.label, "returned", expected, _errno(returned))


def _compare(
    step: Step, expected: Expected, machine: Machine, result: OpResult
) -> Difference | None:
    key, value = expected.key, expected.value
    holds, shown, got = True, str(value), ""
    failure = result.failure
    match key:
        case "returned":
            holds, shown, got = result.returned == value, _errno(value), _errno(result.returned)
        case "status":
            holds, got = result.status == value, result.status
        case "host":
            got = "none" if result.host is None else result.host.id
            holds = got == value
        case "step":
            got = (failure.step if failure is not None else None) or "none"
            holds = got == value
        case "seamcall":
            leaf = failure.leaf if failure is not None else None
            assert isinstance(value, Leaf)
            holds, shown = leaf == value, value.title
            got = "none" if leaf is None else leaf_title(leaf)
        case "seamcall_status":
            status = failure.status if failure is not None else None
            assert isinstance(value, Wanted)
            holds, shown = status is not None and value.is_met_by(status), str(value)
            got = "none" if status is None else f"{status:#x} {status_name(status)}"
        case "log" | "no_log":
            lines = [line.text for line in result.log]
            there = any(str(value) in line for line in lines)
            holds = there == (key == "log")
            shown = f"{'a' if key == 'log' else 'no'} line with {str(value)!r}"
            got = "\n".join(lines) or "no line"
        case _:
            number = _number(key, machine, result)
            assert isinstance(value, Bound)
            show = _size if key == "pamt" else str
            holds, shown, got = value.holds(number), _bound(value, show), show(number)
    return None if holds else Difference(expected.line, step.label, key, shown, got)


def _number(key: str, machine: Machine, result: OpResult) -> int:
    match key:
        case "pamt":
            return machine.pamt_bytes
        case "tdmrs":
            return len(machine.tdmrs)
        case "reserved":
            return max((len(tdmr.reserved) for tdmr in machine.tdmrs), default=0)
        case _:
            title = key.removeprefix("calls.")
            calls = (event for event in result.trace if isinstance(event, Seamcall))
            return sum(call.n for call in calls if leaf_title(call.leaf) == title)


def _errno(returned: object) -> str:
    assert isinstance(returned, int)
    name = errno_name(returned)
    return f"-{name}" if name else str(returned)


def _bound(bound: Bound, show: Callable[[int], str]) -> str:
    if bound.at_least is not None and bound.at_least == bound.at_most:
        return show(bound.at_least)
    low = [] if bound.at_least is None else [f"at least {show(bound.at_least)}"]
    high = [] if bound.at_most is None else [f"at most {show(bound.at_most)}"]
    return ", ".join(low + high)


def _size(size: int) -> str:
    return f"{size} bytes ({size >> 10} KiB)"
