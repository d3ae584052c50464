# SPDX-License-Identifier: Apache-2.0
"""Four first visits: what a person types who knows nothing, what they are told, until they know.

    python -m tools.visits [PROGRAM]

PROGRAM is an installed tdxctl, by default this checkout's. Each visit is in an empty folder with an
empty store, and types what its person would, mistakes included. Printed is each command with its
exit, its seconds and the line that the person would read next; the last one has to answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

LOG = """\
[    3.1] virt/tdx: BIOS enabled: private KeyID range [32, 64)
[    3.1] virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.
[   22.6] virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted.
[   22.6] virt/tdx: module initialization failed (-28)
"""
OURS = """\
name: ours
cpus: {model: emerald-rapids, madt: [{apic_id: 0-63, package: 0}, {apic_id: 128-191, package: 1}]}
memory:
  ranges:
    - {start: 1MiB, size: 1783MiB}
    - {start: 4GiB, end: 512GiB}
    - {start: 512GiB, size: 512GiB, node: 1}
"""
KERNEL = (ROOT / "docs" / "examples" / "none_when_not_loaded.py").read_text()


class Visit(NamedTuple):
    """A person: who, the files they bring, what they type, and what is in the answer."""

    who: str
    files: dict[str, str]
    typed: tuple[str, ...]
    answer: str


VISITS = (
    Visit(
        "operator with the log",
        {"dmesg.txt": LOG},
        (
            "tdxctl dmesg.txt",
            "tdxctl diagnose dmseg.txt",
            "tdxctl diagnose dmesg.txt",
        ),
        "fewer holes in low memory",
    ),
    Visit(
        "planner",
        {"ours.yaml": OURS},
        (
            "tdxctl plan ours.yaml",
            "tdxctl plan --platform ours.yml",
            "tdxctl plan --platform ours.yaml --kernel 7.2 --guest 8GiB,4",
        ),
        "31  KeyIDs",
    ),
    Visit(
        "kernel developer",
        {"mine.py": KERNEL},
        (
            "tdxctl init --once --platform no-module --kernel mine.py",
            "tdxctl init --once --platform no-module --kernel mine.py:NoneWhenNotLoaded",
            "tdxctl sweep --platform small --kernel v5-posted --against mine.py:NoneWhenNotLoaded",
        ),
        "differs at 1 point",
    ),
    Visit(
        "detector author",
        {},
        (
            "tdxctl fake --platform no-module --kernel 7.2",
            "tdxctl root --platform no-module --kernel 7.2 host",
            "ls host && cat host/sys/module/kvm_intel/parameters/tdx",
        ),
        "N\n",
    ),
)


def main() -> int:
    """Make the visits; 1 where one of them ends without its answer."""
    program = sys.argv[1] if len(sys.argv) > 1 else f"{sys.executable} -m tdxctl"
    missed = 0
    for visit in VISITS:
        with tempfile.TemporaryDirectory() as folder:
            missed += not _visit(visit, Path(folder), program)
    return min(missed, 1)


def _visit(visit: Visit, folder: Path, program: str) -> bool:
    for name, text in visit.files.items():
        (folder / name).write_text(text)
    environment = {
        **os.environ,
        "TDXCTL_STATE": str(folder / "state"),
        "PYTHONPATH": "" if program.startswith("/") and " " not in program else str(ROOT),
    }
    print(f"{visit.who}:")
    seconds, said = 0.0, ""
    for line in visit.typed:
        begun = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", f'tdxctl() {{ {program} "$@"; }}\n{line}'],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        took, said = time.monotonic() - begun, done.stdout
        seconds += took
        print(f"  $ {line}   [exit {done.returncode}, {took:.1f} s]")
        for told in _told(said, visit.answer):
            print(f"      {told}")
    answered = visit.answer in said
    end = "the answer" if answered else "NO ANSWER"
    print(f"  {end}: {len(visit.typed)} commands, {seconds:.1f} s\n")
    return answered


def _told(said: str, answer: str) -> list[str]:
    lines = said.splitlines()
    if answer in said:
        return [line for line in lines if answer.strip() in line][:2]
    return [line for line in lines if line.strip() and not line.startswith("Usage")][:4]


if __name__ == "__main__":
    sys.exit(main())
