# SPDX-License-Identifier: Apache-2.0
"""Start-up and scaling as ratios, measured from an installed wheel: `make bench`.

Commands are run interleaved, so that a machine that slows down slows all of them; a figure is
the ratio of medians to `python -c pass` (or to another command) of the same run. TDH.SYS.CONFIG
is a call in this process, of the checkout's package; its ratio is that of the fastest calls.
"""

from __future__ import annotations

import argparse
import os
import pty
import shutil
import statistics
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tdxctl.seam import ModulePlatform, Registers, TdxModule

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".bench"
KNOWING, FIRST_SIGHT = HOME / "state", HOME / "first-sight"
RUNS = 15
CONFIG_MOST = 40  # times a TDH.SYS.CONFIG of 4 TDMRs, one of 64
SCENARIOS_MOST = 11


@dataclass(frozen=True)
class Case:
    """A command, and at most how many times another one's median it may take.

    first_sight: in a state folder that is not there yet; else in one that knows spr-2s-512g.
    """

    name: str
    command: tuple[str, ...]
    against: str
    most: float | None
    most_memory: float | None = None
    terminal: bool = False
    first_sight: bool = False


def install() -> Path:
    """A fresh environment with the wheel, byte-compiled; the folder of its commands."""
    python = HOME / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME / "venv"], check=True)
    quiet = ("--quiet", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip", "wheel", *quiet, "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--wheel-dir", HOME / "dist", ROOT], check=True)
    wheel = max((HOME / "dist").glob("tdxctl-*.whl"), key=lambda path: path.stat().st_mtime)
    # By the pip of the checkout: what an older one writes as the command imports re.
    into = (sys.executable, "-m", "pip", "--python", python)
    subprocess.run([*into, "install", *quiet, wheel], check=True)
    return python.parent


def small_twin_of_8s_64t() -> Path:
    """The eight-socket platform with 64 GiB instead of 64 TiB: same CPUs, a 1024th of memory."""
    text = (ROOT / "platforms" / "8s-64t.yaml").read_text().replace("name: 8s-64t", "name: 8s-64g")
    tib8, gib8 = 8 << 40, 8 << 30
    for socket in range(8, 0, -1):
        text = text.replace(f"{socket * tib8:#x}", f"{socket * gib8:#x}")
    path = HOME / "8s-64g.yaml"
    path.write_text(text)
    return path


def cases(folder: Path) -> list[Case]:
    """What is measured, the units first."""
    python, tdxctl = str(folder / "python"), str(folder / "tdxctl")
    init = (tdxctl, "init", "--once", "--platform")
    shutil.rmtree(KNOWING, ignore_errors=True)
    first = (tdxctl, "init", "--platform", "spr-2s-512g")
    # Boots and initializes as the first one did.
    known = (*first, "--reboot")
    environment = {**os.environ, "TDXCTL_STATE": str(KNOWING)}
    subprocess.run(known, check=True, capture_output=True, env=environment)
    small = str(small_twin_of_8s_64t())
    unit = "python -c pass"
    return [
        Case(unit, (python, "-c", "pass"), unit, None),
        Case("--version", (tdxctl, "--version"), unit, 1.5),
        Case("--help", (tdxctl, "--help"), unit, 5.5),
        Case(
            "explain 0xc0000a2100000300",
            (tdxctl, "explain", "0xc0000a2100000300"),
            unit,
            6,
        ),
        Case("init --once, two sockets, plain", (*init, "spr-2s-512g"), unit, 20),
        Case("init, first sight, plain", first, unit, 20, first_sight=True),
        Case("init, first sight, terminal", first, unit, 23, first_sight=True, terminal=True),
        Case("init, known, plain", known, unit, 13),
        Case("init, known, terminal", known, unit, 15, terminal=True),
        Case("status --format json", (tdxctl, "status", "--format", "json"), unit, 5),
        Case("status, on a terminal", (tdxctl, "status"), unit, 8.5, terminal=True),
        Case(
            "plan --kernel all, two sockets",
            (tdxctl, "plan", "--platform", "spr-2s-512g"),
            "init, known, plain",
            1.6,
        ),
        Case(
            "root, two sockets",
            (tdxctl, "root", str(FIRST_SIGHT), "--platform", "spr-2s-512g", "--kernel", "6.16"),
            unit,
            None,  # a file system's time: 5,415 files, between 0.4 s and some seconds
            first_sight=True,
        ),
        Case("init, 64 GiB", (*init, small), unit, None),
        Case("init, 64 TiB", (*init, "8s-64t"), "init, 64 GiB", 1.5, most_memory=1.25),
    ]


def run_once(case: Case) -> tuple[float, int]:
    """Wall-clock seconds and peak memory in KiB of one process; output is thrown away."""
    parent, child = pty.openpty() if case.terminal else (-1, -1)
    output = child if case.terminal else subprocess.DEVNULL
    if case.first_sight:
        shutil.rmtree(FIRST_SIGHT, ignore_errors=True)
    state = FIRST_SIGHT if case.first_sight else KNOWING
    environment = {**os.environ, "TDXCTL_STATE": str(state)}
    start = time.perf_counter()
    process = subprocess.Popen(
        case.command, stdout=output, stderr=subprocess.DEVNULL, env=environment
    )
    if case.terminal:
        os.close(child)
        _read_to_the_end(parent)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{case.name} exited {process.returncode}")
    return elapsed, usage.ru_maxrss


def _read_to_the_end(terminal: int) -> None:
    # A terminal that nobody reads would block the command. Linux ends one with an error.
    with suppress(OSError):
        while os.read(terminal, 1 << 16):
            pass
    os.close(terminal)


def measure(measured: list[Case], runs: int) -> dict[str, tuple[float, float]]:
    """Median seconds and median peak memory of each case, interleaved; a warm-up first."""
    samples: dict[str, list[tuple[float, int]]] = {case.name: [] for case in measured}
    for number in range(runs + 1):
        for case in measured:
            sample = run_once(case)
            if number:
                samples[case.name].append(sample)
    return {
        name: (statistics.median(s for s, _ in taken), statistics.median(m for _, m in taken))
        for name, taken in samples.items()
    }


def awaiting_config(tdmrs: int) -> TdxModule:
    """A module that awaits TDH.SYS.CONFIG, with so many TDMRs of 16 reserved areas written."""
    base, pamts, gib = 1 << 32, 1 << 24, 1 << 30
    module = TdxModule(
        ModulePlatform(
            lps=1,
            packages=1,
            keyid_bits=6,
            mktme_keyids=31,
            tdx_keyids=32,
            cmrs=[(0x100000, 0x7FF00000), (base, 64 * gib)],
            seamrr=(0x3FFE000000, 0x2000000),
        )
    )
    areas = [word for j in range(16) for word in (j << 26, 0x1000)]
    for i in range(tdmrs):
        pamt = pamts + i * 0x800000
        sizes = (pamt, 0x1000, pamt + 0x1000, 0x2000, pamt + 0x400000, 0x400000)
        module.memory.write(0x8000 + 8 * i, struct.pack("<Q", 0x10000 + 512 * i))
        info = struct.pack("<40Q", base + i * gib, gib, *sizes, *areas)
        module.memory.write(0x10000 + 512 * i, info)
    for leaf in (33, 35):
        if module.seamcall(0, Registers(rax=leaf)).rax != 0:
            raise RuntimeError(f"leaf {leaf} failed")
    return module


def measure_config(runs: int) -> dict[int, float]:
    """Least seconds of TDH.SYS.CONFIG by number of TDMRs, interleaved, each on a fresh module."""
    samples: dict[int, list[float]] = {4: [], 64: []}
    for number in range(runs + 1):
        for tdmrs, taken in samples.items():
            module, call = awaiting_config(tdmrs), Registers(rax=45, rcx=0x8000, rdx=tdmrs, r8=32)
            start = time.perf_counter()
            out = module.seamcall(0, call)
            elapsed = time.perf_counter() - start
            if out.rax != 0:
                raise RuntimeError(f"TDH.SYS.CONFIG of {tdmrs} TDMRs returned {out.rax:#x}")
            if number:
                taken.append(elapsed)
    return {tdmrs: min(taken) for tdmrs, taken in samples.items()}


def measure_scenarios() -> tuple[float, float]:
    """Seconds for 100 and for 1,000 scenarios on two sockets, a file each, in this process."""
    from tdxctl.scenario.run import cases_of, run_cases

    seconds = []
    for number in (100, 1000):
        folder = HOME / f"scenarios-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(number):
            (folder / f"{i:04}.yaml").write_text(
                "schema: tdxctl.scenario/1\nplatform: spr-2s-512g\n"
                "steps: [{init: 1, expect: {status: INITIALIZED, pamt: 2101260KiB}}]\n"
            )
        start = time.perf_counter()
        outcomes = run_cases(cases_of((str(folder),), None), jobs=1, fail_fast=False)
        seconds.append(time.perf_counter() - start)
        if [o.outcome for o in outcomes] != ["passed"] * number:
            raise RuntimeError("a scenario of the benchmark did not pass")
    return seconds[0], seconds[1]


def main() -> int:
    """Measure, print, and exit 1 where a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="counted runs of each command")
    runs = parser.parse_args().runs
    measured = cases(install())
    medians = measure(measured, runs)
    exceeded = []
    print(f"{'command':<31} {'median':>9}  ratio   bound   against")
    for case in measured:
        (seconds, memory), (base, base_memory) = medians[case.name], medians[case.against]
        bound = "" if case.most is None else f"<= {case.most}"
        ratio = seconds / base
        print(f"{case.name:<31} {1000 * seconds:6.1f} ms  {ratio:5.2f}  {bound:<7} {case.against}")
        if case.most is not None and ratio > case.most:
            exceeded.append(f"{case.name}: {ratio:.2f} > {case.most}")
        if case.most_memory is not None:
            ratio = memory / base_memory
            bound = f"<= {case.most_memory}"
            print(f"{'  peak memory':<31} {memory / 1024:5.1f} MiB  {ratio:5.2f}  {bound}")
            if ratio > case.most_memory:
                exceeded.append(f"{case.name}, memory: {ratio:.2f} > {case.most_memory}")
    config = measure_config(8 * runs)
    ratio, bound = config[64] / config[4], f"<= {CONFIG_MOST}"
    name, against = "TDH.SYS.CONFIG, 64 TDMRs", f"4 TDMRs, {1000 * config[4]:.1f} ms"
    print(f"{name:<31} {1000 * config[64]:6.1f} ms  {ratio:5.2f}  {bound:<7} {against}")
    if ratio > CONFIG_MOST:
        exceeded.append(f"{name}: {ratio:.2f} > {CONFIG_MOST}")
    hundred, thousand = measure_scenarios()
    ratio, bound = thousand / hundred, f"<= {SCENARIOS_MOST}"
    name, against = "1,000 scenarios", f"100, {1000 * hundred:.0f} ms"
    print(f"{name:<31} {1000 * thousand:6.0f} ms  {ratio:5.2f}  {bound:<7} {against}")
    print(f"  {1000 / thousand:.0f} scenarios per second in one process")
    if ratio > SCENARIOS_MOST:
        exceeded.append(f"{name}: {ratio:.2f} > {SCENARIOS_MOST}")
    for text in exceeded:
        print(f"exceeded: {text}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
