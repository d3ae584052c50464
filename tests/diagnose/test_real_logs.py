# SPDX-License-Identifier: Apache-2.0
"""Real logs of TDX hosts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.diagnosis import diagnose
from tdxctl.diagnose.outcome import Verdict
from tests import real

LOGS = real.files("tdx-logs/*.txt")

# Log -> the state, the check that decides, and how its likeliest cause begins.
EXPECTED = {
    "bios-tdx144-seamrr-off.dmesg.txt": ("not enabled", "seamrr", "the BIOS is incomplete"),
    "cmr-tdx381-256G-4node-gap.dmesg.txt": ("unknown", None, None),
    "fail-tdpart1-not-enabled.dmesg.txt": ("not enabled", "seam-enabled", "SGX is off"),
    "fail-tdx102-33-not-enabled.dmesg.txt": ("not enabled", "seam-enabled", "SGX is off"),
    "fail-tdx135-reserved-areas-EMR-256G.dmesg.txt": (
        "failed",
        "reserved-areas",
        "firmware tables cut low memory",
    ),
    "fail-tdx161-sysinit-old-bios.dmesg.txt": (
        "failed",
        "sys-init",
        "BIOS or microcode are too old",
    ),
    "fail-tdx25-sysinit.dmesg.txt": ("failed", "sys-init", "BIOS or microcode are too old"),
    "fail-tdx83-sysrd-SPR.dmesg.txt": ("failed", "system-info", "the TDX module is too old"),
    "pair-tdx135-256G-4node-e820.dmesg.txt": ("initialized", "initialized", None),
    "pair-tdx188-8480CTDX-256G-2node.dmesg.txt": ("initialized", "initialized", None),
    "pair-tdx206-512G-2node.dmesg.txt": ("initialized", "initialized", None),
    "pair-tdx285-8480CTDX-256G-2node.dmesg.txt": ("initialized", "initialized", None),
    "silent-tdx382-260-sgx.dmesg.txt": ("not started", "init-attempt", "SGX is off"),
    "td-exit-tdx153.dmesg.txt": ("initialized", "initialized", None),
    "tdx135-reserved-areas-exhausted.cmr.txt": ("unknown", None, None),
    "tdx135-reserved-areas-exhausted.e820.txt": ("unknown", None, None),
    "value-kernel-doc-64G.dmesg.txt": ("initialized", "initialized", None),
    "value-mvp30-262659pages-EMR.dmesg.txt": ("initialized", "initialized", None),
    "value-upstream-version-print.dmesg.txt": ("initialized", "initialized", None),
    "warn-hibernation.dmesg.txt": (
        "not started",
        "hibernation",
        "the kernel was booted without nohibernate",
    ),
    "wrongkernel-tdx424-generic-kernel.dmesg.txt": (
        "not supported",
        "kernel-support",
        "another kernel was booted",
    ),
}


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.name)
def test_a_real_log_is_diagnosed(log: Path) -> None:
    state, check, cause = EXPECTED[log.name]
    found = diagnose(read_log(log.read_bytes(), log.name))
    assert (found.state, found.deciding and found.deciding.check.id) == (state, check)
    causes = found.deciding.outcome.causes if found.deciding else ()
    assert (causes[0].cause if causes else "").startswith(cause or "")
    assert bool(causes) == (cause is not None)


@pytest.mark.parametrize("log", real.files("tdx-logs/pair-*.txt"), ids=lambda path: path.name)
def test_the_pamt_that_a_real_kernel_printed_is_predicted(log: Path) -> None:
    sidecar = json.loads(Path(str(log).replace(".dmesg.txt", ".json")).read_text())
    found = diagnose(read_log(log.read_bytes(), log.name))
    assert found.prediction is not None
    assert found.prediction.printed_kib == sidecar["printed_pamt_kb"]
    assert found.prediction.predicted_kib == sidecar["printed_pamt_kb"]


def test_the_fragmented_map_fails_as_the_real_kernel_did() -> None:
    """Expect the e820 map and the failing log of one machine to agree under 6.8.

    The map is left out above 4 GiB, where the log's CMRs stand for it.
    """
    folder = real.FOLDER / "tdx-logs"
    e820 = (folder / "tdx135-reserved-areas-exhausted.e820.txt").read_bytes()
    failed = (folder / "fail-tdx135-reserved-areas-EMR-256G.dmesg.txt").read_bytes()
    found = diagnose(read_log(failed + e820.replace(b"......", b""), "both"))
    assert found.state == "failed"
    [prediction] = [r.outcome for r in found.results if r.check.id == "prediction"]
    assert prediction.verdict is Verdict.PASS
    assert "TDMR 0 [0x0, 0x80000000) needs 17 reserved areas" in prediction.detail
