# SPDX-License-Identifier: Apache-2.0
"""`tdxctl init`: text, JSON, JSON lines, the kernel's log."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, tdxctl

PLAIN_FAILURE = """\
offline-cpu: Two sockets, 128 GiB, CPU 3 offline
64 CPUs in 2 packages, 127.9 GiB in 2 NUMA nodes, TDX module 1.5.25
Kernel: on-demand series v5 as reviewed, June 2022

Steps
    Preconditions                      failed   64 CPUs, 63 online, 0 not enabled in the MADT
  1 Global initialization              skipped
  2 Per-CPU initialization             skipped
  3 Enumerate module and CMRs          skipped
  4 Configure memory and global KeyID  skipped
  5 Configure key per package          skipped
  6 Initialize memory                  skipped

Kernel log
  tdx: SEAMRR enabled.
  tdx: TDX private KeyID range: [32, 64).
  tdx: TDX enabled by BIOS.
  tdx: Unable to initialize the TDX module when there's offline CPU(s).

tdx_init() returned -22 (EINVAL); status UNKNOWN: not initialized, and nothing is decided: \
tdx_init() may be called again

  failed step: Preconditions
  why:         offline: CPU 3, of 64 CPUs present
  errno:       -EINVAL
  means:       This kernel initializes the module only while every CPU that the MADT has enabled \
is online. The status stays UNKNOWN, so a retry is allowed.
  to do:       bring the CPUs online and call tdx_init() again
  more:        tdxctl explain EINVAL cpus-online
"""

PLAIN_SUCCESS = """\
spr-2s-512g: Two-socket Sapphire Rapids, 512 GiB
224 CPUs in 2 packages, 511.1 GiB in 2 NUMA nodes, TDX module 1.5.25
Kernel: on-demand series v5 as reviewed, June 2022

Steps
    Preconditions                       passed   224 CPUs, 224 online, 0 not enabled in the MADT
  1 Global initialization               passed   TDH.SYS.INIT
  2 Per-CPU initialization              passed   TDH.SYS.LP.INIT x 224, 224 CPUs in 2 packages
  3 Enumerate module and CMRs           passed   TDH.SYS.INFO, 3 CMRs
  4 Configure memory and global KeyID   passed   TDH.SYS.CONFIG
      Check that memory is convertible  passed
      Cover memory with TDMRs           passed   3 of 64 TDMRs
      Allocate PAMTs                    passed   525315 pages
      Set up reserved areas             passed   at most 3 of 16 in a TDMR
      Hand the TDMRs to the module      passed   global KeyID 32
  5 Configure key per package           passed   TDH.SYS.KEY.CONFIG x 2, 2 packages
  6 Initialize memory                   passed   TDH.SYS.TDMR.INIT x 131072, 3 TDMRs, 512 GiB

TDMRs (3 of 64)
  #          base     size  node       PAMT at        PAMT  reserved
  0           0x0    2 GiB     0   0x100000000     8.0 MiB      3/16
  1   0x100000000  254 GiB     0   0x13f9fd000  1018.0 MiB      3/16
  2  0x4080000000  256 GiB     1  0x4080000000     1.0 GiB      2/16

PAMT (2.0 GiB)
             memory     PAMT      KiB  of memory
  node 0  255.4 GiB  1.0 GiB  1050632    0.392 %
  node 1  255.8 GiB  1.0 GiB  1050628    0.392 %
  total   511.1 GiB  2.0 GiB  2101260    0.392 %

Kernel log
  tdx: SEAMRR enabled.
  tdx: TDX private KeyID range: [32, 64).
  tdx: TDX enabled by BIOS.
  tdx: TDX module: vendor_id 0x8086, major_version 1, minor_version 5, build_date 20260101, \
build_num 481
  tdx: Kernel-checked-CMR : [0x100000, 0x77800000)
  tdx: Kernel-checked-CMR : [0x100000000, 0x4070000000)
  tdx: Kernel-checked-CMR : [0x4080000000, 0x8070000000)
  tdx: 525315 pages allocated for PAMT.
  tdx: TDX module initialized.

tdx_init() returned 0; status INITIALIZED: the TDX module is initialized and ready to run TDs
"""


def test_a_machine_that_initializes() -> None:
    done = tdxctl("init", "--platform", "spr-2s-512g")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PLAIN_SUCCESS


def test_a_machine_that_fails() -> None:
    done = tdxctl("init", "--platform", "offline-cpu")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == PLAIN_FAILURE


def test_the_failing_seamcall_is_named_with_its_cpu_and_status() -> None:
    done = tdxctl("init", "--platform", "lp-init-fails")
    assert done.returncode == 1
    assert (
        "  why:         TDH.SYS.LP.INIT on CPU 40 returned TDX_INCONSISTENT_MSR (MSR 0x1f2), "
        "0xc0000920000001f2\n"
    ) in done.stdout


def test_json_is_the_contracts() -> None:
    done = tdxctl("init", "--platform", "outside-cmrs", "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert {key: report[key] for key in list(report)[:11]} == {
        "schema": "tdxctl.init/1",
        "machine": "outside-cmrs",
        "kernel": "v5",
        "kernel_release": "v5",
        "behaves_as": "v5",
        "evidence": "executed",
        "call": 1,
        "returned": -14,
        "errno": "EFAULT",
        "status": "SHUTDOWN",
        "callers": [{"returned": -14}],
    }
    assert report["failure"] == {
        "step": "configure",
        "cause": "not-convertible",
        "leaf": None,
        "cpu": None,
        "status": None,
        "status_name": None,
        "errno": "EFAULT",
        "reason": "memory [0x1080000000, 0x2080000000) of node 1 does not lie in one CMR "
        "(-EINVAL inside the kernel, -EFAULT to the caller)",
        "hint": "keep that memory from the kernel at boot (memmap=), or have the firmware report "
        "it in one CMR",
        "explain": "Every page that the kernel's page allocator owns must be convertible; a "
        "region across two touching CMRs is refused as well.",
    }
    assert [(s["number"], s["name"], s["outcome"], s["seamcalls"]) for s in report["steps"]] == [
        (None, "precondition", "passed", 0),
        (1, "global-init", "passed", 1),
        (2, "cpu-init", "passed", 64),
        (3, "enumerate", "passed", 1),
        (4, "configure", "failed", 0),
        (5, "key-config", "skipped", 0),
        (6, "memory-init", "skipped", 0),
        (None, "shutdown", "passed", 64),
    ]


def test_json_of_a_success_has_tdmrs_pamt_and_log() -> None:
    report = json.loads(tdxctl("init", "--platform", "spr-2s-512g", "--format", "json").stdout)
    assert report["failure"] is None
    assert report["tdmrs"][0] == {
        "base": "0x0",
        "size": 2147483648,
        "node": 0,
        "pamt": {
            "4k": {"base": "0x100000000", "size": 8388608},
            "2m": {"base": "0x100800000", "size": 16384},
            "1g": {"base": "0x100804000", "size": 4096},
        },
        "reserved": [
            {"offset": 0, "size": 1048576},
            {"offset": 1761824768, "size": 243048448},
            {"offset": 2004877312, "size": 142606336},
        ],
    }
    assert report["pamt"] == {
        "bytes": 2151690240,
        "pages": 525315,
        "kib": 2101260,
        "by_node": {"0": 1075847168, "1": 1075843072},
    }
    assert report["log"][0] == {"level": "info", "text": "tdx: SEAMRR enabled."}
    assert [line for line in report["log"] if not line.get("newline", True)] == [report["log"][3]]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Expect no clock, no path and no version in JSON: another folder, the same output."""
    first = tdxctl("init", "--platform", "8s-64t", "--once", "--format", "json").stdout
    copy = tmp_path / "8s-64t.yaml"
    copy.write_text((ROOT / "platforms" / "8s-64t.yaml").read_text())
    assert tdxctl("init", "--platform", str(copy), "--once", "--format", "json").stdout == first
    assert tdxctl("init", "--platform", str(copy), "--format", "json").stdout == first


def test_jsonl_is_the_events_in_order() -> None:
    done = tdxctl("init", "--platform", "no-module", "--format", "jsonl")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"ev": "tdxctl.events/1", "machine": "no-module", "kernel": "v5"},
        {"ev": "log", "level": "info", "text": "tdx: SEAMRR enabled."},
        {"ev": "log", "level": "info", "text": "tdx: TDX private KeyID range: [32, 64)."},
        {"ev": "log", "level": "info", "text": "tdx: TDX enabled by BIOS."},
        {"ev": "step", "name": "precondition", "outcome": None},
        {"ev": "step", "name": "precondition", "outcome": "passed"},
        {"ev": "step", "name": "global-init", "outcome": None},
        {
            "ev": "seamcall",
            "leaf": 33,
            "cpu": 0,
            "rcx": "0x0",
            "rdx": "0x0",
            "r8": "0x0",
            "ret": "0x8000ff00ffff0000",
        },
        {"ev": "step", "name": "global-init", "outcome": "failed"},
        {"ev": "log", "level": "info", "text": "tdx: TDX module is not loaded."},
        {"ev": "status", "status": "NONE"},
    ]


def test_dmesg_is_the_kernels_log_alone() -> None:
    done = tdxctl("init", "--platform", "no-module", "--kernel", "v5-posted", "--format", "dmesg")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "tdx: SEAMRR enabled.",
        "tdx: TDX private KeyID range: [32, 64).",
        "tdx: TDX enabled by BIOS.",
        "tdx: TDX module is not loaded.",
    ]


def test_a_posted_kernel_and_a_large_tdmr_do_not_go_together() -> None:
    """Expect the 32-bit overflow of v5-posted where v5 is fine."""
    assert tdxctl("init", "--platform", "8s-64t").returncode == 0
    done = tdxctl("init", "--platform", "8s-64t", "--kernel", "v5-posted", "--reboot")
    assert done.returncode == 1
    assert "status SHUTDOWN" in done.stdout


def _on_a_terminal(columns: int, *arguments: str, **environment: str) -> str:
    parent, child = pty.openpty()
    os.set_blocking(parent, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tdxctl", *arguments],
        stdin=child,
        stdout=child,
        stderr=child,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **environment},
    )
    os.close(child)
    output = b""
    while True:
        try:
            data = os.read(parent, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        output += data
    os.close(parent)
    process.wait(timeout=60)
    return output.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_the_same_and_cuts_nothing_off(columns: int) -> None:
    """Expect every address and number of the plain text, whatever the width."""
    shown = _on_a_terminal(columns, "init", "--platform", "8s-64t", "--once", NO_COLOR="1")
    numbers = set(
        re.findall(
            r"0x[0-9a-f]+|[0-9]{4,}", tdxctl("init", "--platform", "8s-64t", "--once").stdout
        )
    )
    squeezed = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert {n for n in numbers if n not in squeezed} == set()
    assert "…" not in shown


def test_colour_is_for_terminals_that_want_it() -> None:
    assert "\x1b[32m" in _on_a_terminal(100, "init", "--platform", "no-module", "--once")
    plain = _on_a_terminal(100, "init", "--platform", "no-module", "--once", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)
    assert "\x1b" not in _on_a_terminal(
        100, "init", "--platform", "no-module", "--once", TERM="dumb"
    )


def test_text_from_a_file_cannot_act_on_the_output(tmp_path: Path) -> None:
    """Expect markup and escapes shown, not obeyed, and no second line from a newline."""
    hostile = tmp_path / "hostile.yaml"
    hostile.write_text(
        'description: "[red]x[/red] \\e[31mred\\e]0;title\\a\\nstatus INITIALIZED\\r\\u202e"\n'
        "cpus: {madt: [{apic_id: 0}], online: '0'}\n"
        "memory: {ranges: [{start: 1MiB, size: 2GiB}]}\n"
        "module: {loaded: false}\n"
    )
    shown = "hostile: [red]x[/red] \\x1b[31mred\\x1b]0;title\\x07\\nstatus INITIALIZED\\r\\u202e"
    piped = tdxctl("init", "--platform", str(hostile), "--once")
    assert piped.stdout.splitlines()[0] == shown
    terminal = _on_a_terminal(
        200, "init", "--platform", str(hostile), "--once", NO_COLOR="1", TERM="dumb"
    )
    assert terminal.splitlines()[0] == shown
    assert "\x1b" not in terminal


def test_output_that_an_encoding_cannot_show_is_escaped(tmp_path: Path) -> None:
    description = tmp_path / "accent.yaml"
    description.write_text(
        "description: größer\ncpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: []}\n",
        encoding="utf-8",
    )
    done = tdxctl("init", "--platform", str(description), environment={"PYTHONIOENCODING": "ascii"})
    assert done.stdout.splitlines()[0] == "accent: gr\\xf6\\xdfer"
