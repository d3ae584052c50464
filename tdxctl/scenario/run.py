# SPDX-License-Identifier: Apache-2.0
"""All cases of many files, in one process or in several: the same outcomes in the same order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import PurePath
from time import perf_counter

from msgspec.structs import replace

from tdxctl.errors import DescriptionError, Diagnostic, UsageError
from tdxctl.progress import say
from tdxctl.scenario.description import BROKEN, Case, Outcome
from tdxctl.scenario.find import scenario_files
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.runner import run_case
from tdxctl.scenario.select import selector
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

_CHUNK = 8
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def cases_of(paths: tuple[str, ...], expression: str | None) -> list[Case | Outcome]:
    """The cases that paths name and expression selects, sorted by file.

    A file that is wrong is an outcome, with its problems, whatever is selected: the others run.
    Raises UsageError where nothing is selected.
    """
    cases: list[Case | Outcome] = []
    for path in scenario_files(paths):
        try:
            cases += load_cases(path)
        except DescriptionError as error:
            cases.append(broken(path, error.diagnostics()))
    if expression is not None:
        chosen = selector(expression)
        kept = [case for case in cases if isinstance(case, Outcome) or chosen(case.name)]
        if cases and not kept:
            raise UsageError(
                f"no scenario's name matches -k '{printable(expression)}'",
                hint="`tdxctl test --list` prints the names",
            )
        cases = kept
    if not cases:
        raise UsageError(
            "there is no scenario to run",
            hint="name files, or folders with files that say `schema: tdxctl.scenario/1`",
        )
    return cases


def broken(path: str, problems: tuple[Diagnostic, ...]) -> Outcome:
    """The outcome of a file that is wrong: at the line of its first problem."""
    line = next((each.line for each in problems if each.file == path and each.line), 1)
    return Outcome(path, line, printable(PurePath(path).stem), "", BROKEN, problems=problems)


def run_cases(
    cases: Sequence[Case | Outcome], *, jobs: int, fail_fast: bool, timed: bool = False
) -> list[Outcome]:
    """What became of cases, in their order; fail_fast: none after the first that is bad.

    timed: with the seconds that each took.
    """
    outcomes: list[Outcome] = []
    say(f"running scenarios: 0 of {len(cases)}")
    for outcome in _in_order(cases, jobs, _timed if timed else _run):
        outcomes.append(outcome)
        say(f"running scenarios: {len(outcomes)} of {len(cases)}")
        if fail_fast and outcome.is_bad:
            break
    return outcomes


def _run(case: Case | Outcome) -> Outcome:
    return case if isinstance(case, Outcome) else run_case(case)


def _timed(case: Case | Outcome) -> Outcome:
    began = perf_counter()
    return replace(_run(case), seconds=perf_counter() - began)


_Run = Callable[[Case | Outcome], Outcome]


def _in_order(cases: Sequence[Case | Outcome], jobs: int, run: _Run) -> Iterator[Outcome]:
    if jobs == 1 or len(cases) == 1:
        yield from map(run, cases)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs, initializer=_leave_ctrl_c_to_the_parent) as pool:
        # Not all at once: a run that is given up has not much left to finish.
        chunks = (_submitted(pool, chunk, run) for chunk in _chunks(cases))
        ahead = list(islice(chunks, 2 * jobs))
        try:
            while ahead:
                yield from ahead.pop(0).result()
                ahead += islice(chunks, 1)
        finally:
            for future in ahead:
                future.cancel()


def _submitted(
    pool: ProcessPoolExecutor, chunk: list[Case | Outcome], run: _Run = _run
) -> Future[list[Outcome]]:
    # Workers start when there is work. One that has not yet come to leave Ctrl-C to the parent
    # would answer it with a traceback: until then signals wait, here and in the worker.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return pool.submit(_run_chunk, chunk, run)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _run_chunk(cases: list[Case | Outcome], run: _Run) -> list[Outcome]:
    return [run(case) for case in cases]


def _chunks(cases: Iterable[Case | Outcome]) -> Iterator[list[Case | Outcome]]:
    rest = iter(cases)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
