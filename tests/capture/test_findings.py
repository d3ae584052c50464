# SPDX-License-Identifier: Apache-2.0
"""What fuzzing found, each input as small as it gets."""

from __future__ import annotations

import contextlib

import pytest

from tests.capture import acpi_tables as acpi
from tests.capture.targets import TARGETS


@pytest.mark.parametrize(
    ("target", "data"),
    [
        pytest.param(
            "srat",
            acpi.srat([acpi.x2apic_affinity(0, 0xFFFFFFFF)]),
            id="an-x2apic-id-that-means-none-became-a-cpu",
        ),
        pytest.param(
            "dmesg",
            b"SRAT: PXM 0 -> APIC 0xffffffff -> Node 0\n",
            id="the-same-in-a-log",
        ),
        pytest.param(
            "dmesg",
            b"tdx: CMR: [0x100000, 0x200000015)\ntdx: CMR: [0x100000000, 0x180000000)\n"
            b"tdx: CMR: [0x190000000, 0x1a0000000)\n",
            id="cmrs-inside-another-became-memory-that-overlaps",
        ),
        pytest.param(
            "dmesg",
            b"tdx: TDX module: attributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, "
            b"build_date 20240129, build_num 698000\n",
            id="a-build-number-beyond-16-bits",
        ),
        pytest.param(
            "dmesg",
            b"virt/tdx: BIOS enabled: private KeyID range [32, 9999999999)\n",
            id="keyids-beyond-32-bits",
        ),
        pytest.param(
            "input",
            b"$ sudo rdmsr 07\n0\n",
            id="an-msr-in-octal-is-no-number-of-pythons",
        ),
        pytest.param(
            "input",
            b"Content-Transfer-Encoding: base64\n\nWyAgICAx\xb8\n--b\n",
            id="base64-that-is-no-ascii",
        ),
        pytest.param(
            "input",
            b"Architecture: x86_64\nCPU(s): 2\n$ cat /sys/devices/system/cpu/{present,online}\n"
            b"0-3\n0-2\n",
            id="cpus-online-of-one-source-beyond-those-of-another",
        ),
        pytest.param(
            "iomem",
            b"00000000-00000fff : Reserved\n001800007000-fffffffffffff : System RAM\n",
            id="memory-up-to-2^52-left-no-room-for-the-seam-range",
        ),
    ],
)
def test_a_finding_stays_mended(target: str, data: bytes) -> None:
    """Expect the input to be read, or refused as the reader declares."""
    with contextlib.suppress(*TARGETS[target].declared):
        TARGETS[target].run(data)
