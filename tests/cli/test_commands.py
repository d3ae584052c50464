# SPDX-License-Identifier: Apache-2.0
"""What options of single commands do, where no other test is about the command as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import tdxctl


def _schema(*words: str) -> tuple[int, str]:
    # The exit code, and the schema of the document.
    done = tdxctl(*words, "--format", "json")
    return done.returncode, json.loads(done.stdout)["schema"]


@pytest.fixture
def small() -> str:
    """The name of a machine of four CPUs that was booted with 6.16 and is not initialized."""
    assert tdxctl("boot", "--platform", "small", "--kernel", "6.16").returncode == 0
    return "small"


def test_machines_are_listed_and_one_is_told_whole(small: str) -> None:
    assert tdxctl("machines").stdout.startswith("small  ")
    assert _schema("machines") == (0, "tdxctl.machines/1")
    # One is a document, whatever the format.
    assert json.loads(tdxctl("machines", small).stdout)["schema"] == "tdxctl.machine/1"
    assert tdxctl("forget", small).returncode == 0
    assert tdxctl("machines").stdout == ""


def test_a_status_is_checked_where_that_is_asked_for(small: str) -> None:
    assert tdxctl("status").returncode == 0
    assert tdxctl("status", "--check").returncode == 1
    assert tdxctl("init", "--machine", small).returncode == 0
    assert tdxctl("status", "--check").returncode == 0
    assert _schema("status") == (0, "tdxctl.status/1")


def test_a_boot_is_told_as_text_and_as_json(small: str) -> None:
    done = tdxctl("boot", "--machine", small, "--set", "module.loaded=false")
    assert (done.returncode, done.stdout.splitlines()[0].split(":")[0]) == (0, "small")
    assert _schema("boot", "--machine", small)[0] == 0


def test_what_is_done_to_a_machine_has_the_exit_code_of_its_errno(small: str) -> None:
    """Expect 0 where it succeeded, 1 where the kernel refused, and why."""
    assert tdxctl("kvm", "unload").returncode == 1
    done = tdxctl("kvm", "load", "--tdx", "1")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "small: kvm load: ok, status INITIALIZED",
    )
    assert tdxctl("kvm", "load").stdout.splitlines()[0].startswith("small: kvm load: -17 (EEXIST)")
    assert tdxctl("keyid", "alloc").returncode == 0
    assert _schema("keyid", "free") == (0, "tdxctl.operations/1")
    assert tdxctl("kvm", "unload").returncode == 0
    assert tdxctl("kvm", "load", "--tdx", "0").stdout.splitlines()[0] == (
        "small: kvm load: ok, status INITIALIZED"
    )


def test_each_cpu_of_a_list_is_an_operation(small: str) -> None:
    done = tdxctl("cpu", "offline", "1", "--machine", small)
    assert done.stdout.splitlines()[0] == "small: cpu 1 offline: ok, status UNINITIALIZED"
    assert tdxctl("cpu", "offline", "0-3").returncode == 1  # one stays
    document = json.loads(tdxctl("cpu", "online", "0-1", "--format", "json").stdout)
    assert [each["operation"] for each in document["operations"]] == [
        "cpu 0 online",
        "cpu 1 online",
    ]


def test_faults_are_set_and_cleared(small: str) -> None:
    fault = ("leaf=TDH.SYS.CONFIG", "status=TDX_OPERAND_INVALID")
    assert tdxctl("fault", "set", *fault).returncode == 0
    assert tdxctl("init", "--machine", small).returncode == 1
    assert tdxctl("fault", "clear").returncode == 0
    assert tdxctl("fault", "clear", "leaf=TDH.SYS.CONFIG").returncode == 2
    trace = tdxctl("trace")
    assert trace.returncode == 0
    assert "TDH.SYS.CONFIG" in trace.stdout
    lines = tdxctl("trace", "--format", "jsonl").stdout.splitlines()
    assert json.loads(lines[0])["ev"] == "tdxctl.events/1"
    assert tdxctl("dmesg").stdout.startswith("virt/tdx: BIOS enabled")


def test_module_options_are_of_an_update_alone(small: str) -> None:
    assert tdxctl("module", "unload", "--version", "1.5.25").returncode == 2
    assert tdxctl("module", "unload", "--force").returncode == 2
    assert tdxctl("module", "unload", "--machine", small).returncode == 0


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (("kernels",), "tdxctl.kernels/2"),
        (("kernels", "6.18"), "tdxctl.kernels/2"),
        (("kernels", "6.18", "--against", "6.16"), "tdxctl.kernels-between/1"),
        (("modules",), "tdxctl.modules/2"),
        (("modules", "1.5.25"), "tdxctl.modules/2"),
        (("lint", "module initialized", "--kernel", "6.16"), "tdxctl.lint/1"),
        (("states", "--depth", "1"), "tdxctl.states/1"),
        (("plan", "--platform", "small", "--kernel", "6.16"), "tdxctl.plan/1"),
        (("explain", "EINVAL"), "tdxctl.explain/1"),
    ],
)
def test_json_has_the_document_of_the_question(words: tuple[str, ...], schema: str) -> None:
    assert _schema(*words)[1] == schema


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("kernels", "--against", "6.8"), "--against which kernel's?"),
        (("plan", "--platform", "-", "--set", "a=b"), "--set with a platform from standard input"),
        (("sweep", "--platform", "small", "--seed", "0"), "--seed and --budget are of --pairs"),
        (("sweep", "--platform", "small", "--leaf", "TDH.SYS.CONFG"), "not a SEAMCALL of the"),
        (("sweep", "--platform", "small", "--leaf", "TDG.VP.INFO"), "not a SEAMCALL of the"),
        (("diagnose",), "nothing to diagnose"),
        (("diagnose", "--live", "--root", "/"), "FILE, --live and --root: one of them"),
        (("diagnose", "x", "--root", "/"), "FILE, --live and --root: one of them"),
        (("map", "--platform", "small", "--machine", "m"), "--platform and --machine: one of them"),
        (("seamcall", "x", "--machine", "m", "--platform", "small"), "--machine is a machine that"),
        (("seamcall", "x", "--machine", "m", "--set", "a=b"), "--machine is a machine that is"),
        (("test", "x", "--list", "--output", "json=a.json"), "--list prints text or json"),
        (("test", "x", "--list", "--format", "junit"), "--list prints text or json"),
        (("fleet", "-o", "out"), "one HOSTS is needed"),
        (("fleet", "html", "-o", "out"), "html makes a page of one SUMMARY"),
        (("fleet", "html", "a", "b", "-o", "out"), "html makes a page of one SUMMARY"),
        (("init", "small", "other"), "A platform is named by its option: --platform small"),
        (("capture", "-", "--dmesg", "-"), "standard input can be one source only"),
        (("capture", "x", "--name", "a b"), "not a platform's name: 'a b'"),
        (("fleet", "a", "b", "-o", "out"), "one HOSTS is needed"),
    ],
)
def test_what_does_not_go_together_is_usage(words: tuple[str, ...], why: str) -> None:
    done = tdxctl(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {why}")


def test_a_plan_of_standard_input_is_read_once(tmp_path: Path) -> None:
    description = tdxctl("platforms", "small").stdout
    words = ("plan", "--platform", "-", "--kernel", "6.16")
    assert tdxctl(*words, stdin=description).returncode == 0


def test_upper_case_is_ignored_where_that_is_asked_for() -> None:
    words = ("lint", "TDX: MODULE INITIALIZED", "--kernel", "6.16")
    assert tdxctl(*words).returncode == 1
    assert tdxctl(*words, "-i").returncode == 0


def test_kernels_that_agree_at_every_point_are_no_finding() -> None:
    """Expect exit 1 where one of them differs."""
    words = ("sweep", "--platform", "small", "--leaf", "TDH.SYS.INFO", "--kernel", "v5")
    assert tdxctl(*words, "--against", "v5").returncode == 0
    init = ("sweep", "--platform", "small", "--leaf", "TDH.SYS.INIT", "--kernel", "v5-posted")
    assert tdxctl(*init, "--against", "v5").returncode == 1
    pairs = ("sweep", "--platform", "small", "--pairs", "--seed", "0", "--budget", "1")
    assert tdxctl(*pairs).returncode == 0


def test_what_a_pattern_and_a_diagnosis_come_to_is_their_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "boot.log"
    log.write_text("[    1.0] virt/tdx: module initialized\n")
    assert tdxctl("diagnose", str(log)).returncode == 0
    log.write_text("[    1.0] virt/tdx: SEAMCALL (0x0000000000000021) failed: 0x0000000000000001\n")
    assert tdxctl("diagnose", str(log)).returncode == 1
    short = tdxctl("diagnose", str(log), "--short").stdout
    assert len(short.splitlines()) < len(tdxctl("diagnose", str(log), "--all").stdout.splitlines())
    assert len(tdxctl("diagnose", str(log), "--verbose").stdout) > len(short)
    assert _schema("diagnose", str(log)) == (1, "tdxctl.diagnosis/1")


def test_files_are_checked_each_and_all_together(tmp_path: Path) -> None:
    """Expect 3 where one is wrong, 2 where none could be read, and a report in every case."""
    good, wrong = tmp_path / "good.yaml", tmp_path / "wrong.yaml"
    good.write_text(tdxctl("platforms", "small").stdout)
    wrong.write_text("cpus: 3\n")
    assert tdxctl("validate", str(good)).stdout == f"{good}: valid\n"
    assert tdxctl("validate", str(good), str(wrong)).returncode == 3
    gone = str(tmp_path / "gone.yaml")
    assert tdxctl("validate", gone).returncode == 2
    report = tmp_path / "report.xml"
    both = tdxctl("validate", gone, str(good), str(wrong), "--output", f"junit={report}")
    assert both.returncode == 3
    assert '<testsuites tests="3" failures="0" errors="2" skipped="0"' in report.read_text()
    assert tdxctl("validate", str(wrong), "--format", "junit").stdout.startswith("<?xml")
    assert _schema("validate", str(wrong)) == (3, "tdxctl.error/1")


def test_without_a_name_it_is_the_machine_booted_last(small: str) -> None:
    assert tdxctl("boot", "--platform", "no-module").returncode == 0
    done = tdxctl("status")
    assert done.stdout.startswith("no-module: ")
    assert done.stderr == "machine: no-module (the one booted last; --machine names one)\n"
    assert tdxctl("status", "--machine", small).stderr == ""


def test_a_list_runs_nothing(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(tdxctl("scenario", "new", "--platform", "small").stdout)
    done = tdxctl("test", str(good), "--list")
    assert (done.returncode, done.stdout) == (0, f"small ({good}:1)\n")
    assert tdxctl("test", str(good)).stdout == "1 scenario: 1 passed\n"
    broken = tmp_path / "broken.yaml"
    broken.write_text("schema: tdxctl.scenario/1\n")
    both = tdxctl("test", str(tmp_path), "--list")
    assert (both.returncode, both.stdout) == (3, done.stdout)


def test_a_shipped_platform_is_printed_and_one_that_is_none_is_usage() -> None:
    assert tdxctl("platforms", "small").stdout.startswith("# ")
    assert "spr-2s-512g" in tdxctl("platforms").stdout
    assert tdxctl("platforms", "smal").returncode == 2


def test_a_schema_is_json_and_the_first_is_that_of_a_description() -> None:
    assert json.loads(tdxctl("schema").stdout) == json.loads(tdxctl("schema", "platform").stdout)
    assert json.loads(tdxctl("schema", "init").stdout)["$schema"]


def test_a_bring_up_is_told_in_every_format() -> None:
    words = ("init", "--platform", "small", "--kernel", "6.16", "--once")
    assert tdxctl(*words, "--format", "dmesg").stdout.startswith("virt/tdx: BIOS enabled")
    assert _schema(*words) == (0, "tdxctl.init/1")
    lines = tdxctl(*words, "--format", "jsonl").stdout.splitlines()
    assert json.loads(lines[0])["ev"] == "tdxctl.events/1"
    assert len(lines) > 3
    assert tdxctl("machines").stdout == ""  # --once keeps none
    three = json.loads(tdxctl(*words, "--callers", "3", "--format", "json").stdout)
    assert three["callers"] == [{"returned": 0}] * 3
