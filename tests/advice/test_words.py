# SPDX-License-Identifier: Apache-2.0
"""What is said of causes, and of statuses that are no matter of the bring-up."""

from __future__ import annotations

import re

import pytest

from tdxctl.advice.causes import explain_cause
from tdxctl.advice.check_of import check_of
from tdxctl.advice.checks import CHECKS
from tdxctl.advice.states import explain_cause_state
from tdxctl.advice.statuses import explain_code, explain_status
from tdxctl.causes import (
    ImageFormat,
    ReservedAreasExhausted,
    SeamcallFailed,
    UpdateCpuOffline,
)
from tdxctl.seam.codes import statuses_named
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status
from tests.cli.runner import ROOT

#: Causes that are counted, by how they begin, and the row of the field notes that counts them.
ROWS = {
    "the BIOS is incomplete, or its o": 1,
    "the TDX module is too old for th": 2,
    "another kernel was booted than t": 3,
    "kvm_intel.tdx=1 is missing from ": 3,
    "the kernel was booted without no": 3,
    "KVM gave up early: TDH.SYS.LP.IN": 4,
    "SGX is off: without it the CPU d": 4,
    "the firmware carries no TDX modu": 5,
    "the CPU has no TDX: not every mo": 5,
    "BIOS or microcode are too old fo": 6,
    "firmware tables cut low memory i": 7,
    "the DIMMs are not populated symm": 8,
    "the key split leaves TDX one Key": 9,
    "memory that came from CXL or PME": 10,
    "the CPU has the partial-write er": 11,
}


def test_how_often_a_cause_is_seen_is_what_the_field_notes_count() -> None:
    """Expect no count of a cause that they do not count: [field-notes 1]."""
    notes = (ROOT / "docs" / "field-notes.md").read_text()
    table = notes.partition("## 1. ")[2].partition("### 1.1")[0]
    counts = {int(row): int(n) for row, n in re.findall(r"(?m)^\| (\d+) \| ~?(\d+)\b", table)}
    said = {each.cause[:32]: each.seen for check in CHECKS for each in check.causes if each.seen}
    assert said == {cause: counts[row] for cause, row in ROWS.items()}


@pytest.mark.parametrize(
    ("name", "to_do"),
    [
        # No error: bit 63 is clear.
        ("TDX_PAGE_ALREADY_FREE", "nothing: the caller goes on"),
        ("TDX_PAGE_ALREADY_ACCEPTED", "nothing: the caller goes on"),
        ("TDX_NO_VALID_VE_INFO", "look at the log of the kernel in the TD"),
        # Class 5, system state; class 9, the platform.
        ("TDX_INCOMPATIBLE_SEAM_FEATURES", "update BIOS and microcode"),
        ("TDX_SEAMREPORT_NOT_AVAILABLE", "update BIOS and microcode"),
        ("TDX_SMRR_OVERLAPS_IO_RANGE", "update BIOS and microcode"),
        # Bit 62 is clear: it goes away.
        ("TDX_INTERRUPTED_RESTARTABLE", "nothing: the caller tries again"),
        # Class 15, TDX Connect.
        ("TDX_IOMMU_INVALID_STATE", "look at what the kernel says of the device"),
        ("TDX_NON_RECOVERABLE_TD", "look at what KVM and the virtual machine monitor say"),
        ("TDX_INVALID_RESUMPTION", "look at what KVM and the virtual machine monitor say"),
    ],
)
def test_who_is_to_look_at_a_status_that_is_no_matter_of_the_bring_up(
    name: str, to_do: str
) -> None:
    assert explain_code(statuses_named(name)[0]).to_do.startswith(to_do)


@pytest.mark.parametrize(
    ("operand", "of_td_params"), [(63, False), (64, True), (72, True), (73, False)]
)
def test_operands_that_are_fields_of_td_params_are_the_monitors_matter(
    operand: int, of_td_params: bool
) -> None:
    said = explain_status(Status.TDX_OPERAND_INVALID + operand).to_do
    assert said.startswith("have the virtual machine monitor ask for a TD") is of_td_params


def test_a_failed_seamcall_is_told_with_all_that_is_known_of_it() -> None:
    failed = SeamcallFailed(Leaf.TDH_SYS_TDMR_INIT, 3, 0xC000010000000001)
    said = "TDH.SYS.TDMR.INIT on CPU 3 returned TDX_OPERAND_INVALID (RCX), 0xc000010000000001"
    assert explain_cause(failed).why == said
    more = SeamcallFailed(
        Leaf.TDH_SYS_TDMR_INIT, 3, 0xC000010000000001, 0x2_0000_0007, 2, tdmr_base=4 << 30
    )
    assert explain_cause(more).why == (
        f"{said}; 2 CPUs failed; CPUID leaf 0x7, sub-leaf 0x2; TDMR at 0x100000000"
    )
    without = SeamcallFailed(
        Leaf.TDH_SYS_TDMR_INIT, 3, 0xC000010000000001, 0xFFFFFFFF_80000008, 1, tdmr_base=0
    )
    assert explain_cause(without).why == f"{said}; CPUID leaf 0x80000008; TDMR at 0x0"


@pytest.mark.parametrize(
    ("between_cmrs", "means", "to_do"),
    [
        (False, "Every hole between memory regions costs", "fewer holes in low memory: "),
        (True, "Every hole between CMRs costs", "fewer holes between CMRs: "),
    ],
)
def test_reserved_areas_run_out_of_holes_in_memory_or_between_cmrs(
    between_cmrs: bool, means: str, to_do: str
) -> None:
    said = explain_cause(ReservedAreasExhausted(0, 0, 2 << 30, 16, 17, 0, between_cmrs))
    assert said.why.endswith("needs 17 reserved areas, the module has 16: memory holes 17, PAMTs 0")
    assert said.means.startswith(means)
    assert said.to_do.startswith(to_do)


@pytest.mark.parametrize(
    ("offline", "said"), [((2,), "of 4 CPUs 2 is offline"), ((1, 2), "of 4 CPUs 1-2 are offline")]
)
def test_cpus_that_an_update_needs(offline: tuple[int, ...], said: str) -> None:
    assert explain_cause(UpdateCpuOffline(offline, 4)).why.startswith(said)


def test_formats_of_an_update_image_are_told_as_versions() -> None:
    assert explain_cause(ImageFormat(0x10B, 0x201)).why == (
        "the update image is of format 1.11, and this kernel takes 2.1"
    )


@pytest.mark.parametrize(
    ("cause", "step", "check"),
    [
        ("seamcall", "global-init", "sys-init"),
        ("seamcall", "cpu-init", "lp-init"),
        ("seamcall", "enumerate", "system-info"),
        ("seamcall", "configure", "sys-config"),
        ("seamcall", "key-config", "key-config"),
        ("seamcall", "memory-init", "tdmr-init"),
        ("seamcall", None, None),
        ("pamt-allocation", "configure", "pamt"),
        ("reserved-areas-exhausted", "configure", "reserved-areas"),
    ],
)
def test_which_check_fails_where_a_bring_up_ends(
    cause: str, step: str | None, check: str | None
) -> None:
    assert check_of(cause, step) == check


@pytest.mark.parametrize(
    ("status", "cause", "step", "said"),
    [
        ("INITIALIZED", "kvm-xfam", None, "the TDX module is initialized, and KVM cannot use it"),
        ("UNINITIALIZED", "no-keyids", None, "TDX is off, as the kernel found at boot"),
        ("UNINITIALIZED", "seamcall", "global-init", "not initialized, and what TDH.SYS.INIT"),
    ],
)
def test_what_a_status_means_after_a_failure(
    status: str, cause: str, step: str | None, said: str
) -> None:
    assert explain_cause_state(status, cause, step).startswith(said)
