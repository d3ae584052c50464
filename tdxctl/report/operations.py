# SPDX-License-Identifier: Apache-2.0
"""What operations on a machine did: `tdxctl.operations/1`, and why one failed."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tdxctl.advice.words import Explained
from tdxctl.document import Document
from tdxctl.errnos import errno_name
from tdxctl.events import Failure, OpResult
from tdxctl.explain.failures import explain_failure
from tdxctl.report.hosts import Host, host_of
from tdxctl.report.json_init import LogLine, log_line
from tdxctl.report.prose import Line, labelled
from tdxctl.report.reasons import brief


class Operation(Struct, frozen=True):
    """An operation: its words, what it returned, the status after it, what was printed.

    host: of one that loads kvm_intel.
    """

    operation: str
    returned: int
    errno: str | None
    status: str
    log: tuple[LogLine, ...]
    host: Host | UnsetType = UNSET


class Operations(Document, frozen=True, tag="tdxctl.operations/1"):
    """What operations on a machine did, in order."""

    machine: str
    operations: tuple[Operation, ...]


def document(machine: str, results: list[tuple[str, OpResult]]) -> Operations:
    """The results, each with its label, in order."""
    return Operations(machine, tuple(_operation(label, result) for label, result in results))


def _operation(label: str, result: OpResult) -> Operation:
    errno, log = errno_name(result.returned), tuple(map(log_line, result.log))
    host = host_of(result.host) or UNSET
    return Operation(label, result.returned, errno, result.status, log, host)


def problem_lines(failure: Failure) -> list[Line]:
    """Why an operation failed and what to do."""
    words = explain_failure(failure)
    where = f" ({failure.step})" if failure.step else ""
    return labelled(brief(Explained(words.why + where, words.means, words.to_do)), width=8)
