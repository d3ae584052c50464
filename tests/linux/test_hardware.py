# SPDX-License-Identifier: Apache-2.0
"""What a kernel finds: the MSRs that firmware left behind, and memory that nobody wrote yet."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl.hardware.firmware import FirmwareRegisters, MsrFault
from tdxctl.memory import SparseMemory
from tests.machines import small

MTRRCAP, KEYIDS, SEAMRR_MASK = 0xFE, 0x87, 0x1401


@pytest.mark.parametrize(
    ("firmware", "mtrrcap", "keyids", "mask"),
    [
        # SEAMRR is bit 15 of IA32_MTRRCAP; the mask is locked (10) and enabled (11).
        (
            {"mktme_keyids": 31, "tdx_keyids": 32, "keyid_bits": 6},
            *(0x8000, 32 << 32 | 31, 0xFFFFFFE000C00),
        ),
        (
            {"seamrr_range": {"base": "2GiB", "size": "64MiB"}},
            *(0x8000, 32 << 32 | 31, 0xFFFFFFC000C00),
        ),
        ({"seamrr": "disabled"}, 0x8000, 32 << 32 | 31, 0),
        ({"seamrr": "absent"}, 0, 32 << 32 | 31, 0),
        # What is described by hand goes before; what is of another CPU is not the boot CPU's.
        (
            {
                "msrs": [
                    {"msr": MTRRCAP, "value": 7},
                    {"msr": SEAMRR_MASK, "value": 9, "cpu": 1},
                ]
            },
            *(7, 32 << 32 | 31, 0xFFFFFFE000C00),
        ),
    ],
)
def test_the_boot_cpu_s_msrs(
    firmware: dict[str, Any], mtrrcap: int, keyids: int, mask: int
) -> None:
    registers = FirmwareRegisters(small(firmware=firmware).firmware)
    found = [registers.rdmsr(msr) for msr in (MTRRCAP, KEYIDS, SEAMRR_MASK)]
    assert found == [mtrrcap, keyids, mask]
    assert registers.rdmsr_safe(KEYIDS) == keyids


def test_an_msr_that_is_not_there_or_is_said_to_raise_gp_does() -> None:
    registers = FirmwareRegisters(small().firmware, faulting=frozenset({KEYIDS}))
    for msr in (KEYIDS, 0x999):
        assert registers.rdmsr_safe(msr) is None
        with pytest.raises(MsrFault, match=f"^RDMSR {msr:#x}$"):
            registers.rdmsr(msr)
    assert registers.rdmsr(MTRRCAP) == 0x8000


def test_seamrr_is_enabled_cpu_by_cpu() -> None:
    """Expect bit 11 of the mask to decide, of the CPU's own where it has one."""
    firmware = {
        "msrs": [
            {"msr": SEAMRR_MASK, "value": 0x400, "cpu": 1},
            {"msr": SEAMRR_MASK, "value": 0x800, "cpu": 2},
        ]
    }
    registers = FirmwareRegisters(small(firmware=firmware).firmware)
    assert [registers.seamrr_is_enabled(cpu) for cpu in range(4)] == [True, False, True, True]
    off = FirmwareRegisters(small(firmware={"seamrr": "disabled"}).firmware)
    assert not off.seamrr_is_enabled(0)


def test_memory_reads_as_zeros_where_nobody_wrote() -> None:
    """page 0          | page 1          | page 2
    [ 0xffe .. 0x1002 )
    """
    memory = SparseMemory()
    assert memory.read(0, 3) == b"\0\0\0"
    memory.write(0xFFE, b"abcd")
    assert memory.read(0xFFD, 6) == b"\0abcd\0"
    assert memory.read(0x1000, 2) == b"cd"
    memory.write(0x1001, b"x")
    assert memory.read(0xFFE, 4) == b"abcx"
    memory.write(1 << 51, b"z" * 8193)
    assert memory.read((1 << 51) + 8191, 4) == b"zz\0\0"
    assert memory.read(0, 0) == b""
