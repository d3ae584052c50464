# SPDX-License-Identifier: Apache-2.0
"""What a command line's words are read as, and where a command's output goes: each by itself."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tdxctl import progress
from tdxctl.commands import sweep
from tdxctl.commands.inputs import arguments, completions, environment
from tdxctl.commands.inputs.fleets import summary_of
from tdxctl.commands.inputs.kernels import ALL, chosen, each_once, named_kernel
from tdxctl.commands.outputs import outcomes, stdout
from tdxctl.commands.outputs.files import write_document
from tdxctl.errors import Diagnostic, UsageError
from tdxctl.guests import Guest
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.releases import KERNELS
from tdxctl.scenario.description import BROKEN, Outcome

GIB = 1 << 30


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (arguments.cpulist, "0-2,8", [0, 1, 2, 8]),
        (arguments.cpulist, "0-8191", list(range(8192))),
        (arguments.address, "0xfffffffffffff", (1 << 52) - 1),
        (arguments.address, "4KiB", 4096),
        (arguments.memory_range, "4GiB-5GiB", (4 * GIB, 5 * GIB)),
        (arguments.memory_range, "0x100000000+1GiB", (4 * GIB, 5 * GIB)),
        (arguments.size_at_node, "512GiB@1", (512 * GIB, 1)),
        (arguments.size_at_node, "1GiB@1023", (GIB, 1023)),
        (arguments.size_and_vcpus, "8GiB,4", Guest(8 * GIB, 4)),
        (arguments.size_and_vcpus, "1,1", Guest(1, 1)),
        (arguments.size_and_vcpus, "1GiB,8192", Guest(GIB, 8192)),
    ],
)
def test_arguments_in_the_notation_of_the_field(
    read: Callable[[str], object], text: str, value: object
) -> None:
    assert read(text) == value


NO_SIZE = "not a TD's size"
NO_MEMORY = "not more memory"


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        (arguments.cpulist, "3-1", "the CPU list '3-1' has a range that runs backwards (3-1)"),
        (arguments.cpulist, "0-8192", "the CPU list '0-8192' names more than 8192 numbers"),
        (arguments.cpulist, "", "the CPU list names no CPU"),
        (arguments.address, "x", "the address 'x' must be bytes"),
        (arguments.address, "0x10000000000000", "the address '0x10000000000000' is beyond 2^52"),
        (arguments.memory_range, "4GiB", "not a memory range: '4GiB'"),
        (arguments.memory_range, "5GiB-4GiB", "the range '5GiB-4GiB' is empty"),
        (arguments.size_at_node, "512GiB", NO_MEMORY),
        (arguments.size_at_node, "512GiB@", NO_MEMORY),
        (arguments.size_at_node, "512GiB@-1", NO_MEMORY),
        (arguments.size_at_node, "1GiB@1024", NO_MEMORY),
        (arguments.size_at_node, "0@1", NO_MEMORY),
        (arguments.size_at_node, "x@1", NO_MEMORY),
        (arguments.size_and_vcpus, "8GiB", NO_SIZE),
        (arguments.size_and_vcpus, "8GiB,0", NO_SIZE),
        (arguments.size_and_vcpus, "8GiB,8193", NO_SIZE),
        (arguments.size_and_vcpus, "8GiB,x", NO_SIZE),
        (arguments.size_and_vcpus, "0,1", NO_SIZE),
        (arguments.size_and_vcpus, "0x10000000000000,1", NO_SIZE),
    ],
)
def test_what_is_wrong_with_an_argument(read: Callable[[str], object], text: str, why: str) -> None:
    with pytest.raises(UsageError) as error:
        read(text)
    assert error.value.message.startswith(why)


def test_a_machine_is_named_by_its_option_then_by_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TDXCTL_MACHINE", raising=False)
    assert arguments.machine_name(None) is None
    monkeypatch.setenv("TDXCTL_MACHINE", "lab")
    assert arguments.machine_name(None) == "lab"
    assert arguments.machine_name("other") == "other"
    with pytest.raises(UsageError, match=r"^not a machine's name: 'a b'$"):
        arguments.machine_name("a b")
    monkeypatch.setenv("TDXCTL_MACHINE", "a/b")
    with pytest.raises(UsageError, match=r"^not a machine's name: 'a/b' \(TDXCTL_MACHINE\)$"):
        arguments.machine_name(None)


def test_a_kernel_asked_for_by_two_names_is_one() -> None:
    """Expect the order asked for, and every kernel where all of them are among those named."""
    older, newer, again = map(find_kernel, ("6.8", "7.2", "mainline"))
    assert [each.id for each in each_once((newer, older, again))] == ["7.2", "6.8"]
    assert each_once((older, ALL)) == KERNELS
    assert each_once(()) == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("6.8", ""),
        ("mainline", "kernel: mainline is 7.2\n"),
        ("6.9.3", "kernel: 6.9.3 behaves as 6.8, nobody calls tdx_enable(), read\n"),
    ],
)
def test_what_another_name_stands_for_is_said(
    name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(name)
    assert capsys.readouterr().err == told


@click.command("some")
@named_kernel("--kernel")
@click.option("--set", "settings", multiple=True)
@click.option("-f", "--format", "output_format")
@click.option("--once/--no-once")
def _some(**_: object) -> None:
    """A command with an option of each kind."""


def test_an_option_has_the_variable_of_its_longest_name() -> None:
    environment.give("some-thing", _some)
    assert {option.name: option.envvar for option in _some.params} == {
        "kernel": "TDXCTL_SOME_THING_KERNEL",
        "settings": None,
        "output_format": "TDXCTL_SOME_THING_FORMAT",
        "once": "TDXCTL_SOME_THING_ONCE",
    }


def test_a_refusal_names_the_variables_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect those that are set and that the command line does not overrule."""
    environment.give("some", _some)
    wrong = (Diagnostic("no"), Diagnostic("no", hint="yes"))
    for name in ("KERNEL", "FORMAT", "ONCE"):
        monkeypatch.delenv(f"TDXCTL_SOME_{name}", raising=False)
    assert environment.told(wrong, _some, []) == wrong
    monkeypatch.setenv("TDXCTL_SOME_KERNEL", "6.8")
    monkeypatch.setenv("TDXCTL_SOME_ONCE", "1")
    both = "from the environment: TDXCTL_SOME_KERNEL, TDXCTL_SOME_ONCE"
    assert [each.hint for each in environment.told(wrong, _some, [])] == [both, f"yes; {both}"]
    one = "from the environment: TDXCTL_SOME_ONCE"
    told = environment.told(wrong, _some, ["--kernel=7.2"])
    assert [each.hint for each in told] == [one, f"yes; {one}"]
    assert environment.told(wrong, _some, ["--kernel", "7.2", "--no-once"]) == wrong
    assert environment.told(wrong, None, []) == wrong


CTX = click.Context(_some)


def _offered(
    of: Callable[
        [click.Context, click.Parameter, str], list[click.shell_completion.CompletionItem]
    ],
    typed: str,
    option: click.Parameter | None = None,
) -> list[tuple[str, str | None]]:
    found = of(CTX, option or _some.params[0], typed)
    return [(each.value, each.help if each.type == "plain" else each.type) for each in found]


def test_in_a_folder_that_is_gone_the_shipped_platforms_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert ("spr-2s-512g", None) in _offered(completions.platforms, "spr-")


def test_what_a_tab_offers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("spr-mine.yaml", "spr-mine.txt", "spr one.json"):
        (tmp_path / name).touch()
    offered = _offered(completions.platforms, "spr-")
    assert ("spr-2s-512g", None) in offered
    assert ("spr-mine.yaml", None) in offered
    assert "spr-mine.txt" not in dict(offered)
    assert ("spr one.json", None) not in _offered(completions.platforms, "spr")
    assert "spr-mine.yaml" not in dict(_offered(completions.shipped_platforms, "spr-"))
    assert _offered(completions.platforms, "none-such") == [("none-such", "file")]
    assert _offered(completions.platforms, "./spr") == [("./spr", "file")]
    assert _offered(completions.files, "a") == [("a", "file")]
    assert _offered(completions.module_versions, "1.5.0") == [
        (version, None) for version in ("1.5.01", "1.5.05", "1.5.06", "1.5.08", "1.5.09")
    ]


def test_kernels_are_offered_with_their_titles() -> None:
    """Expect `all` only where an option takes every kernel and has that as its default."""
    assert _offered(completions.kernels, "6.8") == [
        ("6.8", "Linux 6.8"),
        ("6.8+cmr-walk", "Linux 6.8 with the CMR walk"),
    ]
    assert ("mainline", "Linux 7.2") in _offered(completions.kernels, "m")
    assert _offered(completions.kernels, "al") == []
    every = click.Option(["--kernel"], default=("all",))
    assert _offered(completions.kernels, "al", every) == [("all", "every kernel")]


def test_what_explain_knows_is_offered_once_something_is_typed() -> None:
    checks = dict(_offered(completions.explained, ""))
    assert "init-attempt" in checks
    assert not any(word.startswith("TDX_") for word in checks)
    offered = [word for word, _ in _offered(completions.explained, "TDX_SYS_BUSY")]
    assert offered == ["TDX_SYS_BUSY"]
    assert ("EINVAL", None) in _offered(completions.explained, "EINV")
    assert ("TDH.SYS.INIT", None) in _offered(completions.explained, "TDH.SYS.INI")


def test_a_document_is_written_whole_and_keeps_the_mode_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Expect a new file as the umask has it, an old one with its mode, a link to stay one."""
    path, link = tmp_path / "report.xml", tmp_path / "link.xml"
    before = os.umask(0o027)
    try:
        write_document("one", str(path))
    finally:
        os.umask(before)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("one\n", 0o640)
    path.chmod(0o600)
    link.symlink_to(path)
    write_document("two", str(link))
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two\n", 0o600)
    assert link.is_symlink()
    assert capsys.readouterr() == ("", f"written to {path}\nwritten to {link}\n")
    assert sorted(os.listdir(tmp_path)) == ["link.xml", "report.xml"]
    write_document("three", "-")
    assert capsys.readouterr() == ("three\n", "")


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.xml"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_document("after", str(path))
    assert os.listdir(tmp_path) == ["report.xml"]
    assert path.read_text() == "before"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("junit", "'junit' is not FORMAT=FILE: junit=report.xml"),
        ("junit=", "'junit=' is not FORMAT=FILE: junit=report.xml"),
        ("junit=/no/such/report.xml", "there is no folder '/no/such'"),
        ("yaml=a.yaml", "'yaml' is not one of"),
    ],
)
def test_an_output_is_a_format_and_a_file(value: str, why: str) -> None:
    with pytest.raises(click.BadParameter) as error:
        outcomes.FormatAndFile().convert(value, None, None)
    assert error.value.message.startswith(why)


@pytest.mark.parametrize(
    ("output_format", "printed"),
    [
        ("junit", "##[x]\n"),
        ("github", "##[x]\n"),
        ("json", "#\\u0023[x]\n"),
        ("gitlab", "#\\u0023[x]\n"),
        ("sarif", "#\\u0023[x]\n"),
        ("text", "#\\x23[x]\n"),
    ],
)
def test_a_report_is_printed_as_its_format_holds_what_others_said(
    output_format: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes.print_outcomes("##[x]", output_format)
    assert capsys.readouterr().out == printed


def test_a_sweep_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(progress, "say", said.append)
    told = sweep._told(find_kernel("6.8"))
    told(0, 40)
    told(10, 40)
    told(40, 40)
    assert said == [
        "sweeping 6.8 [....................] 0 of 40",
        "sweeping 6.8 [#####...............] 10 of 40",
        "sweeping 6.8 [####################] 40 of 40",
    ]


def test_an_output_in_this_folder_needs_none() -> None:
    of = outcomes.FormatAndFile()
    assert of.convert("junit=a=b.xml", None, None) == ("junit", "a=b.xml")
    assert of.convert(("json", "a"), None, None) == ("json", "a")


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ((), ""),
        (("a",), "1 other file is no scenario: a\n"),
        (tuple("abcde"), "5 other files are no scenarios: a, b, c, d, e\n"),
        (tuple("abcdef"), "6 other files are no scenarios: a, b, c, d, e and 1 more\n"),
    ],
)
def test_files_that_are_no_scenarios_are_named(
    others: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes.tell_others(others)
    assert capsys.readouterr().err == told


def test_what_is_wrong_in_files_is_told_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Diagnostic("is wrong", hint="try 8", file="a.yaml")
    broken = [
        Outcome(file="a.yaml", line=1, name=name, kernel="7.2", outcome=BROKEN, problems=(wrong,))
        for name in ("one", "two")
    ]
    assert outcomes.problems_of(broken) == (wrong,)
    outcomes.tell_problems(broken)
    assert capsys.readouterr().err == "a.yaml: is wrong\n  hint: try 8\n"
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    outcomes.append_step_summary(broken)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    outcomes.append_step_summary(broken)
    assert summary.read_text().startswith("before\n")
    assert "one" in summary.read_text()


def test_a_run_that_never_was_is_reported_where_no_error_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Expect junit on standard output, and nothing where the error itself is printed."""
    wrong = (Diagnostic("is wrong", file="a.yaml"),)
    broken = [Outcome("a.yaml", 1, "one", "7.2", outcome=BROKEN, problems=wrong)]
    for output_format in ("text", "json", "jsonl"):
        outcomes.write_not_run(broken, output_format, ())
    assert capsys.readouterr().out == ""
    outcomes.write_not_run(broken, "junit", ())
    assert capsys.readouterr().out.startswith("<?xml")


def test_json_gives_no_order_to_a_ci_system(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.print_json('{"a": "##[error]x"}')
    printed = capsys.readouterr().out
    assert printed == '{"a": "#\\u0023[error]x"}\n'
    assert json.loads(printed) == {"a": "##[error]x"}


def test_nothing_is_printed_of_an_empty_text(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.print_text("")
    stdout.print_document("")
    assert capsys.readouterr().out == ""
    stdout.print_text("a\x1b[31m\n  b")
    stdout.print_indented("a\n    b c\n")
    assert capsys.readouterr().out == "a\\x1b[31m\n  b\na\n    b c\n"
    stdout.print_as("jsonl", "##")
    stdout.print_as("text", "##[x]")
    assert capsys.readouterr().out == "#\\u0023\n#\\x23[x]\n"


def test_what_a_fleet_came_to_is_read_of_its_folder_or_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json: no such file or directory$"):
        summary_of(str(tmp_path / "none.json"))
    with pytest.raises(UsageError, match=r"_tdxctl/summary\.json: no such file or directory$"):
        summary_of(str(tmp_path))
    other = tmp_path / "other.json"
    other.write_text('{"schema": "tdxctl.init/1"}')
    with pytest.raises(UsageError, match=r"other\.json: is no summary of a fleet: ") as error:
        summary_of(str(other))
    assert error.value.hint is not None
    assert error.value.hint.startswith("OUT of `tdxctl fleet`")
