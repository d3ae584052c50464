# SPDX-License-Identifier: Apache-2.0
"""A scenario's cases, frozen, and what became of each. No third party here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from tdxctl.errors import Diagnostic, UsageError
from tdxctl.events import Failure
from tdxctl.operations import Operation
from tdxctl.platform.description import Platform
from tdxctl.units import Cpulist

SCHEMA = "tdxctl.scenario/1"

PASSED, FAILED, WAIVED, UNEXPECTED = "passed", "failed", "waived", "unexpectedly passed"
#: Of a file that is wrong, or whose platform is: nothing was run.
BROKEN = "broken"
#: Outcomes that make the whole run a failure.
BAD = frozenset({FAILED, UNEXPECTED, BROKEN})


class Bound(Struct, frozen=True):
    """A number exactly, or from at_least to at_most; None is no bound."""

    at_least: int | None
    at_most: int | None

    def holds(self, value: int) -> bool:
        """Whether value is within."""
        low, high = self.at_least, self.at_most
        return (low is None or low <= value) and (high is None or value <= high)


class Expected(Struct, frozen=True):
    """One expectation: key as in the file (`calls.TDH.SYS.RD`), value as the runner compares it."""

    key: str
    value: object
    line: int


class BootAgain(Struct, frozen=True):
    """The machine is booted anew, with a kernel, or None for the one it has."""

    kernel: str | None


class RunCommand(Struct, frozen=True):
    """A command, on the host as it is then; environment on top of what it has anyway."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


class Printed(Struct, frozen=True):
    """What standard output is to be: exactly that, something with it, something that matches."""

    how: str
    text: str

    def holds(self, printed: str) -> bool:
        """Whether what was printed is so; a newline at the end of exactly that may be missing."""
        match self.how:
            case "exact":
                return printed.removesuffix("\n") == self.text.removesuffix("\n")
            case "contains":
                return self.text in printed
            case _:
                import re

                return re.search(self.text, printed, re.MULTILINE) is not None


class OfEachCpu(Struct, frozen=True):
    """The same operation on one CPU after the other; there may be thousands in a line."""

    operation: Callable[[int], Operation]
    cpus: Cpulist

    def __iter__(self) -> Iterator[Operation]:
        return map(self.operation, self.cpus)


class Step(Struct, frozen=True):
    """operations are performed in order; the first that fails, or the last, is expected of."""

    label: str
    line: int
    operations: Iterable[Operation | BootAgain | RunCommand]
    expected: tuple[Expected, ...]


class Case(Struct, frozen=True):
    """One run: a platform, a kernel, steps. waived: why it may fail, None where it may not.

    platform: reads it, where it is booted: a small file can ask for a thousand large ones. Raises
    DescriptionError.
    """

    file: str
    line: int
    name: str
    description: str
    platform: Callable[[], Platform]
    kernel: str
    steps: tuple[Step, ...]
    waived: str | None


class Difference(Struct, frozen=True):
    """An expectation that did not hold."""

    line: int
    step: str
    key: str
    expected: str
    got: str


class Ended(Struct, frozen=True):
    """How a step ended: 0 or a negative errno, the status after it, and why it failed."""

    step: str
    returned: int
    status: str
    failure: Failure | None


class Outcome(Struct, frozen=True):
    """What became of a case. reason: of a waiver, or why no answer could be had.

    ended: how the first step ended that is not as expected. problems: what is wrong in a file that
    is broken, and warnings of one that is not. seconds: what it took, where that was asked for.
    """

    file: str
    line: int
    name: str
    kernel: str
    outcome: str
    differences: tuple[Difference, ...] = ()
    reason: str | None = None
    ended: Ended | None = None
    problems: tuple[Diagnostic, ...] = ()
    seconds: float | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it makes the run fail."""
        return self.outcome in BAD


class Checked(Outcome, frozen=True):
    """What became of a file: passed or broken; its name, and how many cases, of a scenario.

    missing: it could not be read at all.
    """

    cases: int | None = None
    missing: UsageError | None = None
