# SPDX-License-Identifier: Apache-2.0
"""The steps of a bring-up as they happen: what ran, what failed, how many SEAMCALLs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from tdxctl.causes import Cause
from tdxctl.errnos import Errno
from tdxctl.events import Failure, Journal, MemoryUse, StepEvent, StepResult, SubStep
from tdxctl.seam.leaves import Leaf


class Step(Struct, frozen=True):
    """A step of the architecture: number 1 to 6, None beside the six."""

    number: int | None
    name: str
    title: str
    leaf: Leaf | None = None


PRECONDITION = Step(None, "precondition", "Preconditions")
GLOBAL_INIT = Step(1, "global-init", "Global initialization", Leaf.TDH_SYS_INIT)
CPU_INIT = Step(2, "cpu-init", "Per-CPU initialization", Leaf.TDH_SYS_LP_INIT)
ENUMERATE = Step(3, "enumerate", "Enumerate module and CMRs", Leaf.TDH_SYS_INFO)
ENUMERATE_METADATA = Step(3, "enumerate", "Enumerate module", Leaf.TDH_SYS_RD)
CONFIGURE = Step(4, "configure", "Configure memory and global KeyID", Leaf.TDH_SYS_CONFIG)
KEY_CONFIG = Step(5, "key-config", "Configure key per package", Leaf.TDH_SYS_KEY_CONFIG)
MEMORY_INIT = Step(6, "memory-init", "Initialize memory", Leaf.TDH_SYS_TDMR_INIT)
SHUTDOWN = Step(None, "shutdown", "Shut the module down", Leaf.TDH_SYS_LP_SHUTDOWN)

#: The six of the architecture, as v5 and as later kernels take them.
SIX_STEPS = (GLOBAL_INIT, CPU_INIT, ENUMERATE, CONFIGURE, KEY_CONFIG, MEMORY_INIT)
SIX_STEPS_6_8 = (
    *(GLOBAL_INIT, CPU_INIT, ENUMERATE_METADATA),
    *(CONFIGURE, KEY_CONFIG, MEMORY_INIT),
)

#: Sub-steps of CONFIGURE: (name, title), in order; the first is v5's alone.
SUBSTEPS = (
    ("convertible-memory", "Check that memory is convertible"),
    ("create-tdmrs", "Cover memory with TDMRs"),
    ("allocate-pamts", "Allocate PAMTs"),
    ("reserved-areas", "Set up reserved areas"),
    ("sys-config", "Hand the TDMRs to the module"),
)
SUBSTEPS_6_8 = SUBSTEPS[1:]


class KernelErrno(Exception):
    """A kernel function returned -errno, for that cause."""

    def __init__(self, errno: Errno, cause: Cause) -> None:
        super().__init__(errno, cause)
        self.errno = errno
        self.cause = cause

    def failure(self, step: str | None, returned: Errno) -> Failure:
        """The failure for a report, where the caller gets -returned."""
        return Failure(step, self.cause, returned.name, self.errno.name)


class _Running(Struct):
    step: Step
    outcome: str = "passed"
    seamcalls: int = 0
    detail: str | None = None
    memory: MemoryUse | None = None
    substeps: dict[str, SubStep] = {}


class StepRecorder:
    """Collects the steps of one attempt, of the six and the sub-steps that the kernel has."""

    def __init__(
        self, journal: Journal, six: tuple[Step, ...], substeps: tuple[tuple[str, str], ...]
    ) -> None:
        self._journal = journal
        self._six = six
        self._substeps = substeps
        self._steps: list[_Running] = []
        self.failed_step: str | None = None

    def begin(self) -> None:
        """A new attempt: forget the one before."""
        self._steps = []
        self.failed_step = None

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Everything inside happens in step; a KernelErrno that leaves it makes it fail."""
        running = _Running(step)
        self._steps.append(running)
        self._journal.record(StepEvent(step.name))
        try:
            yield
        except BaseException:
            running.outcome = "failed"
            self.failed_step = self.failed_step or step.name
            raise
        finally:
            self._journal.record(StepEvent(step.name, running.outcome, running.memory))

    @contextmanager
    def substep(self, name: str) -> Iterator[None]:
        """A sub-step of the running CONFIGURE step."""
        running, title = self._steps[-1], dict(self._substeps)[name]
        outcome = "passed"
        try:
            yield
        except BaseException:
            outcome = "failed"
            raise
        finally:
            # detail() inside a sub-step is the sub-step's.
            running.substeps[name] = SubStep(name, title, outcome, running.detail)
            running.detail = None

    def detail(self, text: str) -> None:
        """What the running step or sub-step found, in a few words."""
        self._steps[-1].detail = text

    def memory(self, use: MemoryUse) -> None:
        """What the running step made of memory, as far as it came."""
        self._steps[-1].memory = use

    def count_seamcalls(self, calls: int) -> None:
        """Count SEAMCALLs made in the running step."""
        if self._steps:
            self._steps[-1].seamcalls += calls

    def results(self) -> tuple[StepResult, ...]:
        """The attempt's steps in order, those of the six that were not reached as skipped."""
        if not self._steps:
            return ()
        ran = {running.step.name: running for running in self._steps}
        order = (PRECONDITION, *self._six, SHUTDOWN)
        return tuple(
            self._result(step, ran.get(step.name))
            for step in order
            if step.name in ran or step in self._six
        )

    def _result(self, step: Step, running: _Running | None) -> StepResult:
        leaf = step.leaf.title if step.leaf is not None else None
        if running is None:
            return StepResult(step.number, step.name, step.title, "skipped", leaf)
        substeps: tuple[SubStep, ...] = ()
        if step is CONFIGURE:
            substeps = tuple(
                running.substeps.get(name, SubStep(name, title, "skipped"))
                for name, title in self._substeps
            )
        return StepResult(
            number=step.number,
            name=step.name,
            title=step.title,
            outcome=running.outcome,
            leaf=leaf,
            seamcalls=running.seamcalls,
            detail=running.detail,
            substeps=substeps,
        )
