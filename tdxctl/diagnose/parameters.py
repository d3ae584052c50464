# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line: what TDX needs there, and how it is misspelt."""

from __future__ import annotations

import re
from dataclasses import replace

from tdxctl.advice.checks import BY_ID
from tdxctl.advice.known_causes import NO_CALLER, SGX, SILENT_KVM
from tdxctl.capture.wrapped import LogLine
from tdxctl.diagnose.evidence import Evidence
from tdxctl.diagnose.outcome import Outcome, Verdict
from tdxctl.diagnose.releases import by_kvm, has_no_caller
from tdxctl.messages.boot import KEYIDS
from tdxctl.messages.message import Stage
from tdxctl.units import printable

_WANTED = "kvm_intel.tdx"
_LONGEST_WORD = 64
# Words as the kernel parts them: spaces inside quotes belong to the word.
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
# `tdx` of something like kvm_intel, whatever stands between; or tdx alone.
_LIKE_WANTED = re.compile(r"\w*(?:kvm|intel)\w*[._,:/]tdx|tdx")


def command_line(evidence: Evidence) -> Outcome:
    """Whether KVM was asked for TDX. Of the command line only the word in question is shown."""
    if not evidence.command_lines:
        return Outcome(Verdict.UNKNOWN, "the log does not show the command line")
    if by_kvm(evidence) is False:
        line = _shown(evidence.command_lines[0][0])
        return Outcome(Verdict.PASS, "this kernel initializes TDX at boot", line)
    if evidence.seamcalls or evidence.reached(Stage.ASKED):
        return _asked(evidence)
    outcomes = [_judge(evidence, line, text) for line, text in evidence.command_lines]
    order = (Verdict.PASS, Verdict.FAIL, Verdict.WARN)
    return min(outcomes, key=lambda found: order.index(found.verdict) if found.line else 3)


def _asked(evidence: Evidence) -> Outcome:
    # What a misspelt parameter did not keep from happening: another one of modprobe's asked.
    outcomes = [_judge(evidence, line, text) for line, text in evidence.command_lines]
    # One of the readings of a line that was wrapped is right.
    right = any(judged.verdict is Verdict.PASS for judged in outcomes)
    for judged in () if right else outcomes:
        if "is misspelt" in judged.detail:
            detail = f"{judged.detail}; TDX was asked for all the same"
            return replace(judged, verdict=Verdict.WARN, detail=detail)
    return Outcome(Verdict.PASS, "TDX was asked for", _shown(evidence.command_lines[0][0]))


def _judge(evidence: Evidence, line: LogLine, text: str) -> Outcome:
    # One printing of the command line. Where it says nothing, the outcome has no line.
    words = [_parameter(word) for word in _WORD.findall(text)]
    # Of a parameter that stands twice the last one counts.
    for name, value, word in reversed(words):
        if name in (_WANTED, "tdx_host"):
            if value is None or _is_true(value):
                return Outcome(Verdict.PASS, "KVM is asked for TDX", _shown(line, word))
            return _wrong(evidence, f"{printable(word)} does not ask for TDX", line, word)
    for name, _, word in words:
        if _LIKE_WANTED.fullmatch(name.lower()) or _is_near(name):
            detail = f"{printable(name)} is misspelt: it is {_WANTED}=1"
            return _wrong(evidence, detail, line, word)
    if evidence.first(KEYIDS) is None:
        return Outcome(Verdict.UNKNOWN, "the log shows no TDX that KVM could be asked for")
    if text.rstrip().endswith(("...", "\u2026")):
        return Outcome(Verdict.UNKNOWN, "the log shows a part of the command line only")
    return _wrong(evidence, f"{_WANTED}=1 is missing", line, None)


def _parameter(word: str) -> tuple[str, str | None, str]:
    # Quotes are the kernel's to take off; - and _ are the same in names.
    name, separator, value = word.strip('"').partition("=")
    shown = word[: 2 * _LONGEST_WORD]
    return name[:_LONGEST_WORD].replace("-", "_"), value.strip('"') if separator else None, shown


def _is_true(value: str) -> bool:
    # kstrtobool(): the first character tells, of on and off the second.
    return value[:1] in ("1", "y", "Y", "t", "T", "e", "E") or value[:2].lower() == "on"


def _is_near(name: str) -> bool:
    # A parameter of a letter or two beside the one wanted: kvm_inte.tdx, kvm_intel.tdxx.
    import difflib

    module, _, parameter = name.lower().partition(".")
    return bool(parameter) and (
        difflib.SequenceMatcher(a=module, b="kvm_intel").ratio() > 0.8
        and difflib.SequenceMatcher(a=parameter, b="tdx").ratio() > 0.6
    )


def _wrong(evidence: Evidence, detail: str, line: LogLine, word: str | None) -> Outcome:
    # A failure where the BIOS enabled TDX; elsewhere it stands in nobody's way yet.
    verdict = Verdict.WARN if evidence.first(KEYIDS) is None else Verdict.FAIL
    causes = BY_ID["command-line"].causes
    if has_no_caller(evidence):
        causes = (NO_CALLER, *causes)
    # Where it is mended, what keeps KVM silent may be there still.
    return Outcome(verdict, detail, _shown(line, word), causes=(*causes, SGX, SILENT_KVM))


def _shown(line: LogLine, word: str | None = None) -> LogLine:
    text = f"Command line: ... {word} ..." if word else "Command line: ..."
    return LogLine(line.number, text, line.seconds)
