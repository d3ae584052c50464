# SPDX-License-Identifier: Apache-2.0
"""Packaged programs of others read a root, run as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rootfs.hosts import root

PACKAGE_OF = {
    "iasl": "acpica-tools",
    "lscpu": "util-linux",
    "lsmem": "util-linux",
    "lstopo-no-graphics": "hwloc-nox",
}


def _output(program: str, *arguments: str | Path) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install {PACKAGE_OF[program]}")
    done = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("table", ["APIC", "SRAT"])
@pytest.mark.parametrize("platform", ["spr-2s-512g", "madt-not-enabled"])
def test_iasl_takes_the_tables_apart_without_a_complaint(
    tmp_path: Path, platform: str, table: str
) -> None:
    path = root(platform, "6.16") / "sys/firmware/acpi/tables" / table
    said = _output("iasl", "-d", "-p", tmp_path / "table", path)
    taken_apart = (tmp_path / "table.dsl").read_text()

    assert "rror" not in said
    assert "arning" not in said
    assert 'Signature : "' + table in taken_apart
    assert "Checksum" in taken_apart
    assert "should be" not in taken_apart  # what iasl says beside a wrong checksum
    assert "Unknown" not in taken_apart


def test_lscpu_reads_cpus_packages_and_nodes() -> None:
    said = _output("lscpu", "--sysroot", root("spr-2s-512g", "6.16"))
    rows = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in rows.items()}

    assert values["CPU(s)"] == "224"
    assert values["Socket(s)"] == "2"
    assert values["Thread(s) per core"] == "2"
    assert (values["CPU family"], values["Model"]) == ("6", "143")
    assert values["NUMA node0 CPU(s)"] == "0-111"
    assert values["NUMA node1 CPU(s)"] == "112-223"


def test_lscpu_sees_the_cpu_that_is_offline() -> None:
    said = _output("lscpu", "--sysroot", root("offline-cpu", "v5"))

    assert "On-line CPU(s) list:" in said
    assert "0-2,4-63\n" in said
    assert "Off-line CPU(s) list:" in said


def test_lsmem_reads_the_memory() -> None:
    """511 GiB in blocks of 2 GiB, of which those that have a hole count whole."""
    said = _output("lsmem", "--sysroot", root("spr-2s-512g", "6.16"), "--bytes", "--summary")

    assert "Memory block size: 2147483648\nTotal online memory: 549755813888\n" in "\n".join(
        " ".join(line.split()) for line in said.splitlines()
    )


def test_lstopo_reads_packages_nodes_and_their_memory() -> None:
    host = root("spr-2s-512g", "6.16")
    said = _output("lstopo-no-graphics", "--input", host, "--if", "fsroot", "--of", "console")

    assert said.count("Package L#") == 2
    assert said.count("PU L#") == 224
    assert "NUMANode L#0 (P#0 255GB)" in said
    assert "NUMANode L#1 (P#1 256GB)" in said
