# SPDX-License-Identifier: Apache-2.0
"""Checks of the steps of an initialization."""

from __future__ import annotations

from dataclasses import replace

from tdxctl.diagnose.evidence import Evidence, Seen
from tdxctl.diagnose.outcome import Outcome
from tdxctl.diagnose.progress import (
    AFTER_INFO,
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
from tdxctl.diagnose.releases import V5, V6, release_of, unless_never_made
from tdxctl.errnos import Errno
from tdxctl.explain.causes import KnownCause
from tdxctl.explain.checks import BY_ID
from tdxctl.seam.leaves import Leaf


def module_loaded(evidence: Evidence) -> Outcome:
    """Whether a module answered."""
    if (seen := stands(evidence, "not-loaded")) is not None:
        return failed("module-loaded", seen.line, "no module answered TDH.SYS.INIT")
    seen = evidence.first("version", *AFTER_INFO)
    line = seen.line if seen else first_call(evidence) or done(evidence)
    return NOT_SHOWN if line is None else passed(line, "a module answered")


_ORDER = (
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


LEAVES = dict(_ORDER)


def step(check: str, leaves: tuple[Leaf, ...], *later: str) -> Rule:
    """The check of a step that is one of leaves: passed once a later line is there."""

    def rule(evidence: Evidence) -> Outcome:
        if (end := done(evidence)) is not None:
            return passed(end, "done")
        if (call := evidence.failed(*leaves)) is not None:
            return call_failed(check, call)
        seen = evidence.first(*later) if later else None
        if seen is not None:
            return passed(seen.line, "the initialization got past it")
        after = next((c for c in evidence.seamcalls if c.leaf in _AFTER[check]), None)
        return NOT_SHOWN if after is None else passed(after.line, "a later step was reached")

    return rule


def module_features(evidence: Evidence) -> Outcome:
    """Whether the module has what the kernel asks of it."""
    if (seen := stands(evidence, "rbp")) is not None:
        return failed("module-features", seen.line, "the module lacks NO_RBP_MOD")
    return unless_never_made(evidence, "module-features", _got_past(evidence, *AFTER_INFO[1:]))


def _got_past(evidence: Evidence, *later: str) -> Outcome:
    if (line := done(evidence)) is not None:
        return passed(line, "done")
    if later and (seen := evidence.first(*later)) is not None:
        return passed(seen.line, "the initialization got past it")
    late = _AFTER["system-info"]
    call = next((c for c in evidence.seamcalls if c.leaf in late), None)
    return NOT_SHOWN if call is None else passed(call.line, "a later step was reached")


def cmrs(evidence: Evidence) -> Outcome:
    """Whether the CMRs are sane and hold the memory."""
    if (seen := stands(evidence, "bad-cmrs")) is not None:
        return failed("cmrs", seen.line, "the firmware's list of CMRs is wrong")
    if (seen := stands(evidence, "not-convertible")) is not None:
        return failed("cmrs", seen.line, "memory of the kernel's lies outside the CMRs")
    if (seen := evidence.first("cmr")) is not None:
        number = len(evidence.lines["cmr"])
        return passed(seen.line, f"{number} CMRs are printed")
    # "6.8 and later never read CMRs": there it is the module that looks, in TDH.SYS.CONFIG.
    if release_of(evidence) in (V5, V6):
        return _got_past(evidence, "reserved-areas", "tdmrs")
    if (line := done(evidence)) is not None:
        return passed(line, "the module accepted the memory")
    call = next((c for c in evidence.seamcalls if c.leaf in _AFTER["sys-config"]), None)
    return NOT_SHOWN if call is None else passed(call.line, "the module accepted the memory")


def tdmrs(evidence: Evidence) -> Outcome:
    """Whether the TDMRs were enough."""
    if (seen := stands(evidence, "tdmrs")) is not None:
        return failed("tdmrs", seen.line, "memory needs more TDMRs than the module has")
    if (seen := evidence.last("tdmrs-near")) is not None:
        used, limit = seen.groups
        return Outcome(WARN, f"{used} of {limit} TDMRs are used", seen.line)
    return _got_past(evidence, "reserved-areas", "no-node")


def reserved_areas(evidence: Evidence) -> Outcome:
    """Whether the reserved areas were enough."""
    if (seen := stands(evidence, "reserved-areas")) is not None:
        start, end = seen.groups
        return failed(
            "reserved-areas", seen.line, f"TDMR [0x{start}, 0x{end}) has more holes than areas"
        )
    return _got_past(evidence)


def pamt(evidence: Evidence) -> Outcome:
    """What the PAMTs cost, or that they could not be had."""
    if (seen := evidence.last("pamt")) is not None:
        kib = pamt_kib(seen)
        detail = f"{kib} KiB ({kib / (1 << 20):.2f} GiB)"
        if evidence.first("dynamic-pamt"):
            detail += ", the static part of Dynamic PAMT"
        return passed(seen.line, detail)
    ended = stands(evidence, "init-failed")
    if ended is not None and _errno(ended) is Errno.ENOMEM:
        return failed("pamt", ended.line, "an allocation failed (-ENOMEM)")
    if (seen := evidence.last("no-node")) is not None:
        return Outcome(WARN, "a PAMT lies on another node than its memory", seen.line)
    return _got_past(evidence)


def pamt_kib(seen: Seen) -> int:
    """KiB of a PAMT line, whatever its unit."""
    number, unit = int(seen.groups[0] or 0), seen.groups[1]
    return number * 4 if unit == "pages" else number


def _errno(seen: Seen) -> Errno | None:
    number = next((int(group) for group in seen.groups if group), 0)
    return Errno(abs(number)) if abs(number) in set(Errno) else None


_SEAMCALL = KnownCause(
    "a SEAMCALL failed: the line above says which, and with what status",
    "look for SEAMCALL in the whole log, and explain its status",
)
_EARLIER = KnownCause(
    "an earlier attempt failed, and this kernel tries once", "look for the first failure; reboot"
)
# What an errno alone tells: the causes of the checks that end in it.
_CAUSES: dict[Errno | None, tuple[KnownCause, ...]] = {
    Errno.ENOSPC: BY_ID["reserved-areas"].causes + BY_ID["tdmrs"].causes,
    Errno.E2BIG: BY_ID["reserved-areas"].causes + BY_ID["tdmrs"].causes,
    Errno.ENODEV: BY_ID["module-loaded"].causes + BY_ID["seam-enabled"].causes[:1],
    Errno.EINVAL: (_EARLIER, *BY_ID["module-features"].causes),
    Errno.EIO: (_SEAMCALL,),
    Errno.EFAULT: (_SEAMCALL,),
}


def initialized(evidence: Evidence) -> Outcome:
    """Whether the initialization was done, or how it ended."""
    ended = evidence.last("init-failed", "shut-down")
    end = done(evidence)
    update = next((call for call in evidence.seamcalls if call.is_of_an_update), None)
    if update is not None and (end is None or update.line.number > end.number):
        # "After it `initialized` stays false until reboot".
        outcome = call_failed("initialized", update)
        detail = f"a runtime update failed, until reboot: {outcome.detail}"
        words = (
            KnownCause(outcome.status.meaning, outcome.status.way_out) if outcome.status else None
        )
        return replace(outcome, detail=detail, causes=(words,) if words else outcome.causes)
    if ended is not None and (end is None or ended.line.number > end.number):
        errno = _errno(ended) if ended.groups else None
        name = f" with -{errno.name}" if errno is not None else ""
        outcome = failed("initialized", ended.line, f"the initialization failed{name}")
        return replace(outcome, causes=_CAUSES.get(errno, outcome.causes))
    if (seen := evidence.last("initialized")) is not None:
        return passed(seen.line, "initialized")
    if end is not None:
        return passed(end, "this line comes when the initialization is done, or later")
    if evidence.seamcalls and any(not call.is_debug for call in evidence.seamcalls):
        call = next(call for call in evidence.seamcalls if not call.is_debug)
        return failed("initialized", call.line, "a SEAMCALL of the bring-up failed")
    return NOT_SHOWN
