# SPDX-License-Identifier: Apache-2.0
"""Distributions' kernels: they print what their hosts' logs show, line by line."""

from __future__ import annotations

import re

import pytest

from tdxctl import Machine, Platform
from tdxctl.capture.bootlog import read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.merge import merge
from tdxctl.capture.write import write_description
from tdxctl.linux.lookup import find_kernel
from tdxctl.platform import shipped
from tdxctl.platform.load import load_yaml
from tests.real import files

#: Of a host with 17 holes below 2 GiB, before and after its kernel walked CMRs (two modules).
BEFORE = """\
virt/tdx: BIOS enabled: private KeyID range [32, 64)
virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.
virt/tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, \
build_date 20231008, build_num 595
virt/tdx: CMR: [0x100000, 0x6f800000)
virt/tdx: CMR: [0x100000000, 0x107a000000)
virt/tdx: CMR: [0x1080000000, 0x207c000000)
virt/tdx: CMR: [0x2080000000, 0x307c000000)
virt/tdx: CMR: [0x3080000000, 0x407c000000)
virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted.
virt/tdx: module initialization failed (-28)
kvm_intel: Failed to initialize TDX module.
"""
AFTER = "".join(BEFORE.splitlines(keepends=True)[:8]).replace(
    "build_date 20231008, build_num 595", "build_date 20240129, build_num 698"
) + ("virt/tdx: 1050644 KB allocated for PAMT\nvirt/tdx: module initialized\n")


@pytest.mark.parametrize(
    ("uname", "module", "lines"),
    [("6.8.0-1004-intel", "1.5.01", BEFORE), ("6.8.0-1006-intel", "1.5.05", AFTER)],
)
def test_ubuntu_24_04_before_and_after_it_walked_cmrs(uname: str, module: str, lines: str) -> None:
    described = Platform.load(shipped.path_of("emr-2s-256g-fragmented")).to_dict()
    described["module"] = {"version": module}
    if module == "1.5.01":  # which has a sample's build otherwise
        described["module"] |= {"build_date": 20231008, "build_num": 595}
    machine = Machine.boot(Platform.from_dict(described), find_kernel(uname))
    machine.tdx_init()
    assert "".join(f"{line.text}\n" for line in machine.dmesg) == lines


def test_ubuntu_25_04_tells_version_and_build() -> None:
    """0134fed5 is 20250325 in hexadecimal, as its hosts show."""
    described = Platform.load(shipped.path_of("small")).to_dict()
    described["module"] = {"version": "2.0.08"}
    machine = Machine.boot(Platform.from_dict(described), find_kernel("6.14.0-1005-intel"))
    assert machine.tdx_init().returned == 0
    assert machine.dmesg[2].text == (
        "virt/tdx: TDX module 2.0.08.00, build number 882, build date 0134fed5"
    )


def test_nobody_brings_tdx_up_on_mainline_before_6_16() -> None:
    platform = Platform.load(shipped.path_of("small"))
    for uname in ("6.8.0-45-generic", "6.12.48+deb13-amd64", "6.15.0"):
        machine = Machine.boot(platform, find_kernel(uname))
        result = machine.tdx_init()
        assert (result.returned, result.status, result.trace) == (-19, "UNINITIALIZED", ())
        assert len(machine.dmesg) == 2
    assert Machine.boot(platform, find_kernel("6.16.0")).tdx_init().returned == 0


def test_predicted_lines_are_the_printed_ones() -> None:
    """Expect each of the kernel's lines of a log that shows kernel and memory, in order."""
    compared = {}
    for path in files("tdx-logs/*.dmesg.txt"):
        text = path.read_text()
        uname = re.search(r"vmlinuz-(\S+-intel)", text)
        if uname is None or "CMR: [" not in text:
            continue  # it does not show both its kernel and its memory
        lines = [re.sub(r"^(\[ *[\d.]+\]|\s)\s*", "", line) for line in text.splitlines()]
        printed = [line for line in lines if line.startswith("virt/tdx: ")]
        shown = read_dmesg(read_log(path.read_bytes(), path.name))
        if not shown.blocks and not shown.usable:
            # Of the CMRs alone nobody can tell where the holes are that the kernel counts.
            printed = [line for line in printed if "failed" not in line]
        captured = merge([shown], assume_tdx=True)
        described = write_description(captured, name="host", options="")
        machine = Machine.boot(load_yaml(described), find_kernel(uname[1]))
        machine.tdx_init()
        found = [line.text for line in machine.dmesg if line.text.startswith("virt/tdx: ")]
        assert found[: len(printed)] == printed, path.name
        compared[path.name] = len(printed)
    assert compared == {
        "cmr-tdx381-256G-4node-gap.dmesg.txt": 7,
        "fail-tdx135-reserved-areas-EMR-256G.dmesg.txt": 8,
        "pair-tdx135-256G-4node-e820.dmesg.txt": 10,
        "pair-tdx188-8480CTDX-256G-2node.dmesg.txt": 7,
        "pair-tdx206-512G-2node.dmesg.txt": 8,
    }
