# SPDX-License-Identifier: Apache-2.0
"""Commands on a host that is not there. 100 kills: make runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tdxctl.rootfs import run
from tdxctl.rootfs.document import machine_root
from tdxctl.rootfs.sandbox import ISOLATIONS, Isolation, Place
from tdxctl.rootfs.shims import dmesg, rdmsr, uname
from tests.cli.runner import tdxctl
from tests.machines import booted
from tests.rootfs.hosts import machine, root
from tests.rootfs.runs import leaks_of_a_kill, started, wait_for

WAYS = [one.name for one in ISOLATIONS]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with run.placed(machine_root(machine("small", "6.16"))) as placed:
        yield placed


@pytest.fixture
def way(request: pytest.FixtureRequest, place: Place) -> str:
    """A way to isolate that works here, by its name."""
    name: str = request.param
    found = next(one for one in ISOLATIONS if one.name == name)
    if (why_not := found.why_not(place)) is not None:
        pytest.skip(why_not)
    return name


def _ran(
    way: str, *words: str, platform: str = "small", kernel: str = "6.16"
) -> subprocess.CompletedProcess[str]:
    asked = ("--platform", platform, "--kernel", kernel, "--with", way)
    return tdxctl("run", *asked, "--", *words)


_EVERYTHING = """
cat /sys/fs/cgroup/misc.capacity /sys/module/kvm_intel/parameters/tdx
dmesg | grep -o 'virt/tdx: module initialized'
rdmsr 0x87
uname -r
test -c /dev/kvm && echo device
grep -c -w tdx_host_platform /proc/cpuinfo
exit 7
"""


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_command_sees_the_machine_in_place_of_the_real_one(way: str) -> None:
    done = _ran(way, "sh", "-c", _EVERYTHING)

    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines() == [
        "tdx 31",
        "Y",
        "virt/tdx: module initialized",
        "200000001f",
        "6.16.0",
        "device",
        "4",
    ]


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
def test_a_host_without_kvm_has_no_device(way: str) -> None:
    done = _ran(way, "test", "-e", "/dev/kvm", platform="lp-init-fails")

    assert done.returncode == 1


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
def test_what_a_program_finds_by_its_whole_path_is_a_shim_too(way: str) -> None:
    if not os.path.exists("/usr/bin/dmesg"):
        pytest.skip("there is no /usr/bin/dmesg")
    done = _ran(way, "/usr/bin/dmesg", "-t", "-l", "err", platform="no-module")

    assert done.stdout == "virt/tdx: module not loaded\n"


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("no-such-program",), 127, "error: no such command: 'no-such-program'\n"),
        (("/etc/passwd",), 126, "error: '/etc/passwd' cannot be executed\n"),
        (("sh", "-c", "kill -9 $$"), 137, ""),
    ],
)
def test_exit_codes_are_a_shells(way: str, words: tuple[str, ...], code: int, said: str) -> None:
    done = _ran(way, *words)

    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize(
    "words",
    [
        ("--platform", "nope", "true"),
        ("--platform", "small", "--bogus", "true"),
        ("--platform", "small", "--kernel", "9.9", "true"),
        ("--platform", "small"),
    ],
)
def test_what_tdxctl_cannot_set_up_is_125(words: tuple[str, ...]) -> None:
    assert tdxctl("run", *words).returncode == 125


def test_where_nothing_works_it_says_what_is_missing_and_what_else_there_is(
    monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(run, "_WORKS", {})

    with pytest.raises(run.RunError) as raised:
        run.isolation_for(place)
    assert raised.value.exit_code == 125
    assert "bwrap is not installed (package bubblewrap)" in raised.value.message
    assert "unshare is not installed (package util-linux)" in raised.value.message
    assert "--root-prefix" in (raised.value.hint or "")


def test_a_way_that_fails_says_why(place: Place) -> None:
    broken = Isolation(
        "x", "sh", "x", lambda *_: ["sh", "-c", "echo no user namespaces >&2; exit 1"]
    )

    assert broken.why_not(place) == "sh: no user namespaces"


def test_with_a_prefix_the_real_files_stay(place: Place) -> None:
    words = ["sh", "-c", 'cat {root}/sys/fs/cgroup/misc.capacity; echo "$TDXCTL_ROOT"; rdmsr 0x87']
    done = run.run_captured(place, words, None)

    assert done.stdout == f"tdx 31\n{place.root}\n200000001f\n"


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_signal_reaches_the_command(way: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = 'trap "echo heard; exit 42" TERM; : > "$1"; while :; do sleep 0.05; done'
    words = ("sh", "-c", script, "sh", str(ready))
    under_way = started(*words, temporary=tmp_path, options=("--with", way))
    wait_for(ready.exists)
    under_way.send_signal(signal.SIGTERM)
    out, _ = under_way.communicate(timeout=30)

    assert (under_way.returncode, out) == (42, b"heard\n")
    assert list(tmp_path.glob("tdxctl-run-*")) == []


@pytest.mark.parametrize(
    ("victim", "way"),
    [("tdxctl", WAYS[0]), ("command", WAYS[0]), ("tdxctl", WAYS[1])],
    indirect=["way"],
)
def test_nothing_is_left_of_what_is_killed(way: str, victim: str) -> None:
    assert leaks_of_a_kill(victim, way) == []


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_signals_are_this_process_s_own_again_after_a_command(script: str, code: int) -> None:
    """Expect whoever calls it from Python to hear Ctrl-C as before."""
    heard = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in heard]
    assert run.run_through(["sh", "-c", script], os.environ) == code
    assert [signal.getsignal(number) for number in heard] == before


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("plain", 126, "'plain' cannot be executed"),
        ("none", 127, "no such command: 'none'"),
        ("{root}/plain", 126, "'ROOT/plain' cannot be executed"),
        ("{root}/none", 127, "no such command: 'ROOT/none'"),
    ],
)
def test_what_is_no_program_is_told_before_anything_runs(
    word: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect a file in any folder of PATH to be found, though it cannot be executed."""
    (tmp_path / "plain").write_text("text")
    monkeypatch.setenv("PATH", f"/nowhere:{tmp_path}:/nowhere/else")
    place = Place(str(tmp_path), str(tmp_path / "shims"))
    with pytest.raises(run.RunError) as raised:
        run.command_line(place, [word], None)
    assert raised.value.exit_code == code
    assert raised.value.message == message.replace("ROOT", str(tmp_path))


def test_a_command_has_the_shims_first_and_the_root_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    place = Place(str(tmp_path), "/shims")
    words, environment = run.command_line(place, ["sh", "-c", "ls {root}/sys"], None)
    assert words == ["sh", "-c", f"ls {tmp_path}/sys"]
    assert environment["PATH"] == "/shims:/usr/bin:/bin"
    assert environment["TDXCTL_ROOT"] == str(tmp_path)


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    place = Place(str(tmp_path), str(tmp_path / "shims"))
    with pytest.raises(run.RunError) as raised:
        run.run_captured(place, ["sleep", "60"], None, seconds=0.05)
    assert raised.value.message == "'sleep' did not end within 0.05 s"
    done = run.run_captured(place, ["sh", "-c", "echo a; echo b >&2; kill -9 $$"], None)
    assert done == (137, "a\n", "b\n")


def test_the_folder_is_gone_afterwards() -> None:
    with run.placed(machine_root(booted("6.16"))) as placed:
        folder = Path(placed.root).parent
        assert folder.exists()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["-t", "-l", "err"], "virt/tdx: module not loaded\n"),
        (["--notime", "--level=err,warn"], "virt/tdx: module not loaded\n"),
        (["-t", "-r", "-l", "err"], "<3>virt/tdx: module not loaded\n"),
        (["-tx", "--level", "err+"], "kern  :err   : virt/tdx: module not loaded\n"),
        (["-l", "err"], "[    0.502000] virt/tdx: module not loaded\n"),
    ],
)
def test_dmesg_takes_the_options_of_scripts(
    arguments: list[str], printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dmesg.main(str(root("no-module", "7.1")), arguments) == 0

    assert capsys.readouterr().out == printed


@pytest.fixture
def logged(tmp_path: Path) -> str:
    """A root with three records: an error of the kernel, a note, a debug line of user space."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kmsg").write_text(
        "3,0,502000,-;tdx: broken; and more\n5,1,8000123,-;a note\n15,2,61000000,-;from a user\n"
    )
    return str(tmp_path)


BROKEN, NOTE, USER = "tdx: broken; and more\n", "a note\n", "from a user\n"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], f"[    0.502000] {BROKEN}[    8.000123] {NOTE}[   61.000000] {USER}"),
        # What changes nothing, what takes a value, and what asks for times in another form.
        (["-kLPHCew", "-TdSu", "-s", "64", "-n", "1", "--color=never", "--human"], None),
        (["-tk"], BROKEN + NOTE + USER),
        (["-tl", "err"], BROKEN),
        (["-tlerr"], BROKEN),
        (["-tl", "notice,debug"], NOTE + USER),
        (["-tl", "notice+"], BROKEN + NOTE),
        (["-t", "--level=debug"], USER),
        (["-t", "--level", "debug"], USER),
        (["-tr"], f"<3>{BROKEN}<5>{NOTE}<7>{USER}"),
        (["--raw", "-l", "err"], f"<3>[    0.502000] {BROKEN}"),
        (["-tx"], f"kern  :err   : {BROKEN}kern  :notice: {NOTE}kern  :debug : {USER}"),
        (
            ["-Jl", "notice"],
            '{\n   "dmesg": [\n      {\n         "pri": 5,\n         "time": 8.000123,\n'
            '         "msg": "a note"\n      }\n   ]\n}\n',
        ),
    ],
)
def test_dmesg_prints_records_as_asked(
    arguments: list[str], printed: str | None, logged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Expect None, what changes nothing, to print the same as no option at all."""
    if printed is None:
        printed = f"[    0.502000] {BROKEN}[    8.000123] {NOTE}[   61.000000] {USER}"
    assert dmesg.main(logged, arguments) == 0
    assert capsys.readouterr() == (printed, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bogus"], "unrecognized option '--bogus'"),
        (["-tq"], "invalid option -- 'q'"),
        (["bogus"], "bad usage: 'bogus'"),
        (["-l", "err,bogus"], "unknown level 'bogus'"),
        (["-l"], "unknown level ''"),
        (["--level=bogus+"], "unknown level 'bogus+'"),
    ],
)
def test_dmesg_refuses_what_it_does_not_know(
    arguments: list[str], said: str, logged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dmesg.main(logged, arguments) == 1
    assert capsys.readouterr() == ("", f"dmesg: {said}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "printed"),
    [
        (["0x87"], 0, "200000001f\n"),
        (["135"], 0, "200000001f\n"),
        (["-p", "3", "-f", "63:32", "-d", "0x87"], 0, "32\n"),
        (["-0", "0x87"], 0, "000000200000001f\n"),
        (["-c", "0x1401", "-f", "11:11"], 0, "0x1\n"),
        (["-a", "-X", "-f", "7:0", "0x87"], 0, "1F\n" * 4),
        (["0x999"], 4, ""),
        (["-p", "9", "0x87"], 2, ""),
        ([], 127, ""),
    ],
)
def test_rdmsr_prints_what_msr_tools_print(
    arguments: list[str], code: int, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rdmsr.main(str(root("small", "6.16")), arguments) == code
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "Linux\n"),
        (["-r"], "6.16.0\n"),
        (["-rm"], "6.16.0 x86_64\n"),
        (["-m", "--kernel-release"], "6.16.0 x86_64\n"),
        (["-pio"], "unknown unknown GNU/Linux\n"),
        (["-a"], "Linux here 6.16.0 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n"),
        (["--all", "-p"], "Linux here 6.16.0 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n"),
        (["-nv"], "here #1 SMP PREEMPT_DYNAMIC\n"),
    ],
)
def test_uname_tells_of_the_machines_kernel(
    arguments: list[str],
    printed: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Expect the order of uname's own, whatever the order asked for."""
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.16.0\n")
    real = os.uname_result(("Linux", "here", "1.2.3", "#9", "riscv64"))
    monkeypatch.setattr(os, "uname", lambda: real)
    assert uname.main(str(tmp_path), arguments) == 0
    assert capsys.readouterr() == (printed, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-x"], "option -x not recognized"),
        (["-r", "now"], "extra operand 'now'"),
    ],
)
def test_uname_refuses_what_it_does_not_know(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert uname.main(str(tmp_path), arguments) == 1
    assert capsys.readouterr() == ("", f"uname: {said}\n")


@pytest.fixture
def with_msrs(tmp_path: Path) -> str:
    """A root with two MSRs and CPUs 0 to 2 and 5."""
    (tmp_path / "msr").write_text("MSR 0x87: 0x200000001f\nMSR 0xfe: 0x5d0a\n")
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    (tmp_path / "sys/devices/system/cpu/online").write_text("0-2,5\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["0x87"], "200000001f\n"),
        (["135"], "200000001f\n"),
        (["--capital-hexadecimal", "0x87"], "200000001F\n"),
        (["-d", "0x87"], "137438953503\n"),
        (["-u", "-f", "4:0", "0x87"], "31\n"),
        (["-o", "-f", "7:0", "0x87"], "37\n"),
        (["-co", "-f", "7:0", "0x87"], "037\n"),
        (["-cX", "0x87"], "0X200000001F\n"),
        (["-cd", "-f", "63:32", "0x87"], "32\n"),
        # As many digits as the bits have in hex.
        (["-0", "0x87"], "000000200000001f\n"),
        (["-0", "-f", "36:32", "0x87"], "00\n"),
        (["-0", "-f", "35:32", "0x87"], "0\n"),
        (["-c", "--zero-pad", "-f", "7:0", "0xfe"], "0x0a\n"),
        (["-a", "0xfe"], "5d0a\n" * 4),
        (["--all", "-p", "3", "0xfe"], "5d0a\n" * 4),
        (["--processor=5", "0xfe"], "5d0a\n"),
    ],
)
def test_rdmsr_reads_the_msrs_of_a_root(
    arguments: list[str], printed: str, with_msrs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rdmsr.main(with_msrs, arguments) == 0
    assert capsys.readouterr() == (printed, "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-p", "3", "0xfe"], 2, "rdmsr: No CPU 3\n"),
        (["-p", "1", "0x999"], 4, "rdmsr: CPU 1 cannot read MSR 0x00000999\n"),
        *(
            (words, 127, "Usage: rdmsr [options] regno (")
            for words in (
                [],
                ["0x87", "0xfe"],
                ["eax"],
                ["-f", "64:0", "0x87"],
                ["-f", "0:1", "0x87"],
                ["-f", "7", "0x87"],
                ["-f", "7:-1", "0x87"],
                ["-z", "0x87"],
                ["-p", "x", "0x87"],
            )
        ),
    ],
)
def test_rdmsr_has_exit_codes_of_its_own(
    arguments: list[str], code: int, said: str, with_msrs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rdmsr.main(with_msrs, arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said)


# Detectors: a line each, after the documentation of programs that detect TDX.
_ONE_LINERS = {
    "flags in cpuinfo": "grep -q -w tdx_host_platform /proc/cpuinfo",
    "KeyIDs in misc.capacity": "grep -q '^tdx [1-9]' /sys/fs/cgroup/misc.capacity",
    "kvm_intel.tdx": "grep -q Y /sys/module/kvm_intel/parameters/tdx",
    "a line in dmesg": "dmesg | grep -q -i 'tdx: .*module initialized'",
    "MSR 0x1401": "test $(rdmsr -f 11:11 0x1401) = 1",
}


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
@pytest.mark.parametrize(
    ("platform", "yes"),
    [
        ("small", set(_ONE_LINERS)),
        ("pamt-allocation-fails", {"flags in cpuinfo", "MSR 0x1401"}),
    ],
)
def test_five_detectors_on_a_ready_and_on_a_failing_host(
    way: str, platform: str, yes: set[str]
) -> None:
    """Expect flags and MSRs to say yes on a host whose bring-up failed for want of memory."""
    found = next(one for one in ISOLATIONS if one.name == way)
    with run.placed(machine_root(machine(platform, "6.16"))) as placed:
        said = {
            name
            for name, line in _ONE_LINERS.items()
            if run.run_captured(placed, ["sh", "-c", line], found).exit_code == 0
        }

    assert said == yes


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
@pytest.mark.parametrize(
    ("platform", "printed"), [("small", "4\n1\n"), ("lp-init-fails", "64\n2\n")]
)
def test_packaged_programs_read_the_machine_as_they_are(
    way: str, platform: str, printed: str
) -> None:
    """lscpu, which asks no CPUID where it finds /proc/cpuinfo, counts CPUs and packages."""
    if shutil.which("lscpu") is None:
        pytest.skip("lscpu is not installed: apt-get install util-linux")
    line = "lscpu -p=cpu | grep -vc '#'; lscpu -p=socket | grep -v '#' | sort -u | wc -l"
    done = _ran(way, "sh", "-c", line, platform=platform)

    assert done.stdout == printed


@pytest.mark.parametrize("way", WAYS[:1], indirect=True)
def test_virt_host_validate_misses_kvm_where_it_did_not_load(way: str) -> None:
    if shutil.which("virt-host-validate") is None:
        pytest.skip("virt-host-validate is not installed: apt-get install libvirt-clients")
    line = "LC_ALL=C virt-host-validate qemu | grep 'dev/kvm exists'"
    ready = _ran(way, "sh", "-c", line)
    failing = _ran(way, "sh", "-c", line, platform="lp-init-fails")

    assert ready.stdout.split(":")[-1].strip() == "PASS"
    assert failing.stdout.split(":")[-1].strip().startswith("FAIL")


def test_a_run_can_be_interrupted_while_it_is_set_up(tmp_path: Path) -> None:
    under_way = started("sleep", "1000", temporary=tmp_path)
    wait_for(lambda: list(tmp_path.glob("tdxctl-run-*")) != [])
    under_way.send_signal(signal.SIGINT)
    under_way.send_signal(signal.SIGTERM)
    try:
        under_way.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        under_way.kill()
        raise

    wait_for(lambda: list(tmp_path.glob("tdxctl-run-*")) == [])


def test_a_folder_has_its_guard_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect none to be left by a signal as it starts, and another in what is done then."""

    def interrupted(*_: object, **__: object) -> None:
        raise SystemExit(143)

    host = machine_root(machine("small", "6.16"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(SystemExit), run.placed(host):
        pytest.fail("nothing is run after a signal")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("returned", "code"), [(0, 0), (3, 3), (-1, 129), (-9, 137), (-15, 143)])
def test_a_signal_is_told_as_shells_tell_it(returned: int, code: int) -> None:
    assert run._exit_code(returned) == code


@pytest.mark.parametrize(
    ("names", "levels"),
    [("emerg+", {0}), ("err", {3}), ("err,info", {3, 6}), ("warn+", {0, 1, 2, 3, 4})],
)
def test_a_level_with_a_plus_is_that_and_more_urgent_ones(names: str, levels: set[int]) -> None:
    assert dmesg._levels(names) == levels
