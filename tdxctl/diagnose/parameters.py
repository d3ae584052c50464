# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line: what TDX needs there, and how it is misspelt."""

from __future__ import annotations

import re

from tdxctl.capture.bootlog import LogLine
from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.explain.checks import BY_ID
from tdxctl.units import printable

_WANTED = "kvm_intel.tdx"
_ON = frozenset({"1", "y", "Y", "on", "On", "ON", "true", "True", "t", "T", "Yes", "yes"})
_LONGEST_WORD = 64


def command_line(evidence: Evidence) -> Outcome:
    """Whether KVM was asked for TDX. Of the command line only the word in question is shown."""
    if evidence.command_line is None:
        return Outcome(Verdict.UNKNOWN, "the log does not show the command line")
    words = {
        key.replace("-", "_"): (value, word)
        for word in evidence.command_line[1].split()
        for key, value in [_parameter(word)]
    }
    if _WANTED in words:
        value, word = words[_WANTED]
        if value is None or value in _ON:
            return Outcome(Verdict.PASS, "KVM is asked for TDX", _line(evidence, word))
        return _wrong(evidence, f"{printable(word)} does not ask for TDX", word)
    if "tdx_host" in words:
        word = words["tdx_host"][1]
        return Outcome(Verdict.PASS, "an early kernel's way to ask for TDX", _line(evidence, word))
    if evidence.seamcalls or evidence.first(*_ASKED):
        return Outcome(Verdict.PASS, "TDX was asked for", _line(evidence, None))
    for key, (_, word) in words.items():
        if _looks_like(key):
            return _wrong(evidence, f"{printable(key)} is misspelt: it is {_WANTED}=1", word)
    if evidence.first("keyids") is None:
        return Outcome(Verdict.UNKNOWN, "the log shows no TDX that KVM could be asked for")
    return _wrong(evidence, f"{_WANTED}=1 is missing", None)


# Lines that come only once somebody asked for TDX.
_ASKED = (
    "not-enabled-by-bios",
    "not-loaded",
    "version",
    "initialized",
    "init-failed",
    "pamt",
    "shut-down",
    "offline-cpus",
)


def _parameter(word: str) -> tuple[str, str | None]:
    key, separator, value = word.partition("=")
    return key[:_LONGEST_WORD], value if separator else None


def _looks_like(key: str) -> bool:
    # A module parameter called tdx, or one letter away from it, of something like kvm_intel.
    if re.fullmatch(r"(?:kvm[\w.]*)?tdx", key) and "." not in key:
        return True
    module, _, name = key.partition(".")
    if not name or "kvm" not in module:
        return False
    import difflib

    return difflib.SequenceMatcher(a=key, b=_WANTED).ratio() > 0.8 and key != _WANTED


def _wrong(evidence: Evidence, detail: str, word: str | None) -> Outcome:
    # A failure where the BIOS enabled TDX; elsewhere it stands in nobody's way yet.
    verdict = Verdict.WARN if evidence.first("keyids") is None else Verdict.FAIL
    causes = BY_ID["command-line"].causes
    return Outcome(verdict, detail, _line(evidence, word), causes=causes)


def _line(evidence: Evidence, word: str | None) -> LogLine:
    assert evidence.command_line is not None
    line = evidence.command_line[0]
    shown = f"Command line: ... {word} ..." if word else "Command line: ..."
    return LogLine(line.number, shown, line.seconds)
