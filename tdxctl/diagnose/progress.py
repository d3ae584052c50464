# SPDX-License-Identifier: Apache-2.0
"""How far a bring-up got, and how a check says what it found."""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.advice.checks import BY_ID
from tdxctl.advice.known_causes import VMX_NOT_ON, KnownCause
from tdxctl.advice.statuses import explain_status
from tdxctl.capture.wrapped import LogLine
from tdxctl.diagnose.evidence import Evidence, FailedSeamcall, Seen
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.outcome import Status as Told
from tdxctl.messages.boot import NO_S3
from tdxctl.messages.bring_up import MODULE_NOT_LOADED, NOT_ENABLED_BY_BIOS
from tdxctl.messages.check_ids import CheckId
from tdxctl.messages.message import Message, Stage
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import Status, base_status, status_details, status_name

Rule = Callable[[Evidence], Outcome]


PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
SKIP, UNKNOWN = Verdict.SKIP, Verdict.UNKNOWN


NOT_SHOWN = Outcome(UNKNOWN, "the log does not show it")


def decode(call: FailedSeamcall) -> Told:
    """The status of a SEAMCALL that failed, in words."""
    words = explain_status(call.status)
    return Told(
        leaf=call.leaf,
        leaf_name=leaf_title(call.leaf),
        value=call.status,
        name=status_name(call.status),
        details=status_details(call.status),
        meaning=words.means,
        to_do=words.to_do,
    )


def passed(line: LogLine, detail: str) -> Outcome:
    """The outcome of a check that holds, by that line."""
    return Outcome(PASS, detail, line)


def failed(check: CheckId, line: LogLine, detail: str) -> Outcome:
    """The outcome of a check that fails, by that line, with its causes."""
    return Outcome(FAIL, detail, line, causes=BY_ID[check].causes)


def done(evidence: Evidence) -> LogLine | None:
    """A line that says that the whole bring-up is done."""
    seen = evidence.latest(Stage.DONE) or evidence.latest(Stage.RUNTIME)
    if seen is not None:
        return seen.line
    # Only an initialized one takes it: a TD's SEAMCALL that failed otherwise than for that.
    not_ready = {"TDX_SYS_NOT_READY", "TDX_SYS_SHUTDOWN", "VMFAILINVALID"}
    for call in evidence.seamcalls:
        if call.is_of_a_td and status_name(call.status) not in not_ready:
            return call.line
    return None


def stands(evidence: Evidence, *messages: Message) -> Seen | None:
    """The last line of one of these messages, unless the bring-up was done after it.

    What failed may be tried again: a CPU is brought online, a module loaded.
    """
    seen, end = evidence.last(*messages), done(evidence)
    return None if seen is None or (end and end.number > seen.line.number) else seen


def past_boot(evidence: Evidence) -> LogLine | None:
    """A line that comes only once the kernel's checks at boot are done."""
    # Of what is printed when TDX was asked for, KVM's lines tell of KVM only.
    seen = evidence.first(NO_S3, NOT_ENABLED_BY_BIOS, MODULE_NOT_LOADED)
    seen = seen or evidence.reached(Stage.ENUMERATED)
    return first_call(evidence) if seen is None else seen.line


def first_call(evidence: Evidence) -> LogLine | None:
    """The line of the first SEAMCALL that failed."""
    return evidence.seamcalls[0].line if evidence.seamcalls else None


def attempted(evidence: Evidence, detail: str) -> Outcome:
    """Whether a line shows that an initialization was tried."""
    if evidence.seamcalls:
        return passed(evidence.seamcalls[0].line, detail)
    seen = evidence.earliest(
        # Where a condition of KVM's own does not hold it was asked, and goes no further.
        lambda message: message.stage >= Stage.ASKED and message.check != "kvm-conditions"
    )
    return NOT_SHOWN if seen is None else passed(seen.line, detail)


def call_failed(check: CheckId, call: FailedSeamcall) -> Outcome:
    """The outcome of a check whose SEAMCALL failed."""
    status = decode(call)
    on = "" if call.cpu is None else f" on CPU {call.cpu}"
    name = f"leaf {call.leaf}" if status.leaf_name == hex(call.leaf) else status.leaf_name
    detail = f"{name}{on} returned {status.name}"
    if status.details:
        detail += f" ({status.details})"
    if call.field_id is not None:
        from tdxctl.explain.lookup import look_up

        detail += f", field {look_up(hex(call.field_id)).name}"
    return Outcome(FAIL, detail, call.line, status, _causes(check, call) or (status.as_cause,))


# What a SEAMCALL that did not get through tells, whichever it was.
_NOT_THROUGH: dict[Status, tuple[KnownCause, ...]] = {
    Status.VMFAILINVALID: BY_ID["module-loaded"].causes,
    Status.GP: BY_ID["seam-enabled"].causes,
    Status.UD: (VMX_NOT_ON,),
}
# Their own words say all: neither BIOS, module nor kernel is too old for one of them.
_SAYS_ALL = frozenset(
    {
        Status.TDX_RND_NO_ENTROPY,
        Status.TDX_SYS_BUSY,
        Status.TDX_SYS_SHUTDOWN,
        Status.TDX_SYS_INIT_NOT_PENDING,
        Status.TDX_SYS_LP_INIT_NOT_DONE,
        Status.TDX_SYS_LP_INIT_NOT_PENDING,
        Status.TDX_SYS_LP_INIT_DONE,
        Status.TDX_LIMIT_CPUID_MAXVAL_SET,
        Status.TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED,
    }
)


def _causes(check: CheckId, call: FailedSeamcall) -> tuple[KnownCause, ...]:
    # A cause that ends in other statuses is refuted by this one.
    base = base_status(call.status)
    if check == "td-runtime" or base is None:
        return tuple(cause for cause in BY_ID[check].causes if cause.can_end_in(call.status))
    if base in _SAYS_ALL:
        return ()
    causes = _NOT_THROUGH.get(base, BY_ID[check].causes)
    return tuple(cause for cause in causes if cause.can_end_in(call.status))
