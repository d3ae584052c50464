# SPDX-License-Identifier: Apache-2.0
"""What tdxctl's own kernel makes of the memory that a log shows, beside what the log says."""

from __future__ import annotations

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.evidence import gather
from tdxctl.diagnose.outcome import Prediction
from tdxctl.diagnose.prediction import judge, predict

# 2 GiB below 4 GiB, and 4 GiB above: three TDMRs of 2 GiB, PAMTs of 24,632 KiB in all.
E820 = (
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    "BIOS-e820: [mem 0x0000000100000000-0x00000001ffffffff] usable\n"
)
PAMT = "virt/tdx: 24632 KB allocated for PAMT\n"
SHUT_DOWN = "tdx: Failed to initialize TDX module.  Shut it down.\n"
EXHAUSTED = "virt/tdx: initialization failed: TDMR [0x0, 0x40000000): reserved areas exhausted.\n"
HALF_A_CMR = "virt/tdx: CMR: [0x100000, 0x40000000)\n"
ONE_MIB = "BIOS-e820: [mem 0x0000000000100000-0x00000000001fffff] usable\n"
# More pieces of memory than a module has TDMRs.
PIECES = "".join(
    f"BIOS-e820: [mem {i << 31:#018x}-{(i << 31) + 0x3FFFFFFF:#018x}] usable\n"
    for i in range(1, 71)
)

FROM_E820 = "the e820 map, cut as the kernel does"
NO_ROOM = "no 1027 contiguous pages for the PAMT of TDMR 0 [0x0, 0x40000000), asked from node 0"
OF_E820 = (
    "memory that the kernel kept for itself at boot (mem=, memmap=)",
    "nodes: without the SRAT's, touching memory of two nodes is one range",
)
OF_CMRS = (
    "the memory ranges: CMRs can give one TDMR fewer, 4 KiB less for each PAMT of it",
    "CMRs that the log has lost",
)


def _predicted(log: str) -> Prediction | None:
    return predict(gather(read_log(log.encode(), "t")))


def _version(uname: str) -> str:
    return f"[    0.0] Linux version {uname} (a@b)\n"


@pytest.mark.parametrize(
    ("log", "kernel"),
    [
        (E820 + PAMT, "6.8"),
        (E820 + SHUT_DOWN, "v5"),
        # v5 counts pages; a kernel that prints CMRs walks them, as 6.8's of distributions.
        (E820 + "tdx: 6158 pages allocated for PAMT.\n", "v5"),
        (E820 + HALF_A_CMR + PAMT, "6.8+cmr-walk"),
        (E820 + HALF_A_CMR + EXHAUSTED, "6.8"),
        (E820 + "virt/tdx: Enable Dynamic PAMT\n" + PAMT, "7.2+dynamic-pamt"),
        (_version("6.16.0") + E820 + PAMT, "6.16"),
        (_version("7.1.2") + E820 + PAMT, "7.1"),
        (_version("6.8.0-1004-intel") + E820 + PAMT, "ubuntu-24.04-1004"),
        (_version("6.8.0-1015-intel") + E820 + HALF_A_CMR + PAMT, "ubuntu-24.04"),
    ],
)
def test_the_kernel_that_predicts_is_of_the_logs_generation(log: str, kernel: str) -> None:
    found = _predicted(log)
    assert found is not None
    assert found.kernel == kernel


@pytest.mark.parametrize(
    ("log", "found"),
    [
        # It costs what was printed, in KiB or in pages.
        (E820 + PAMT, Prediction("6.8", FROM_E820, 24632, 24632, None, True, ())),
        (
            E820 + "tdx: 6158 pages allocated for PAMT.\n",
            Prediction("v5", FROM_E820, 24632, 24632, None, True, ()),
        ),
        (
            E820 + PAMT.replace("24632", "24636"),
            Prediction("6.8", FROM_E820, 24636, 24632, None, False, OF_E820),
        ),
        # The static part alone: 4 KiB pages have a bitmap.
        (
            E820 + "virt/tdx: Enable Dynamic PAMT\nvirt/tdx: 248 KB allocated for PAMT\n",
            Prediction("7.2+dynamic-pamt", FROM_E820, 248, 248, None, True, ()),
        ),
        # Where a kernel walks them, what lies outside the CMRs is refused; to others one holds all.
        (
            E820 + HALF_A_CMR + PAMT,
            Prediction(
                *("6.8+cmr-walk", FROM_E820, 24632, None),
                *("memory [0x100000, 0x80000000) does not lie in one CMR", False, OF_E820),
            ),
        ),
        (
            _version("7.1.2") + E820 + HALF_A_CMR + PAMT,
            Prediction("7.1", FROM_E820, 24632, 24632, None, True, ()),
        ),
        # Where the log shows none, one holds all to a kernel that walks them too.
        (
            _version("6.8.0-1015-intel") + E820 + PAMT,
            Prediction("ubuntu-24.04", FROM_E820, 24632, 24632, None, True, ()),
        ),
        (
            "virt/tdx: CMR: [0x100000, 0x80000000)\nvirt/tdx: CMR: [0x100000000, 0x200000000)\n"
            + PAMT.replace("24632", "24636"),
            Prediction("6.8+cmr-walk", "the CMRs", 24636, 24632, None, False, OF_CMRS),
        ),
        # v5 says only that it failed, whatever it failed on; others name the reserved areas.
        (
            ONE_MIB + SHUT_DOWN,
            Prediction(
                *("v5", FROM_E820, None, None),
                *(f"{NO_ROOM} (-ENOMEM inside the kernel, -EFAULT to the caller)", True, ()),
            ),
        ),
        (E820 + SHUT_DOWN, Prediction("v5", FROM_E820, None, 24632, None, False, OF_E820)),
        (ONE_MIB + EXHAUSTED, Prediction("6.8", FROM_E820, None, None, NO_ROOM, False, OF_E820)),
        (E820 + EXHAUSTED, Prediction("6.8", FROM_E820, None, 24632, None, False, OF_E820)),
        (
            PIECES + PAMT,
            Prediction(
                *("6.8", FROM_E820, 24632, None),
                *("memory needs 70 TDMRs, the module has 64", False, OF_E820),
            ),
        ),
        (
            "Early memory node ranges\n"
            "  node   0: [mem 0x0000000000100000-0x000000007fffffff]\n"
            "  node   1: [mem 0x0000000080000000-0x00000000ffffffff]\n"
            "virt/tdx: 16420 KB allocated for PAMT\n",
            Prediction(
                *("6.8", "the kernel's memory ranges", 16420, 16424, None, False),
                (
                    "memory that was hot-added, or that the log has lost",
                    "a module whose PAMT entries are not of 16 bytes",
                ),
            ),
        ),
    ],
)
def test_a_prediction_stands_beside_what_was_printed(log: str, found: Prediction) -> None:
    assert _predicted(log) == found


@pytest.mark.parametrize(
    "log",
    [
        # Neither cost nor failure; or no memory; or what a SEAMCALL failed on.
        E820,
        PAMT,
        EXHAUSTED,
        E820 + "tdx: SEAMCALL failed: leaf: 0x2d, error: 0xc000050c00000000\n" + SHUT_DOWN,
        # CMRs have no holes of the kernel's.
        HALF_A_CMR + EXHAUSTED,
    ],
)
def test_where_too_little_is_shown_nothing_is_predicted(log: str) -> None:
    assert _predicted(log) is None


@pytest.mark.parametrize(
    ("log", "verdict", "detail"),
    [
        (
            E820,
            "UNKNOWN",
            "the log does not show both a memory map and what it cost or failed on",
        ),
        (
            E820 + PAMT,
            "PASS",
            f"from {FROM_E820}, under 6.8, tdxctl's kernel allocates 24632 KiB",
        ),
        (
            E820 + PAMT.replace("24632", "24636"),
            "WARN",
            f"from {FROM_E820}, under 6.8, tdxctl's kernel allocates 24632 KiB, 24636 KiB were "
            "printed",
        ),
        (
            E820 + SHUT_DOWN,
            "WARN",
            f"from {FROM_E820}, under v5, tdxctl's kernel initializes it: 24632 KiB",
        ),
        (
            ONE_MIB + EXHAUSTED,
            "WARN",
            f"from {FROM_E820}, under 6.8, tdxctl's kernel fails: {NO_ROOM}",
        ),
        (
            PIECES + SHUT_DOWN,
            "PASS",
            f"from {FROM_E820}, under v5, tdxctl's kernel fails too: memory needs 70 TDMRs, the "
            "module has 64 (-E2BIG inside the kernel, -EFAULT to the caller)",
        ),
    ],
)
def test_a_prediction_that_agrees_passes_and_another_warns(
    log: str, verdict: str, detail: str
) -> None:
    found = judge(_predicted(log))
    assert (found.verdict.value, found.detail) == (verdict, detail)
