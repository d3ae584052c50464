# SPDX-License-Identifier: Apache-2.0
"""Which fields of the module's metadata each release reads, and in which order [linux-host 3]."""

from __future__ import annotations

import pytest

from tdxctl.seam.leaves import Leaf
from tests.machines import booted

TDMR = [0x9100000100000008, 0x9100000100000009]
TDMR += [0x9100000100000010, 0x9100000100000011, 0x9100000100000012]
FEATURES0 = [0x0A00000300000008]
#: Sizes of TDR, TDCS and TDVPS; fixed bits of attributes and XFAM; how many CPUID configs, vCPUs.
TD = [0x9800000100000000, 0x9800000100000100, 0x9800000100000200]
TD += [0x1900000300000000, 0x1900000300000001, 0x1900000300000002, 0x1900000300000003]
TD += [0x9900000100000004, 0x9900000100000008]
VERSION = [0x0800000100000003, 0x0800000100000004, 0x0800000100000005]
BITMAP_BITS = [0x9100000000000013]
#: Of module 1.5.25 [tdx-module-releases].
NUM_CPUID_CONFIG = 28
NUM_CMRS, CMR_BASE, CMR_SIZE = 0x9000000100000000, 0x9000000300000080, 0x9000000300000100


def cpuid_configs(count: int) -> list[int]:
    """The leaf of each, then both halves of its values."""
    leaves = [0x9900000300000400 + i for i in range(count)]
    return leaves + [0x9900000300000500 + i for i in range(2 * count)]


def fields_read(kernel: str) -> list[int]:
    """RDX of each TDH.SYS.RD of a bring-up that goes well."""
    machine = booted(kernel, module={"version": "1.5.25"})
    machine.init_host()
    calls = [event.to_dict() for event in machine.trace]
    assert machine.status == "INITIALIZED"
    return [int(str(call["rdx"]), 16) for call in calls if call.get("leaf") == Leaf.TDH_SYS_RD]


@pytest.mark.parametrize(
    ("kernel", "before", "behind"),
    [
        ("6.8", TDMR, []),
        ("6.14", FEATURES0 + TDMR, []),
        ("6.16", FEATURES0 + TDMR + TD, []),
        ("6.18", FEATURES0 + TDMR + TD, []),
        ("7.1", VERSION + FEATURES0 + TDMR + TD, []),
        ("7.2", VERSION + FEATURES0 + TDMR + TD, []),
        # "and 0x9100000100000013 (bitmap bits per entry) only if features0 bit 36"
        ("7.2+dynamic-pamt", VERSION + FEATURES0 + TDMR + TD, BITMAP_BITS),
    ],
)
def test_the_fields_that_a_release_reads(kernel: str, before: list[int], behind: list[int]) -> None:
    read = fields_read(kernel)
    configs = cpuid_configs(NUM_CPUID_CONFIG) if TD[-1] in before else []
    assert read == before + configs + behind


def test_a_kernel_that_walks_cmrs_reads_them_before_the_limits_of_tdmrs() -> None:
    """Expect NUM_CMRS, then base and size of each."""
    read = fields_read("6.8+cmr-walk")
    cmrs = read[1:-5]
    assert read[0] == NUM_CMRS
    assert cmrs == [base + i for i in range(len(cmrs) // 2) for base in (CMR_BASE, CMR_SIZE)]
    assert cmrs
    assert read[-5:] == TDMR
