# SPDX-License-Identifier: Apache-2.0
"""What each release prints of a message, and that it is read back to its id and fields."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxctl import Machine, Platform
from tdxctl.errors import NotModelledError
from tdxctl.events import LogLine
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.releases import KERNELS
from tdxctl.messages import boot, bring_up, kvm, runtime
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.message import PREFIXES, V5, Message, Printed, Release, Source, Stage, Template
from tdxctl.messages.reading import candidates, read
from tdxctl.platform import shipped
from tests.linux import vectors

#: Kernel -> the release whose words it prints.
RELEASES: dict[str, Release] = {
    "v5": V5,
    "v5-posted": V5,
    "6.8": (6, 8),
    "6.8+cmr-walk": (6, 8),
    "ubuntu-24.04-1004": (6, 8),
    "ubuntu-24.04": (6, 8),
    "6.14": (6, 14),
    "ubuntu-25.04": (6, 14),
    "6.16": (6, 16),
    "6.17.4": (6, 16),
    "6.18": (6, 18),
    "7.1": (7, 1),
    "7.2": (7, 2),
    "7.2+dynamic-pamt": (7, 4),
}

# Release, message, source file, fields, and the line: of releases that are modelled or not.
LINES: list[tuple[Release, Message, Source | None, dict[str, int | str], str]] = [
    (V5, boot.KEYIDS, None, {"start": 16, "end": 64}, "tdx: TDX private KeyID range: [16, 64)."),
    (
        (6, 8),
        boot.KEYIDS,
        None,
        {"start": 16, "end": 64},
        "virt/tdx: BIOS enabled: private KeyID range [16, 64)",
    ),
    (
        (7, 2),
        boot.NOTIFIER_FAILED,
        None,
        {"errno": -12},
        "virt/tdx: initialization failed: register_memory_notifier() failed (-12)",
    ),
    (
        V5,
        boot.KEYIDS_UNUSABLE,
        None,
        {},
        "WARN_ON(!tdx_keyid_start || tdx_keyid_num < 2) in detect_tdx_keyids",
    ),
    (
        V5,
        boot.MEMORY_NOT_ADDED,
        None,
        {"start": 0x100000000, "end": 0x140000000},
        "Unable to add memory [0x100000000, 0x140000000) on TDX enabled platform.",
    ),
    ((7, 1), boot.NOT_SUPPORTED, None, {}, "virt/tdx: TDX not supported by the host platform"),
    (
        (7, 1),
        boot.NOT_SUPPORTED,
        Source.KVM,
        {},
        "kvm_intel: TDX not supported by the host platform",
    ),
    (
        (6, 16),
        boot.NOT_SUPPORTED,
        Source.KVM_TDX,
        {},
        "kvm_intel: tdx: no TDX private KeyIDs available",
    ),
    (
        (7, 1),
        boot.FEATURE_MISSING,
        None,
        {"feature": "Self-snoop"},
        "virt/tdx: Self-snoop is required for TDX",
    ),
    ((6, 16), kvm.KVM_REFUSED, None, {"feature": "EPT"}, "kvm_intel: EPT is required for TDX"),
    (
        (6, 16),
        kvm.KVM_REFUSED,
        None,
        {"feature": "TDP MMU and MMIO caching and EPT A/D bit"},
        "kvm_intel: TDP MMU and MMIO caching and EPT A/D bit is required for TDX",
    ),
    (
        (6, 18),
        kvm.KVM_REFUSED,
        Source.KVM_TDX,
        {"feature": "OSXSAVE"},
        "kvm_intel: tdx: OSXSAVE is required for TDX",
    ),
    (
        (6, 16),
        kvm.KVM_PARAMETER_WRONG,
        None,
        {"parameter": "kvm.enable_virt_at_load=1"},
        "kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1",
    ),
    (
        (7, 2),
        kvm.KVM_TOO_MANY_CPUS,
        None,
        {"limit": 5, "cpus": 6},
        "kvm_intel: Disable TDX: MAX_VCPU_PER_TD (5) smaller than number of logical CPUs (6).",
    ),
    (
        (6, 16),
        runtime.LAST_CPU_OF_PACKAGE,
        Source.KVM,
        {},
        "kvm_intel: TDX requires all packages to have an online CPU. Delete all TDs in order to "
        "offline all CPUs of a package.",
    ),
    (
        (7, 1),
        runtime.LAST_CPU_OF_PACKAGE,
        None,
        {},
        "virt/tdx: TDX requires all packages to have an online CPU. Delete all TDs in order to "
        "offline all CPUs of a package.",
    ),
    ((6, 8), bring_up.MODULE_NOT_LOADED, None, {}, "virt/tdx: module not loaded"),
    (V5, bring_up.MODULE_NOT_LOADED, None, {}, "tdx: TDX module is not loaded."),
    (
        (6, 8),
        bring_up.SEAMCALL_FAILED,
        None,
        {"leaf": 0x22, "status": 0xC000050500000000},
        "virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc000050500000000",
    ),
    (
        (7, 2),
        bring_up.SEAMCALL_FAILED,
        Source.SEAMLDR,
        {"leaf": 0x8000000000000001, "status": 0xC000010000000000},
        "seamldr: SEAMCALL (0x8000000000000001) failed: 0xc000010000000000",
    ),
    (
        (7, 2),
        runtime.SYS_DISABLE_FAILED,
        None,
        {"status": 0xC000010000000000},
        "virt/tdx: TDH.SYS.DISABLE failed: 0xc000010000000000",
    ),
    (
        (7, 1),
        bring_up.VERSION,
        None,
        {"major": 1, "minor": 5, "update": 5},
        "virt/tdx: Module version: 1.5.05",
    ),
    (
        (6, 14),
        bring_up.NO_RBP_MOD,
        None,
        {},
        "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module",
    ),
    (V5, bring_up.PAMT_ALLOCATED, None, {"pages": 65667}, "tdx: 65667 pages allocated for PAMT."),
    (
        (6, 18),
        bring_up.PAMT_ALLOCATED,
        None,
        {"kib": 2101260},
        "virt/tdx: 2101260 KB allocated for PAMT",
    ),
    ((7, 0), bring_up.MODULE_INITIALIZED, None, {}, "virt/tdx: module initialized"),
    ((7, 3), bring_up.MODULE_INITIALIZED, None, {}, "virt/tdx: TDX-Module initialized"),
    (
        (7, 1),
        bring_up.INITIALIZATION_FAILED,
        None,
        {"errno": -28},
        "virt/tdx: TDX-Module initialization failed (-28)",
    ),
    (
        (6, 18),
        runtime.KEXEC_REFUSED,
        None,
        {},
        "kexec: Not allowed on platform with tdx_pw_mce bug",
    ),
]


@pytest.mark.parametrize(
    ("release", "message", "source", "fields", "line"),
    LINES,
    ids=[f"{message.id}-{release[0]}.{release[1]}" for release, message, *_ in LINES],
)
def test_a_release_prints_its_own_words_and_prefix(
    release: Release,
    message: Message,
    source: Source | None,
    fields: dict[str, int | str],
    line: str,
) -> None:
    assert message.printed(release, source, fields).text == line
    [found] = read(line)
    assert (found.message.id, found.fields) == (message.id, fields)


def test_a_release_without_a_line_does_not_print_it() -> None:
    with pytest.raises(LookupError, match=r"Linux 6\.8 has no line 'feature-missing'"):
        boot.FEATURE_MISSING.printed((6, 8), None, {"feature": "XSAVE"})
    with pytest.raises(LookupError, match="start"):
        boot.KEYIDS.printed(V5, None, {"end": 64})


@pytest.mark.parametrize(
    ("message", "before", "since"),
    [
        (runtime.KEXEC_REFUSED, (6, 17), (6, 18)),
        (kvm.KVM_CLEANUP_BUG, (6, 15), (6, 16)),
        (runtime.SYS_DISABLE_FAILED, (7, 1), (7, 2)),
    ],
    ids=lambda value: getattr(value, "id", str(value)),
)
def test_a_line_came_with_its_release(message: Message, before: Release, since: Release) -> None:
    with pytest.raises(LookupError, match=rf"{before[0]}\.{before[1]} has no line"):
        message.wording(before)
    assert message.wording(since).since == since


def test_a_level_is_the_wordings() -> None:
    """Expect v5 to tell calmly of a module that is not loaded, and 6.8 as an error."""
    assert bring_up.MODULE_NOT_LOADED.printed(V5, None, {}).level == "info"
    assert bring_up.MODULE_NOT_LOADED.printed((6, 8), None, {}).level == "err"


def test_a_message_is_shown_in_its_newest_words() -> None:
    assert bring_up.MODULE_INITIALIZED.shown == "TDX-Module initialized"
    assert boot.KEYIDS.shown == "BIOS enabled: private KeyID range [..., ...)"
    assert kvm.KVM_PARAMETER_WRONG.shown == "tdx requires ..."
    assert boot.X2APIC_OFF.shown == "Disable TDX as X2APIC is not enabled"


def test_messages_are_told_apart_by_their_ids() -> None:
    assert len(MESSAGES) > 70
    assert len({message.id for message in MESSAGES}) == len(MESSAGES)
    for message in MESSAGES:
        assert message.meaning.endswith(".")
        releases = [t.since for t in message.templates if t.since is not None]
        assert releases == sorted(set(releases)), message.id
        assert all((t.since is None) == bool(t.of) for t in message.templates), message.id


_WORDS = st.sampled_from(["XSAVE", "kvm.enable_virt_at_load=1", "1.5.06.00", "enabled", "tdx.c"])
_NUMBERS = {
    **{conversion: st.integers(0, 2**32 - 1) for conversion in ("d", "02d")},
    **{conversion: st.integers(0, 2**64 - 1) for conversion in ("x", "#x", "08x", "016x")},
    "-d": st.integers(-(2**31), 2**31 - 1),
}


@st.composite
def _wordings(draw: st.DrawFn) -> tuple[Message, Template, dict[str, int | str]]:
    message = draw(st.sampled_from(MESSAGES))
    template = draw(st.sampled_from(message.templates))
    fields: dict[str, int | str] = {}
    for _, name, conversion, _ in Formatter().parse(template.text):
        if name is not None and conversion is not None:
            number = draw(_NUMBERS[conversion]) if conversion in _NUMBERS else None
            fields[name] = draw(_WORDS) if number is None else number
    return message, template, fields


@given(_wordings())
def test_every_wording_is_read_back(
    wording: tuple[Message, Template, dict[str, int | str]],
) -> None:
    """Expect any fields back, under any prefix that the message's source files ever had."""
    message, template, fields = wording
    prefixes = [text for source in message.sources for _, text in PREFIXES.get(source, ())]
    for prefix in prefixes or [""]:
        [found] = read(prefix + template.text.format_map(fields))
        assert (found.message.id, found.fields) == (message.id, fields)


# What kernels were made to print: each message's id and its fields.
_Calls = list[tuple[str, dict[str, int | str]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> _Calls:
    """The calls of pr() of all kernels, in the order in which they are made."""
    made: _Calls = []
    pr = Kernel.pr

    def noted(self: Kernel, message: Message, /, **named: Any) -> None:
        pr(self, message, **named)
        made.append((message.id, {name: named[name] for name in named if name != "source"}))

    monkeypatch.setattr(Kernel, "pr", noted)
    return made


def _read_back(lines: Iterable[LogLine]) -> _Calls:
    # Each line is one message and no other.
    read_back = []
    for line in lines:
        [found] = candidates(line.text)
        read_back.append((found.message.id, found.fields))
    return read_back


@pytest.mark.parametrize("kernel", RELEASES)
def test_what_a_kernel_prints_on_shipped_platforms_is_read_back(kernel: str, calls: _Calls) -> None:
    """Expect each line to be one message and no other, with the fields it was printed with."""
    for name in shipped.names():
        machine = Machine.boot(Platform.load(shipped.path_of(name)), kernel=kernel)
        with suppress(NotModelledError):  # where v5 oopses
            machine.tdx_init()
        assert _read_back(machine.dmesg) == calls, name
        # A line without a newline runs into the next, where a console shows it so.
        run_on = "".join(line.text + "\n" * line.newline for line in machine.dmesg)
        found = [found for line in run_on.split("\n") for found in read(line)]
        assert [(f.message.id, f.fields) for f in found] == calls
        calls.clear()


@pytest.mark.parametrize("kernel", RELEASES)
def test_a_bring_up_that_succeeds_goes_through_the_stages_in_order(
    kernel: str, calls: _Calls
) -> None:
    Machine.boot(Platform.load(shipped.path_of("spr-2s-512g")), kernel=kernel).tdx_init()
    stages = {message.id: message.stage for message in MESSAGES}
    reached = [stages[message_id] for message_id, _ in calls]
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (Stage.BOOT, Stage.DONE)


@pytest.mark.parametrize("kernel", ["v5", "v5-posted", "6.8", "6.18", "7.2+dynamic-pamt"])
def test_golden_lines_are_read_back_and_printed_again(kernel: str) -> None:
    """Expect each line of the real kernel code to be one message, and that to print the line."""
    lines = {
        tuple(line)
        for case in vectors.load(kernel)
        for op in case["output"]["ops"]
        for line in op.get("log", ())
    }
    assert len(lines) > 100
    for level, text, *rest in lines:
        [found] = candidates(text)
        source = Source.SEAMLDR if text.startswith("seamldr: ") else None
        again = found.message.printed(RELEASES[kernel], source, found.fields)
        assert Printed(level, text, not rest) == again


def test_what_the_walk_of_cmrs_prints_on_golden_platforms_is_read_back(calls: _Calls) -> None:
    for case in vectors.load("6.8"):
        platform = Platform.from_dict(vectors.description(case["input"], "6.8"))
        machine = Machine.boot(platform, kernel="6.8+cmr-walk")
        machine.tdx_init()
        assert _read_back(machine.dmesg) == calls
        calls.clear()


def test_every_kernel_has_the_words_of_a_release() -> None:
    assert {kernel.id: kernel.wording for kernel in KERNELS} == RELEASES
