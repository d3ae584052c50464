# SPDX-License-Identifier: Apache-2.0
"""Where a log decides nothing: what of it contradicts itself or is missing, and what would tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tdxctl.diagnose.evidence import Evidence, Seen
from tdxctl.messages import boot, bring_up, kvm, machine, runtime
from tdxctl.messages.message import Message, Stage
from tdxctl.seam.cpu_models import has_seam, vendor_of

_WHOLE_LOG = "get the whole log of a boot: dmesg, or journalctl -k -b, from `Linux version` on"
_ONE_BOOT = "take the log of one boot of one host: journalctl -k -b"
_MACHINES_BOOT = "get the log of the boot before it: journalctl -k -b -1, or the console's"
_PARAMETER = "look at /sys/module/kvm_intel/parameters/tdx on the host: Y says that KVM can use it"
_IN_ITS_WORDS = "read the line, and the ones before it; " + _PARAMETER
# Of a system report, or of MSRs that were read.
_OF_THE_FIRMWARE = (
    machine.REPORT_SEAMRR,
    machine.REPORT_KEYIDS,
    machine.REPORT_MCHECK,
    machine.REPORT_HAS_TDX,
)
# A boot that goes on for so long has loaded KVM, where it does.
_LONG_ENOUGH = 30.0


def contradictions(evidence: Evidence) -> tuple[str, ...]:
    """What two lines say that cannot both be of one boot of one host."""
    host = evidence.first(boot.KEYIDS, bring_up.VERSION)
    found = []
    if host is not None:
        if _has_no_tdx(evidence):
            name = evidence.brand or "of this model"
            found.append(f"TDX on a CPU that has none ({name})")
        if (guest := evidence.first(machine.GUEST)) is not None:
            found.append(
                f"lines of a host (line {host.line.number}) and of a kernel in a TD "
                f"(line {guest.line.number})"
            )
    found += _beside(evidence)
    off, keyids = evidence.last(machine.TME), evidence.last(boot.KEYIDS)
    if off is not None and keyids is not None and off.fields["state"] != "enabled":
        found.append(
            f"that memory encryption is off (line {off.line.number}) and that TDX has KeyIDs of "
            f"it (line {keyids.line.number})"
        )
    none, end = evidence.last(bring_up.MODULE_NOT_LOADED), evidence.latest(Stage.DONE)
    if none is not None and end is not None:
        found.append(
            f"that no module is loaded (line {none.line.number}) and that it is initialized "
            f"(line {end.line.number})"
        )
    return tuple(found)


# What has to hold where a module is initialized, of what is shown beside a log; and its words.
_OFF: tuple[tuple[Message, Callable[[Seen], bool], str], ...] = (
    (machine.REPORT_TME, lambda seen: seen.number("enabled") != 1, "memory encryption is off"),
    (machine.REPORT_SEAMRR, lambda seen: seen.number("enabled") != 1, "SEAMRR is off"),
    (machine.REPORT_KEYIDS, lambda seen: seen.number("keyids") == 0, "TDX has no KeyIDs"),
    (machine.REPORT_MCHECK, lambda seen: seen.number("mcheck") != 0, "MCHECK failed"),
)


def _beside(evidence: Evidence) -> Iterator[str]:
    # What is shown beside a log may be of another day.
    end = evidence.latest(Stage.DONE)
    failed = evidence.last(bring_up.INITIALIZATION_FAILED, bring_up.MODULE_NOT_LOADED)
    if end is not None:
        for message, is_off, words in _OFF:
            if (seen := evidence.last(message)) is not None and is_off(seen):
                yield (
                    f"that {words} (line {seen.line.number}) and that the module is initialized "
                    f"(line {end.line.number})"
                )
    elif failed is not None and evidence.kvm_tdx:
        yield (
            f"that the module is not initialized (line {failed.line.number}) and that kvm_intel's "
            "parameter tdx is Y"
        )


def _has_no_tdx(evidence: Evidence) -> bool:
    if evidence.first(kvm.KVM_OF_AMD) is not None:
        return True
    if evidence.cpu is None:
        return False
    family, model = evidence.cpu
    return vendor_of(evidence.brand, family) is not None or has_seam(family, model) is False


def unclear(evidence: Evidence) -> tuple[str, str]:
    """Why nothing decides, a fragment, and what to do about it."""
    if found := contradictions(evidence):
        return f"it contradicts itself: {'; '.join(found)}", _ONE_BOOT
    if evidence.log.is_crash_kernel:
        return "it is a crash kernel's, which does without TDX", _MACHINES_BOOT
    if evidence.strange:
        line = evidence.strange[-1]
        return f"it says in words that are not known here: {line.text}", _IN_ITS_WORDS
    if (warned := evidence.first(runtime.HOST_WARNING)) is not None:
        return f"the kernel warned in {warned.fields['function']}()", _IN_ITS_WORDS
    if evidence.log.elided:
        return "it is cut, lines were left out", _WHOLE_LOG
    under_way = evidence.reached(Stage.ASKED)
    if under_way is not None:
        return "it is cut, it ends while the initialization is under way", _WHOLE_LOG
    if not evidence.earliest(_tells_of_tdx):
        if evidence.first(*_OF_THE_FIRMWARE) is not None:
            return "it shows what the BIOS set up, and no line of the kernel's on TDX", _WHOLE_LOG
        return "no line of it is on TDX", _WHOLE_LOG if evidence.is_cut else _PARAMETER
    if evidence.is_cut and evidence.ends < _LONG_ENOUGH:
        return "it is cut", _WHOLE_LOG
    return "no line of it says", _PARAMETER


def _tells_of_tdx(message: Message) -> bool:
    return message.is_of_tdx_host
