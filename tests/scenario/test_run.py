# SPDX-License-Identifier: Apache-2.0
"""Scenarios: the shipped ones pass, a wrong one is told where, the order changes nothing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tdxctl.errors import NotModelledError, UsageError
from tdxctl.linux.releases import KERNELS
from tdxctl.platform.description import Platform
from tdxctl.platform.shipped import names, path_of
from tdxctl.report.results import as_json
from tdxctl.scenario.description import Case
from tdxctl.scenario.find import scenario_files
from tdxctl.scenario.load import load_cases
from tdxctl.scenario.new import new_scenario
from tdxctl.scenario.run import broken, cases_of, run_cases
from tdxctl.scenario.select import selector
from tests.cli.runner import ROOT, tdxctl
from tests.machines import small

SHIPPED = ROOT / "tests" / "scenarios"


def scenario(folder: Path, text: str, name: str = "x.yaml") -> str:
    """A scenario's file."""
    path = folder / name
    path.write_text("schema: tdxctl.scenario/1\n" + text)
    return str(path)


def test_the_shipped_scenarios_tell_the_story_of_every_kernel() -> None:
    """At least 25 files; each kernel has its part in them; nothing is unexpected."""
    files = scenario_files((str(SHIPPED),))
    assert len(files) >= 25
    cases = cases_of((str(SHIPPED),), None)
    assert {case.kernel for case in cases} == {kernel.id for kernel in KERNELS}
    outcomes = run_cases(cases, jobs=1, fail_fast=False)
    assert [(o.name, o.differences, o.reason) for o in outcomes if o.is_bad] == []
    assert sum(outcome.outcome == "waived" for outcome in outcomes) == 2
    assert all(isinstance(case, Case) and case.description for case in cases)


def test_the_report_is_the_same_whatever_the_order_and_the_processes() -> None:
    files = [str(path) for path in SHIPPED.iterdir()]
    expected = as_json.render(run_cases(cases_of((str(SHIPPED),), None), jobs=1, fail_fast=False))
    for seed in range(3):
        random.Random(seed).shuffle(files)
        outcomes = run_cases(cases_of(tuple(files), None), jobs=2, fail_fast=False)
        # Paths differ as they were given: relative to nothing but themselves.
        assert as_json.render(outcomes) == expected


@pytest.mark.parametrize(("jobs", "files"), [(1, 3), (1, 1), (8, 1)])
def test_one_at_a_time_needs_no_other_process(jobs: int, files: int) -> None:
    """Expect the very outcomes that went in, where another process would send back copies."""
    cases = [broken(f"{i}.yaml", ()) for i in range(files)]
    outcomes = run_cases(cases, jobs=jobs, fail_fast=False)
    assert [id(outcome) for outcome in outcomes] == [id(case) for case in cases]


def test_fail_fast_stops_at_the_first_in_order(tmp_path: Path) -> None:
    for i in range(30):
        wrong = "SHUTDOWN" if i in (11, 20) else "INITIALIZED"
        text = f"platform: small\nsteps: [{{init: 1, expect: {{status: {wrong}}}}}]\n"
        scenario(tmp_path, text, f"{i:02}.yaml")
    for jobs in (1, 3):
        outcomes = run_cases(cases_of((str(tmp_path),), None), jobs=jobs, fail_fast=True)
        assert [outcome.name for outcome in outcomes] == [f"{i:02}" for i in range(12)]
        assert [outcome.is_bad for outcome in outcomes].count(True) == 1


def test_a_matrix_makes_many_of_one(tmp_path: Path) -> None:
    path = scenario(
        tmp_path,
        "name: m\nplatform: small\nkernel: [v5, 6.8]\n"
        "matrix: {module.max_tdmrs: [1, 64], module.version: ['1.5.01', '1.5.25']}\n"
        "steps: [{init: 1, expect_on: {6.8: {tdmrs: {at_most: 2}}}}]\n",
    )
    assert [case.name for case in load_cases(path)] == [
        "m[v5,module.max_tdmrs=1,module.version=1.5.01]",
        "m[6.8,module.max_tdmrs=1,module.version=1.5.01]",
        "m[v5,module.max_tdmrs=1,module.version=1.5.25]",
        "m[6.8,module.max_tdmrs=1,module.version=1.5.25]",
        "m[v5,module.max_tdmrs=64,module.version=1.5.01]",
        "m[6.8,module.max_tdmrs=64,module.version=1.5.01]",
        "m[v5,module.max_tdmrs=64,module.version=1.5.25]",
        "m[6.8,module.max_tdmrs=64,module.version=1.5.25]",
    ]


def test_a_platform_by_file_is_relative_to_the_scenario_and_one_may_stand_inline(
    tmp_path: Path,
) -> None:
    (tmp_path / "p").mkdir()
    small = "cpus: {madt: [{apic_id: 0-1}]}\nmemory: {ranges: [{start: 1MiB, end: 2GiB}]}\n"
    (tmp_path / "p" / "mine.yaml").write_text(small)
    steps = "steps: [{init: 1, expect: {returned: 0, calls: {TDH.SYS.LP.INIT: 2}}}]\n"
    by_file = scenario(tmp_path, f"platform: p/mine.yaml\n{steps}", "a.yaml")
    inline = "platform:\n  " + small.replace("\nm", "\n  m") + steps
    outcomes = run_cases(
        cases_of((by_file, scenario(tmp_path, inline, "b.yaml")), None), jobs=1, fail_fast=False
    )
    assert [outcome.outcome for outcome in outcomes] == ["passed", "passed"]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("v5", {"offline[v5]", "map[v5]"}),
        ("not v5", {"map[6.8]"}),
        ("map and not 6.8", {"map[v5]"}),
        ("(offline or 6.8) and not nothing", {"offline[v5]", "map[6.8]"}),
        ("not (map or offline)", set()),
        ("not offline and v5", {"map[v5]"}),
        ("6.8 or offline and v5", {"offline[v5]", "map[6.8]"}),
        ("offline and v5 or 6.8", {"offline[v5]", "map[6.8]"}),
        ("MAP", {"map[v5]", "map[6.8]"}),
    ],
)
def test_k_selects_by_name(expression: str, chosen: set[str]) -> None:
    known = ("offline[v5]", "map[v5]", "map[6.8]")
    assert {name for name in known if selector(expression)(name)} == chosen


@pytest.mark.parametrize(
    "expression",
    ["", "and", "a and", "(a", "a)", "not", "a b", "or a", "a not", "a (b)", "a ()", "()"],
)
def test_k_that_cannot_be_read(expression: str) -> None:
    with pytest.raises(UsageError, match="-k cannot read"):
        selector(expression)


def test_a_waiver_holds_until_it_is_not_needed(tmp_path: Path) -> None:
    text = "platform: small\nexpect_failure: bug 7\nsteps: [{init: 1, expect: {status: %s}}]\n"
    scenario(tmp_path, text % "ERROR", "a.yaml")
    scenario(tmp_path, text % "INITIALIZED", "b.yaml")
    scenario(tmp_path, text % "INITIALIZED" + "set: {cpus.features.vmx: false}\n", "c.yaml")
    done = tdxctl("test", str(tmp_path))
    assert done.returncode == 1
    assert [line.partition(" (")[0] for line in done.stdout.splitlines() if "(" in line] == [
        *("WAIVED a", "UNEXPECTEDLY PASSED b", "WAIVED c")
    ]


WRONG = """\
name: _x
platform: nowhere
kernel: [5.10, v5]
set: 5
matrix: {kernel: []}
steps:
  - {init: 0}
  - {}
  - {init: 1, boot: same}
  - {cpu_online: 5-3, expect: {status: READY}}
  - {memory_online: 5GiB-4GiB}
  - {fault: {msr: 0x87}}
  - {init: 1, expect: {returned: -ENOTHING, pamt: 1GB, tdmrs: {atmost: 1}, calls: {TDH.NO: 1}}}
  - {init: 1, expect: {seamcall_status: TDX_NO, stpe: none}, expect_on: {5.9: {status: ERROR}}}
  - {reboot: true}
expected: 1
"""


def test_a_wrong_scenario_is_told_where(tmp_path: Path) -> None:
    """Everything at once, exit 3, and nothing is run."""
    path = scenario(tmp_path, WRONG)
    done = tdxctl("test", path)
    assert (done.returncode, done.stdout) == (3, "")
    found = [line.replace(path, "x.yaml") for line in done.stderr.splitlines()]
    one_of = (
        "  hint: one of: init, enable, boot, cpu_online, cpu_offline, memory_online, module, "
        "update, fault, keyid, kvm_load, kvm_unload, kexec, run"
    )
    assert found == [
        "x.yaml:2:7: name: must be 1 to 64 letters, digits, dots, underscores or hyphens, the "
        'first a letter or digit (got "_x")',
        "x.yaml:4:9: kernel: names no kernel: '5.10' (got a list)",
        f"  hint: kernels: {', '.join(kernel.id for kernel in KERNELS)}",
        "x.yaml:5:6: set: must be a mapping (got 5)",
        "x.yaml:6:18: matrix.kernel: must not be empty",
        "x.yaml:8:12: steps.0.init: must be at least 1 (got 0)",
        "x.yaml:9:5: steps.1: must have one operation",
        one_of,
        "x.yaml:10:5: steps.2: has 2 operations",
        one_of,
        'x.yaml:11:18: steps.3.cpu_online: has a range that runs backwards (5-3) (got "5-3")',
        "x.yaml:11:40: steps.3.expect.status: must be UNKNOWN or NONE or INITIALIZED or SHUTDOWN "
        'or UNINITIALIZED or ERROR or NOT_INITIALIZED (got "READY")',
        'x.yaml:12:21: steps.4.memory_online: is empty or ends beyond 2^52 (got "5GiB-4GiB")',
        "x.yaml:13:13: steps.5.fault: is one of the boot, which is over",
        "  hint: put it into the platform's faults",
        'x.yaml:14:34: steps.6.expect.returned: is not the name of an errno (got "-ENOTHING")',
        "x.yaml:14:51: steps.6.expect.pamt: must be bytes, 0x... hex, or a whole number of KiB, "
        'MiB, GiB or TiB (got "1GB")',
        "x.yaml:14:63: steps.6.expect.tdmrs: must be a number, or {at_least, at_most} (got a "
        "mapping)",
        "x.yaml:14:83: steps.6.expect.calls: 'TDH.NO' is not the name of a SEAMCALL leaf (got a "
        "mapping)",
        "x.yaml:15:41: steps.7.expect.seamcall_status: is not the name of a SEAMCALL status (got "
        '"TDX_NO")',
        "x.yaml:15:49: steps.7.expect.stpe: unknown key",
        "  hint: did you mean step?",
        "x.yaml:15:74: steps.7.expect_on.5.9: Linux 5.9 has no TDX host code: mainline has it from "
        "6.8 on",
        f"  hint: kernels: {', '.join(kernel.id for kernel in KERNELS)}",
        "x.yaml:16:5: steps.8: must have one operation",
        one_of,
        "x.yaml:16:6: steps.8.reboot: unknown key",
        "  hint: did you mean boot?",
        "x.yaml:17:1: expected: unknown key",
        "  hint: did you mean expect_failure?",
    ]


def test_a_platform_that_is_wrong_is_told_where_it_can_be_mended(tmp_path: Path) -> None:
    for text, message in (
        ("platform: nowhere\n", "platform: no such platform: 'nowhere'"),
        ("platform: ./none.yaml\n", "platform: cannot read"),
        ("platform: {cpus: {}}\n", "x.yaml:2:18: platform.cpus.madt: is required"),
        ("platform: small\nset: {cpus.onlin: 1}\n", "x.yaml:3:7: set.cpus.onlin: unknown key"),
        (
            "platform: small\nmatrix: {kernel: [5.10]}\n",
            "matrix.kernel: Linux 5.10 has no TDX host code",
        ),
    ):
        done = tdxctl("test", scenario(tmp_path, text + "steps: [{init: 1}]\n"))
        assert done.returncode == 3
        assert message in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("empty",), 2, "error: there is no scenario to run"),
        (("nowhere",), 2, "error: no such file or folder: 'nowhere'"),
        (("x.yaml", "-k", "nobody"), 2, "error: no scenario's name matches -k 'nobody'"),
        (("x.yaml", "-k", "a and"), 2, "error: -k cannot read 'a and'"),
        (("x.yaml", "-j", "0"), 2, "error: Invalid value for '-j'"),
    ],
)
def test_nothing_to_run_is_an_error(
    words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "platform.yaml").write_text("schema: tdxctl.platform/1\n")
    scenario(tmp_path, "platform: small\nsteps: [{init: 1}]\n")
    done = tdxctl("test", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message)


def test_a_broken_pipe_and_a_github_summary(tmp_path: Path) -> None:
    path = scenario(tmp_path, "platform: small\nsteps: [{init: 1, expect: {status: NONE}}]\n")
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "tdxctl", "test", path, "--format", "json"]
    broken = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writer)
    assert (broken.returncode, broken.stderr) == (141, b"")
    summary = tmp_path / "summary.md"
    done = tdxctl(
        "test", path, "--format", "github", environment={"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert done.returncode == 1
    assert summary.read_text().startswith("### tdxctl: 1 scenario: 1 failed\n")


@pytest.mark.parametrize("kernel", ["v5", "6.8", "7.2+dynamic-pamt"])
def test_a_new_scenario_passes_as_it_is_printed(kernel: str, tmp_path: Path) -> None:
    """For every shipped platform: what happens today is what is expected."""
    # Those whose CPU has no SEAMCALL instruction: a v5 kernel oopses on them.
    not_modelled = {"4s-512g", "icx-2s-128g"} if kernel.startswith("v5") else set()
    for name in names():
        platform = Platform.load(path_of(name))
        if name in not_modelled:
            with pytest.raises(NotModelledError, match="raises #UD on CPU 0"):
                new_scenario(platform, name, (), kernel)
            continue
        (tmp_path / f"{name}.yaml").write_text(new_scenario(platform, name, (), kernel))
    outcomes = run_cases(cases_of((str(tmp_path),), None), jobs=1, fail_fast=False)
    assert [(o.name, o.differences) for o in outcomes if o.is_bad] == []
    assert len(outcomes) == len(names()) - len(not_modelled)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            {},
            [
                "returned: 0",
                "status: INITIALIZED",
                "pamt: 266772KiB       # or {at_most: ...}",
                "tdmrs: 3",
                "reserved: {at_most: 2}       # areas, in the tightest TDMR",
                'log: "virt/tdx: module initialized"',
                "calls: {TDH.SYS.TDMR.INIT: 16640}",
            ],
        ),
        (
            {"faults": [{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_SYS_BUSY"}]},
            [
                "returned: -EIO",
                "status: ERROR",
                "step: key-config",
                "seamcall: TDH.SYS.KEY.CONFIG",
                "seamcall_status: TDX_SYS_BUSY",
                'log: "virt/tdx: module initialization failed (-5)"',
                "calls: {TDH.SYS.KEY.CONFIG: 1}",
            ],
        ),
        (
            {"firmware": {"tdx_keyids": 0}},
            ["returned: -ENODEV", "status: UNINITIALIZED", "step: precondition"],
        ),
    ],
)
def test_a_new_scenario_expects_what_happened(
    sections: dict[str, object], expected: list[str]
) -> None:
    """Expect a failed SEAMCALL by leaf and status, and nothing of calls where none was made."""
    text = new_scenario(small(**sections), "small", (), "6.8")
    _, _, after = text.partition("    expect:\n")
    assert [line[6:] for line in after.splitlines() if line.startswith("      ")] == expected


def test_a_new_scenario_keeps_what_was_set(tmp_path: Path) -> None:
    words = ("scenario", "new", "--platform", "small", "--set", "cpus.online=0-2")
    done = tdxctl(*words, "--set", "module.version=1.5.01")
    assert 'set:\n  cpus.online: "0-2"\n  module.version: "1.5.01"\n' in done.stdout
    (tmp_path / "x.yaml").write_text(done.stdout)
    assert tdxctl("test", str(tmp_path / "x.yaml")).returncode == 0


def test_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    steps = [{"init": 1, "expect": {"returned": "ENODEV", "status": "NONE"}}]
    path.write_text(
        json.dumps({"schema": "tdxctl.scenario/1", "platform": "no-module", "steps": steps})
    )
    assert tdxctl("test", str(path)).returncode == 0


def test_tdx_enable_can_be_called_without_the_cpus_first(tmp_path: Path) -> None:
    """6.8: the module, which was not initialized before, refuses the first call, TDH.SYS.RD."""
    calls = "{TDH.SYS.LP.INIT: 0, TDH.SYS.RD: 1}"
    steps = f"steps: [{{enable: true, expect: {{returned: -EIO, calls: {calls}}}}}]\n"
    path = scenario(tmp_path, f"platform: small\nkernel: '6.8'\n{steps}")
    (outcome,) = run_cases(load_cases(path), jobs=1, fail_fast=False)
    assert (outcome.outcome, outcome.reason, outcome.differences) == ("passed", None, ())


def reported(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """`tdxctl test` on a folder with a good file, a wrong one, and one whose platform is wrong."""
    scenario(folder, "platform: small\nsteps: [{init: 1, expect: {status: NONE}}]\n", "bad.yaml")
    scenario(folder, "platform: small\nsteps: [{init: 1}]\n", "good.yaml")
    scenario(folder, "platform: ./p.yml\nsteps: [{init: 1}]\n", "on-wrong.yaml")
    scenario(folder, "platform: small\nsteps: [{innit: 1}]\n", "typo.yaml")
    (folder / "p.yml").write_text("cpus: {madt: [{apic_id: 0}]}\nmemory: {rangs: []}\n")
    report = folder / "report.xml"
    return tdxctl("test", ".", "--output", "junit=report.xml", *words, cwd=folder), report


def test_a_wrong_file_is_a_broken_case_and_the_others_run(tmp_path: Path) -> None:
    """Expect the problems where they can be mended, on standard error, and exit 3."""
    done, report = reported(tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "1 other file is no scenario: p.yml",
        "p.yml:2:9: memory.ranges: is required (the platform of on-wrong.yaml:2)",
        "p.yml:2:10: memory.rangs: unknown key (the platform of on-wrong.yaml:2)",
        "  hint: did you mean ranges?",
        "typo.yaml:3:9: steps.0: must have one operation",
        "  hint: one of: init, enable, boot, cpu_online, cpu_offline, memory_online, module, "
        "update, fault, keyid, kvm_load, kvm_unload, kexec, run",
        "typo.yaml:3:10: steps.0.innit: unknown key",
        "  hint: did you mean init?",
        "written to report.xml",
    ]
    assert done.stdout.splitlines()[-6:] == [
        *("", "BROKEN on-wrong (on-wrong.yaml): 2 problems", ""),
        *("BROKEN typo (typo.yaml): 2 problems", ""),
        "4 scenarios: 1 passed, 1 failed, 2 broken",
    ]
    assert 'tests="4" failures="1" errors="2"' in report.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.yaml"], 2, "no such file or folder"),
        (["typo.yaml"], 3, "steps.0.innit: unknown key"),
        (["empty"], 2, "there is no scenario to run"),
        (["good.yaml", "-k", "nobody"], 2, "no scenario"),
    ],
)
@pytest.mark.parametrize("output_format", ["junit", "sarif"])
def test_no_report_is_empty(
    words: list[str], code: int, said: str, output_format: str, tmp_path: Path
) -> None:
    """Expect what stopped the run in the report, printed and written, and the exit unchanged."""
    (tmp_path / "empty").mkdir()
    scenario(tmp_path, "platform: small\nsteps: [{init: 1}]\n", "good.yaml")
    scenario(tmp_path, "platform: small\nsteps: [{innit: 1}]\n", "typo.yaml")
    report = ("--output", f"{output_format}=report")
    done = tdxctl("test", *words, "--format", output_format, *report, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert said in done.stdout
    assert (tmp_path / "report").read_text() == done.stdout


def test_several_reports_come_of_one_run(tmp_path: Path) -> None:
    reported(tmp_path)
    words = [f"--output={name}={name}.out" for name in ("json", "sarif", "text")]
    done = tdxctl("test", "good.yaml", "bad.yaml", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads((tmp_path / "json.out").read_text())["summary"]["failed"] == 1
    assert (tmp_path / "sarif.out").read_text().startswith('{\n  "$schema"')
    assert (tmp_path / "text.out").read_text() == done.stdout


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("junit", "'junit' is not FORMAT=FILE: junit=report.xml"),
        ("junt=x", "'junt' is not one of 'text', 'json', "),
        ("junit=no/x", "there is no folder 'no'"),
    ],
)
def test_an_output_that_cannot_be_is_told_before_anything_runs(wanted: str, message: str) -> None:
    done = tdxctl("test", str(SHIPPED), "--output", wanted)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: Invalid value for '--output': {message}")


def test_a_list_names_what_would_run(tmp_path: Path) -> None:
    scenario(tmp_path, "platform: small\nkernel: [v5, 6.8]\nsteps: [{init: 1}]\n", "a.yaml")
    done = tdxctl("test", "a.yaml", "--list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "a[v5] (a.yaml:1)\na[6.8] (a.yaml:1)\n")
    done = tdxctl("test", "a.yaml", "--list", "-k", "6.8", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["scenarios"] == [
        {
            "file": "a.yaml",
            "line": 1,
            "name": "a[6.8]",
            "kernel": "6.8",
            "description": "",
            "waived": None,
        }
    ]
    scenario(tmp_path, "platform: small\nsteps: [{innit: 1}]\n", "typo.yaml")
    done = tdxctl("test", ".", "--list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "a[v5] (a.yaml:1)\na[6.8] (a.yaml:1)\n")
    assert "typo.yaml:3:10: steps.0.innit: unknown key" in done.stderr


def test_seconds_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    path = scenario(tmp_path, "platform: small\nkernel: [v5, 6.8]\nsteps: [{init: 1}]\n")
    told = tdxctl("test", path, "-v", "--durations", "1").stdout.splitlines()
    assert told[:3] == [f"PASSED x[v5] ({path})", f"PASSED x[6.8] ({path})", "slowest:"]
    assert [line.split()[1] for line in told[3:4]] == ["s"]
    assert " time=" not in tdxctl("test", path, "--format", "junit").stdout
    assert " time=" in tdxctl("test", path, "--format", "junit", "--durations", "1").stdout
