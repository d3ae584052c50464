# SPDX-License-Identifier: Apache-2.0
"""Checks of the steps of an initialization."""

from __future__ import annotations

import re
from dataclasses import replace

from tdxctl.advice.checks import CAUSES_OF_ERRNO
from tdxctl.advice.known_causes import IN_ITS_OWN_WORDS, OWN_LOADER, SKU
from tdxctl.capture.lines_on_tdx import shown_version
from tdxctl.capture.release import describe_release
from tdxctl.capture.wrapped import LogLine
from tdxctl.diagnose.evidence import Evidence, Seen
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.progress import (
    NOT_SHOWN,
    WARN,
    Rule,
    call_failed,
    done,
    failed,
    first_call,
    passed,
    stands,
)
from tdxctl.diagnose.releases import V6, release_of, unless_never_made
from tdxctl.errnos import Errno
from tdxctl.messages import bring_up, own_loader
from tdxctl.messages.check_ids import CheckId
from tdxctl.messages.message import V5, Message, Stage
from tdxctl.seam.leaves import Leaf
from tdxctl.units import are


def module_loaded(evidence: Evidence) -> Outcome:
    """Whether a module answered."""
    if (seen := stands(evidence, bring_up.MODULE_NOT_LOADED)) is not None:
        return failed("module-loaded", seen.line, "no module answered TDH.SYS.INIT")
    if (seen := stands(evidence, own_loader.LOAD_FAILED, own_loader.LOADER_FAILED)) is not None:
        found = failed("module-loaded", seen.line, seen.message.meaning.rstrip("."))
        return replace(found, causes=(OWN_LOADER, SKU))
    seen = evidence.reached(Stage.ENUMERATED)
    if (version := evidence.last(bring_up.VERSION)) is not None:
        shown = shown_version(version.fields)
        if shown.version is not None:
            return passed(version.line, f"it is module {describe_release(shown)}")
    line = seen.line if seen else first_call(evidence)
    return NOT_SHOWN if line is None else passed(line, "a module answered")


_ORDER: tuple[tuple[CheckId, tuple[Leaf, ...]], ...] = (
    ("sys-init", (Leaf.TDH_SYS_INIT,)),
    ("lp-init", (Leaf.TDH_SYS_LP_INIT,)),
    ("system-info", (Leaf.TDH_SYS_INFO, Leaf.TDH_SYS_RD)),
    ("sys-config", (Leaf.TDH_SYS_CONFIG,)),
    ("key-config", (Leaf.TDH_SYS_KEY_CONFIG,)),
    ("tdmr-init", (Leaf.TDH_SYS_TDMR_INIT,)),
)


# Check -> the leaves of the steps behind it.
_AFTER = {
    check: frozenset(leaf for _, leaves in _ORDER[index + 1 :] for leaf in leaves)
    for index, (check, _) in enumerate(_ORDER)
}


_LEAVES = dict(_ORDER)


def step(
    check: CheckId, later: Stage, *messages: Message, stopped_by: Message | None = None
) -> Rule:
    """The check of a step of some leaves.

    It holds once a line of a later stage is there, or of one of messages. stopped_by: the line of
    some kernels where they say in words that it failed.
    """
    leaves = _LEAVES[check]

    def rule(evidence: Evidence) -> Outcome:
        if (end := done(evidence)) is not None:
            return passed(end, "done")
        if (call := evidence.failed(*leaves)) is not None:
            return call_failed(check, call)
        if stopped_by is not None and (told := stands(evidence, stopped_by)) is not None:
            return failed(check, told.line, stopped_by.meaning.rstrip("."))
        if (seen := evidence.first(*messages) or evidence.reached(later)) is not None:
            return passed(seen.line, "the initialization got past it")
        after = next((c for c in evidence.seamcalls if c.leaf in _AFTER[check]), None)
        return NOT_SHOWN if after is None else passed(after.line, "a later step was reached")

    return rule


def module_features(evidence: Evidence) -> Outcome:
    """Whether the module has what the kernel asks of it."""
    if (seen := stands(evidence, bring_up.NO_RBP_MOD)) is not None:
        return failed("module-features", seen.line, "the module lacks NO_RBP_MOD")
    past = _got_past(evidence, evidence.reached(Stage.CONFIGURED))
    return unless_never_made(evidence, "module-features", past)


def _got_past(evidence: Evidence, later: Seen | None) -> Outcome:
    # later: a line that comes after what is checked.
    if (line := done(evidence)) is not None:
        return passed(line, "done")
    if later is not None:
        return passed(later.line, "the initialization got past it")
    late = _AFTER["system-info"]
    call = next((c for c in evidence.seamcalls if c.leaf in late), None)
    return NOT_SHOWN if call is None else passed(call.line, "a later step was reached")


def cmrs(evidence: Evidence) -> Outcome:
    """Whether the CMRs are sane and hold the memory."""
    if (seen := stands(evidence, *bring_up.BAD_CMRS)) is not None:
        return failed("cmrs", seen.line, "the firmware's list of CMRs is wrong")
    if (seen := stands(evidence, bring_up.NOT_CONVERTIBLE)) is not None:
        return failed("cmrs", seen.line, "memory of the kernel's lies outside the CMRs")
    if (seen := evidence.first(bring_up.CMR)) is not None:
        number = len(evidence.lines[bring_up.CMR.id])
        return passed(seen.line, f"{are(number, 'CMR')} printed")
    # "6.8 and later never read CMRs" [linux-host 4]: there it is the module that looks, in
    # TDH.SYS.CONFIG.
    if release_of(evidence) in (V5, V6):
        return _got_past(evidence, evidence.reached(Stage.CONFIGURED))
    if (line := done(evidence)) is not None:
        return passed(line, "the module accepted the memory")
    call = next((c for c in evidence.seamcalls if c.leaf in _AFTER["sys-config"]), None)
    return NOT_SHOWN if call is None else passed(call.line, "the module accepted the memory")


def tdmrs(evidence: Evidence) -> Outcome:
    """Whether the TDMRs were enough."""
    if (seen := stands(evidence, bring_up.TDMRS_EXHAUSTED)) is not None:
        return failed("tdmrs", seen.line, "memory needs more TDMRs than the module has")
    if (seen := evidence.last(bring_up.TDMRS_NEAR_LIMIT)) is not None:
        used, limit = seen.number("used"), seen.number("limit")
        return Outcome(WARN, f"{used} of {limit} TDMRs are used", seen.line)
    later = evidence.first(bring_up.RESERVED_AREAS_EXHAUSTED, bring_up.NO_LOCAL_NODE)
    return _got_past(evidence, later)


def reserved_areas(evidence: Evidence) -> Outcome:
    """Whether the reserved areas were enough."""
    if (seen := stands(evidence, bring_up.RESERVED_AREAS_EXHAUSTED)) is not None:
        start, end = seen.number("start"), seen.number("end")
        return failed(
            "reserved-areas", seen.line, f"TDMR [{start:#x}, {end:#x}) has more holes than areas"
        )
    return _got_past(evidence, None)


def pamt(evidence: Evidence) -> Outcome:
    """What the PAMTs cost, or that they could not be had."""
    if (seen := evidence.last(bring_up.PAMT_ALLOCATED)) is not None:
        kib = pamt_kib(seen)
        detail = f"{kib} KiB ({kib / (1 << 20):.2f} GiB)"
        if evidence.first(bring_up.DYNAMIC_PAMT):
            detail += ", the static part of Dynamic PAMT"
        return passed(seen.line, detail)
    ended = stands(evidence, bring_up.INITIALIZATION_FAILED)
    if ended is not None and _errno(ended) is Errno.ENOMEM:
        return failed("pamt", ended.line, "an allocation failed (-ENOMEM)")
    if (seen := evidence.last(bring_up.NO_LOCAL_NODE)) is not None:
        return Outcome(WARN, "a PAMT lies on another node than its memory", seen.line)
    return _got_past(evidence, None)


def pamt_kib(seen: Seen) -> int:
    """KiB of a PAMT line, whatever its unit."""
    return seen.number("pages") * 4 if "pages" in seen.fields else seen.number("kib")


def _errno(seen: Seen) -> Errno | None:
    # v5's words have none.
    number = abs(seen.number("errno")) if "errno" in seen.fields else 0
    return Errno(number) if number in set(Errno) else None


# Of a line in other words: that the initialization as a whole failed.
_FAILED = re.compile(
    r"fail(?:ed|ure)? (?:to|in|during) (?:enabl|init)\w*|init\w*(?: of \w+)*:? (?:has )?fail",
    re.IGNORECASE,
)


def _says_that_it_failed(evidence: Evidence) -> LogLine | None:
    return next((line for line in evidence.strange if _FAILED.search(line.text)), None)


def initialized(evidence: Evidence) -> Outcome:
    """Whether the initialization was done, or how it ended."""
    ended = evidence.last(bring_up.INITIALIZATION_FAILED, bring_up.MODULE_SHUT_DOWN)
    end = done(evidence)
    update = next((call for call in evidence.seamcalls if call.is_of_an_update), None)
    if update is not None and (end is None or update.line.number > end.number):
        # "After it `initialized` stays false until reboot" [linux-host 7].
        outcome = call_failed("initialized", update)
        detail = f"a runtime update failed, until reboot: {outcome.detail}"
        words = (outcome.status.as_cause,) if outcome.status else outcome.causes
        return replace(outcome, detail=detail, causes=words)
    if ended is not None and (end is None or ended.line.number > end.number):
        errno = _errno(ended)
        name = f" with -{errno.name}" if errno is not None else ""
        outcome = failed("initialized", ended.line, f"the initialization failed{name}")
        causes = outcome.causes if errno is None else CAUSES_OF_ERRNO.get(errno, outcome.causes)
        return replace(outcome, causes=causes)
    if (told := stands(evidence, bring_up.FAILED_FOR)) is not None:
        detail = f"the kernel says: {told.fields['words']}"
        return Outcome(Verdict.FAIL, detail, told.line, causes=(IN_ITS_OWN_WORDS,))
    if end is None and (strange := _says_that_it_failed(evidence)) is not None:
        detail = f"the kernel says: {strange.text}"
        return Outcome(Verdict.FAIL, detail, strange, causes=(IN_ITS_OWN_WORDS,))
    if (seen := evidence.last(bring_up.MODULE_INITIALIZED)) is not None:
        return passed(seen.line, "initialized")
    if end is not None:
        return passed(end, "this line comes when the initialization is done, or later")
    call = next((call for call in evidence.seamcalls if not call.is_debug), None)
    if call is not None:
        return failed("initialized", call.line, "a SEAMCALL of the bring-up failed")
    return NOT_SHOWN
