# SPDX-License-Identifier: Apache-2.0
"""What a person is shown of a tdx_init() call, for a pipe and on a terminal: reports by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from tdxctl.causes import ModuleNotLoaded, VmxOff
from tdxctl.errnos import Errno
from tdxctl.events import (
    Failure,
    InitReport,
    LogLine,
    OpResult,
    StepResult,
    SubStep,
)
from tdxctl.report import plain, terminal
from tdxctl.report.blocks import Block, Facts, Heading, Log, Notes, Step, Steps, Table, Verdict
from tdxctl.report.view import init_view
from tdxctl.screens import Screen
from tdxctl.verdicts import KvmDoesNotLoad, ReadyToRunTds
from tests.report.summaries import SUMMARY

MIB, GIB = 1 << 20, 1 << 30
STEPS = (
    StepResult(None, "checks", "Checks", "passed"),
    StepResult(1, "global-init", "Global init", "passed", leaf="TDH.SYS.INIT", seamcalls=1),
    StepResult(
        2,
        "lp-init",
        "CPU init",
        "failed",
        leaf="TDH.SYS.LP.INIT",
        seamcalls=4,
        detail="CPU 3",
        substeps=(SubStep("a", "part", "failed", None),),
    ),
    StepResult(
        3, "config", "Config", "skipped", substeps=(SubStep("b", "unseen", "skipped", None),)
    ),
)
LOG = (LogLine("info", "tdx: on\x07"), LogLine("err", "tdx: off"))
DONE = OpResult("init", 0, "INITIALIZED", (), STEPS[:2], None, (0,))
FAILURE = Failure("lp-init", VmxOff(), "EIO", "EIO")
FAILED = OpResult("init", -5, "UNKNOWN", (), STEPS, FAILURE, (-5,))


TABLES = """\
TDMRs (2 of 64{freed})
  #         base   size  node     PAMT at   PAMT  reserved
  0          0x0  1 GiB     0  0x40000000  4 MiB      1/16
  1  0x100000000  1 GiB     1           -      -         -

PAMT (4 MiB{freed})
          memory   PAMT   KiB  of memory
  node 0   1 GiB  3 MiB  3072    0.293 %
  node 1     0 B  1 MiB  1024          -
  total    1 GiB  4 MiB  4096    0.391 %"""
WELL = f"""\
m0: by h\\x1band
1 CPU in 1 package, 1 GiB in 2 NUMA nodes, TDX module 1.5.06
Kernel: version 5

Steps
    Checks       passed
  1 Global init  passed   TDH.SYS.INIT

{TABLES.format(freed="")}

Kernel log
  tdx: on\\x07
  tdx: off

tdx_init() returned 0; status INITIALIZED: the TDX module is initialized and ready to run TDs
host:  ready to run 31 TDs"""
BADLY = f"""\
m0: by h\\x1band
1 CPU in 1 package, 1 GiB in 2 NUMA nodes, TDX module 1.5.06
Kernel: version 5

Steps
    Checks       passed
  1 Global init  passed   TDH.SYS.INIT
  2 CPU init     failed   TDH.SYS.LP.INIT x 4, CPU 3
      part       failed
  3 Config       skipped

{TABLES.format(freed=", freed after the failure")}

tdx_init() returned -5 (EIO); status UNKNOWN: not initialized, and nothing is decided: \
tdx_init() may be called again

  failed step: 2 CPU init
  why:         the CPU is not in VMX operation, and cannot enter it
  errno:       -EIO
  means:       SEAMCALL works in VMX operation only. The kernel says nothing.
  to do:       enable virtualization (VT-x) in the BIOS
  more:        tdxctl explain EIO vmx"""
ALREADY = """\
m0
1 CPU in 1 package, 1 GiB in 2 NUMA nodes, no TDX module loaded
Kernel: version 5 (read)

2 callers, in the order of the lock: 0, 0
call 2: already INITIALIZED, no SEAMCALL made: the TDX module is initialized and ready to run TDs"""
NO_KVM = """\
m0: by h\\x1band
1 CPU in 1 package, 1 GiB in 2 NUMA nodes, TDX module 1.5.06
Kernel: version 5

2 callers, in the order of the lock: 0, -19
call 3: already NONE, no SEAMCALL made, returned -19 (ENODEV): there is no TDX module; \
final until reboot or an update of the module
host:  kvm_intel does not load: no virtual machine starts on this host

  why:         the CPU is not in VMX operation, and cannot enter it
  errno:       -EIO
  means:       SEAMCALL works in VMX operation only. The kernel says nothing.
  to do:       enable virtualization (VT-x) in the BIOS
  more:        tdxctl explain EIO vmx
  until then:  load kvm_intel with tdx=0: other virtual machines start then"""
BARE = replace(SUMMARY, module_loaded=False, description="", kernel_evidence="read")
TOLD_THAT_NONE = OpResult(
    *("init", -19, "NONE", (), (), replace(FAILURE, step=None), (0, -19)),
    host=KvmDoesNotLoad(Errno.ENODEV),
)


@pytest.mark.parametrize(
    ("report", "text", "good"),
    [
        (InitReport(SUMMARY, 1, replace(DONE, host=ReadyToRunTds(31)), LOG), WELL, True),
        (InitReport(SUMMARY, 2, FAILED, ()), BADLY, False),
        (
            InitReport(BARE, 2, OpResult("init", 0, "INITIALIZED", (), callers=(0, 0)), ()),
            ALREADY,
            True,
        ),
        (InitReport(SUMMARY, 3, TOLD_THAT_NONE, ()), NO_KVM, False),
    ],
)
def test_a_bring_up_for_a_pipe(report: InitReport, text: str, good: bool) -> None:
    """A call that made no SEAMCALL has no steps; what a host is left with stands with the verdict.

    Expect an advice for now apart from what mends the cause, and several callers in their order.
    """
    view = init_view(report)
    assert plain.render(view.blocks) == text
    assert view.verdict.good is good


def test_a_seamcall_that_found_no_module_is_shown_with_its_status() -> None:
    cause = ModuleNotLoaded(33, 0, 0x8000FF00FFFF0000)
    failure = Failure("checks", cause, "ENODEV", "ENODEV")
    view = init_view(InitReport(SUMMARY, 1, replace(FAILED, failure=failure), ()))
    assert view.problem is not None
    pairs = dict(view.problem.pairs)
    assert [pairs[key] for key in ("failed step", "SEAMCALL", "errno", "more")] == [
        "Checks",
        "TDH.SYS.INIT on CPU 0",
        "-ENODEV",
        "tdxctl explain 0x8000ff00ffff0000 module-loaded",
    ]
    assert pairs["status"] == "VMFAILINVALID, 0x8000ff00ffff0000"


def test_initialized_and_not_ready_is_not_good() -> None:
    """The module is initialized, and kvm_intel does not load."""
    done = replace(DONE, host=KvmDoesNotLoad(Errno.EIO))
    assert init_view(InitReport(SUMMARY, 1, done, ())).verdict.good is False


#: A table that has words in its last column, and what stands out in its second row.
WORDS = Table(
    title="Checks",
    columns=("name", "what it is"),
    rows=(("a", "words " * 12), ("b", "-")),
    verdict=1,
    bad=[1],
    note="noted",
)


def _plain(columns: int) -> Screen:
    return Screen(columns, escapes=False, colours=False)


def _shown(blocks: Iterable[Block], screen: Screen) -> list[str]:
    return terminal.to_text(blocks, screen).split("\n")


def test_a_bring_up_on_a_terminal() -> None:
    """Expect words to go on below each other, and why it failed right below that it did."""
    shown = _shown(init_view(InitReport(SUMMARY, 2, FAILED, LOG)).blocks, _plain(60))
    assert shown[3:9] == [
        "",
        "\u2714   Checks",
        "\u2714 1 Global init TDH.SYS.INIT",
        "\u2718 2 CPU init    TDH.SYS.LP.INIT x 4, CPU 3",
        "\u2718     part",
        "\u00b7 3 Config      skipped",
    ]
    assert "\n".join(shown[10:20]) == (
        TABLES.format(freed=", freed after the failure").replace("\n  ", "\n")
    )
    assert shown[20:] == [
        "",
        "Kernel log",
        "  tdx: on\\x07",
        "  tdx: off",
        "",
        "tdx_init() returned -5 (EIO); status UNKNOWN: not",
        "initialized, and nothing is decided: tdx_init() may be",
        "called again",
        "  failed step: 2 CPU init",
        "  why:         the CPU is not in VMX operation, and cannot",
        "               enter it",
        "  errno:       -EIO",
        "  means:       SEAMCALL works in VMX operation only. The",
        "               kernel says nothing.",
        "  to do:       enable virtualization (VT-x) in the BIOS",
        "  more:        tdxctl explain EIO vmx",
    ]


#: Two steps that passed, with little and with much to be said of them, one that failed in part.
SAID = Steps(
    (
        Step("", "Checks", "passed", "8 CPUs, 8 online, 0 not enabled in the MADT"),
        Step("1", "Global initialization", "passed", "TDH.SYS.INIT"),
        Step("4", "Configure", "failed", ""),
        Step("", "Cover memory", "failed", "3 of 64 TDMRs", indent=1),
        Step("5", "Key", "skipped", "2 packages"),
    )
)


@pytest.mark.parametrize("columns", [50, 69])
def test_what_is_said_of_a_step_goes_on_in_its_column(columns: int) -> None:
    """4 columns for mark and number, 22 for the titles: 24 are left for it, or 43."""
    said = {
        50: ["8 CPUs, 8 online, 0 not", "enabled in the MADT"],
        69: ["8 CPUs, 8 online, 0 not enabled in the MADT"],
    }
    first, *more = said[columns]
    assert _shown([SAID], _plain(columns)) == [
        f"\u2714   Checks                {first}",
        *(" " * 26 + part for part in more),
        "\u2714 1 Global initialization TDH.SYS.INIT",
        "\u2718 4 Configure",
        "\u2718     Cover memory        3 of 64 TDMRs",
        "\u00b7 5 Key                   skipped",
    ]


def test_what_a_step_is_called_goes_on_in_its_column() -> None:
    """50 columns for both: half for the titles, which would take 32."""
    long = Steps(
        (
            Step("4", "Configure memory and global KeyID", "passed", "TDH.SYS.CONFIG"),
            Step("", "Hand the TDMRs to the module", "passed", "global KeyID 32, of 31", indent=1),
            Step("5", "Key", "passed", "TDH.SYS.KEY.CONFIG x 2, 2 packages"),
        )
    )
    assert _shown([long], _plain(54)) == [
        "\u2714 4 Configure memory and      TDH.SYS.CONFIG",
        "    global KeyID",
        "\u2714     Hand the TDMRs to the   global KeyID 32, of 31",
        "      module",
        "\u2714 5 Key                       TDH.SYS.KEY.CONFIG x 2,",
        "                              2 packages",
    ]


def test_where_its_column_would_be_too_narrow_it_stands_below_the_step() -> None:
    """Expect what fits beside its step to stay there."""
    assert _shown([SAID], _plain(38)) == [
        "\u2714   Checks",
        "      8 CPUs, 8 online, 0 not enabled",
        "      in the MADT",
        "\u2714 1 Global initialization TDH.SYS.INIT",
        "\u2718 4 Configure",
        "\u2718     Cover memory 3 of 64 TDMRs",
        "\u00b7 5 Key skipped",
    ]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (32, ["\u2718     Cover memory 3 of 64 TDMRs"]),
        (31, ["\u2718     Cover memory", "        3 of 64 TDMRs"]),
        (20, ["\u2718     Cover memory", "        3 of 64", "        TDMRs"]),
    ],
)
def test_below_a_part_of_a_step_it_is_indented_as_the_part_is(
    columns: int, shown: list[str]
) -> None:
    assert _shown([Steps(SAID.steps[3:4])], _plain(columns)) == shown


def test_a_step_of_which_nothing_is_said_takes_a_line() -> None:
    steps = Steps((*SAID.steps[:1], Step("4", "Configure memory", "passed", "")))
    assert _shown([steps], _plain(20))[-2:] == ["      MADT", "\u2714 4 Configure memory"]


def test_without_unicode_the_marks_are_ascii() -> None:
    screen = Screen(80, escapes=False, colours=False, unicode=False)
    assert [line[0] for line in _shown([SAID], screen)] == list("++XX-")


def test_a_table_of_numbers_that_is_too_wide_is_a_paragraph_per_row() -> None:
    """Expect no number to be torn apart, and what there is none of to be left out."""
    tables = init_view(InitReport(SUMMARY, 1, DONE, ())).tables
    assert _shown([*tables, WORDS], _plain(40)) == [
        "TDMRs (2 of 64)",
        "0  base 0x0; size 1 GiB; node 0;",
        "   PAMT at 0x40000000; PAMT 4 MiB;",
        "   reserved 1/16",
        "1  base 0x100000000; size 1 GiB; node 1",
        "",
        "PAMT (4 MiB)",
        "        memory   PAMT   KiB  of memory",
        "node 0   1 GiB  3 MiB  3072    0.293 %",
        "node 1     0 B  1 MiB  1024          -",
        "total    1 GiB  4 MiB  4096    0.391 %",
        "",
        "Checks",
        "name  what it is",
        "a     words words words words words",
        "      words words words words words",
        "      words words",
        "b     -",
        "noted",
    ]


def test_facts_without_a_title_belong_to_what_stands_above_them() -> None:
    facts = [Facts((("x", "y"),)), Facts((("x", "y"),), "Title")]
    assert _shown([Notes(("a note",)), *facts], _plain(60)) == [
        "a note",
        "  x:           y",
        "",
        "Title",
        "  x:           y",
    ]


#: Every role that a line or a part of one can have.
ROLES: tuple[Block, ...] = (
    Heading(("m0", "more")),
    Log((("info", "on"), ("warn", "odd"), ("WARN", "trace"), ("err", "off"))),
    Verdict("well", good=True),
    Verdict("badly", good=False),
    Facts((("why", "x"), ("to do", "y"))),
    Notes(("noted",)),
    SAID,
)


def test_on_a_terminal_with_colours_what_is_bad_and_what_to_do_stand_out() -> None:
    assert [line for line in _shown(ROLES, Screen(80)) if line] == [
        "\x1b[1mm0\x1b[0m",
        "more",
        "\x1b[1mKernel log\x1b[0m",
        "\x1b[2m  on\x1b[0m",
        "\x1b[33m  odd\x1b[0m",
        "\x1b[33m  trace\x1b[0m",
        "\x1b[31m  off\x1b[0m",
        "\x1b[1;32mwell\x1b[0m",
        "\x1b[1;31mbadly\x1b[0m",
        "\x1b[2m  why:         \x1b[0mx",
        "\x1b[2m  to do:       \x1b[0m\x1b[1my\x1b[0m",
        "\x1b[2mnoted\x1b[0m",
        "\x1b[32m\u2714\x1b[0m   Checks                "
        "\x1b[2m8 CPUs, 8 online, 0 not enabled in the MADT\x1b[0m",
        "\x1b[32m\u2714\x1b[0m 1 Global initialization \x1b[2mTDH.SYS.INIT\x1b[0m",
        "\x1b[1;31m\u2718\x1b[0m 4 \x1b[1;31mConfigure\x1b[0m",
        "\x1b[1;31m\u2718\x1b[0m   \x1b[1;31m  Cover memory\x1b[0m        "
        "\x1b[2m3 of 64 TDMRs\x1b[0m",
        "\x1b[2m\u00b7\x1b[0m 5 \x1b[2mKey\x1b[0m                   \x1b[2mskipped\x1b[0m",
    ]


def test_bold_and_dim_are_no_colours() -> None:
    """Expect what NO_COLOR asks for: nothing red, green or yellow, and the rest as it was."""
    assert [line for line in _shown(ROLES, Screen(80, colours=False)) if line] == [
        "\x1b[1mm0\x1b[0m",
        "more",
        "\x1b[1mKernel log\x1b[0m",
        "\x1b[2m  on\x1b[0m",
        "  odd",
        "  trace",
        "  off",
        "\x1b[1mwell\x1b[0m",
        "\x1b[1mbadly\x1b[0m",
        "\x1b[2m  why:         \x1b[0mx",
        "\x1b[2m  to do:       \x1b[0m\x1b[1my\x1b[0m",
        "\x1b[2mnoted\x1b[0m",
        "\u2714   Checks                \x1b[2m8 CPUs, 8 online, 0 not enabled in the MADT\x1b[0m",
        "\u2714 1 Global initialization \x1b[2mTDH.SYS.INIT\x1b[0m",
        "\x1b[1m\u2718\x1b[0m 4 \x1b[1mConfigure\x1b[0m",
        "\x1b[1m\u2718\x1b[0m   \x1b[1m  Cover memory\x1b[0m        \x1b[2m3 of 64 TDMRs\x1b[0m",
        "\x1b[2m\u00b7\x1b[0m 5 \x1b[2mKey\x1b[0m                   \x1b[2mskipped\x1b[0m",
    ]


def test_what_others_said_gives_a_terminal_no_orders() -> None:
    """Expect escapes to be shown as what they are, whichever block they came in."""
    evil = "\x1b[31mred\x07"
    blocks: list[Block] = [
        Heading((evil,)),
        Steps((Step("1", evil, "passed", evil),)),
        Table(evil, (evil, "n"), ((evil, "1"),), note=evil),
        Log((("info", evil),)),
        Verdict(evil, good=True),
        Facts(((evil, evil),), evil),
        Notes((evil,)),
    ]
    shown = "\n".join(_shown(blocks, Screen(200)))
    assert shown.count(r"\x1b[31mred\x07") == 13
    assert not re.search(r"\x1b\[31m|\x07", shown)


def test_on_a_terminal_with_colours_a_row_that_is_bad_stands_out() -> None:
    """In its column that says why, or, where a table is too wide, in what begins the row."""
    short = replace(WORDS, rows=(("a", "fine"), ("b", "wrong")))
    assert _shown([short], Screen(60))[-4:] == [
        "\x1b[1mname  what it is\x1b[0m",
        "a     \x1b[1;32mfine\x1b[0m",
        "b     \x1b[1;31mwrong\x1b[0m",
        "\x1b[2mnoted\x1b[0m",
    ]
    wide = replace(short, columns=("name", "n", "verdict"), right=[1], verdict=2, note="")
    rows = (("a", "1" * 20, "fine"), ("b", "2" * 20, "wrong"))
    assert _shown([replace(wide, rows=rows)], Screen(30))[1:] == [
        "\x1b[1;32ma  \x1b[0mn 11111111111111111111;",
        "\x1b[1;32m   \x1b[0mverdict fine",
        "\x1b[1;31mb  \x1b[0mn 22222222222222222222;",
        "\x1b[1;31m   \x1b[0mverdict wrong",
    ]


def test_a_table_of_numbers_is_a_grid_where_it_just_fits() -> None:
    """Two columns of 14 and 2 between them: 30, and no paragraphs."""
    table = Table("", ("name", "n"), (("a" * 14, "1" * 14), ("b", "2")), right=[1])
    assert _shown([table], _plain(30)) == [
        "name                         n",
        "aaaaaaaaaaaaaa  11111111111111",
        "b                            2",
    ]
    assert _shown([table], _plain(29))[-1].split() == ["b", "n", "2"]


def test_words_in_the_last_column_make_no_table_too_wide() -> None:
    """They go on in their column, where it has room for 24."""
    table = replace(WORDS, right=[0], note="", rows=(("1", "words " * 8),))
    assert _shown([table], _plain(30)) == [
        "Checks",
        "name  what it is",
        "   1  words words words words",
        "      words words words words",
    ]
    assert _shown([table], _plain(29))[1] == "1  what it is words words"
