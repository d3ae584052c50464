# SPDX-License-Identifier: Apache-2.0
"""What explain says of whole lines: of the kernel's own, and of those of any program."""

from __future__ import annotations

import pytest

from tdxctl.explain.lines import of_line
from tdxctl.explain.lookup import look_up
from tdxctl.explain.numbers import find_leaf


def test_a_failed_seamcall_is_told_with_its_leaf_and_its_status() -> None:
    """Expect of the status what it means, what its details are and what to do, and no more."""
    answer = look_up("virt/tdx: SEAMCALL (0x000000000000002d) failed: 0xc0000a0000000000")
    assert (answer.kind, answer.name) == ("log-line", "seamcall-failed")
    assert answer.lines == (
        ("means", "A SEAMCALL returned an error."),
        ("leaf", "TDH.SYS.CONFIG"),
        ("status", "TDX_INVALID_TDMR, 0xc0000a0000000000"),
        ("details", "TDMR 0"),
        (
            "means",
            "A TDMR's base or size is refused: not in whole GiB, empty, or beyond the physical "
            "address width.",
        ),
        (
            "to do",
            "a kernel bug or a kernel and a module that do not match: try a newer kernel",
        ),
    )


def test_a_harmless_line_leads_to_no_check() -> None:
    harmless = look_up("virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.")
    assert [label for label, _ in harmless.lines] == ["means"]
    bad = dict(look_up("virt/tdx: module not loaded").lines)
    assert bad["check"] == "module-loaded; `tdxctl explain module-loaded` has causes"


@pytest.mark.parametrize(
    ("text", "leaf", "told"),
    [
        ("prog: TDH.MNG.INIT gave 0xc000010000000001", None, "TDH.MNG.INIT (21): "),
        # A name that is no leaf says nothing of what returned it.
        ("prog: TDH.NO.SUCH gave 0xc000010000000001", "TDH.SYS.CONFIG", "TDH.SYS.CONFIG (45): "),
        ("prog: gave 0xc000010000000001", "TDH.SYS.CONFIG", "TDH.SYS.CONFIG (45): "),
    ],
)
def test_a_status_in_a_line_is_the_answer_of_the_leaf_that_it_names(
    text: str, leaf: str | None, told: str
) -> None:
    answer = of_line("x", text, None if leaf is None else find_leaf(leaf))
    assert answer is not None
    assert (answer.kind, answer.name) == ("status", "TDX_OPERAND_INVALID")
    assert dict(answer.lines)["leaf"].startswith(told)


def test_a_line_without_a_status_is_none_of_theirs() -> None:
    assert of_line("x", "prog: read 0x1000 bytes", None) is None


@pytest.mark.parametrize("asked", ["error 0xc000050500000000", "status=c000050500000000"])
def test_a_status_may_have_its_word_before_it(asked: str) -> None:
    assert look_up(asked).name == "TDX_SYS_NOT_READY"


@pytest.mark.parametrize(
    ("asked", "means"),
    [
        ("TDMR_INFO_PA", "the address of a TDMR_INFO, in the array of TDH.SYS.CONFIG."),
        ("R9", "a register."),
    ],
)
def test_an_operand_is_what_was_refused(asked: str, means: str) -> None:
    assert dict(look_up(asked).lines)["means"] == f"What a status says was refused: {means}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0x8000000000000001", "SEAMLDR.INSTALL"),
        ("33", "TDH.SYS.INIT"),
        ("tdh_sys_init", "TDH.SYS.INIT"),
        ("0x7fff", None),
    ],
)
def test_a_leaf_has_a_name_and_a_number(text: str, name: str | None) -> None:
    found = find_leaf(text)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("0x87", "IA32_MKTME_KEYID_PARTITIONING"),
        ("0xa0", "MSR 0xa0"),
        ("0x122", "IA32_TSX_CTRL"),
        ("0x1400", "IA32_SEAMRR_PHYS_BASE"),
    ],
)
def test_an_msr_is_told_by_its_name_and_in_words_of_its_own(number: str, name: str) -> None:
    answer = look_up(number)
    assert (answer.kind, answer.name) == ("msr", name)
    assert dict(answer.lines)["means"] != "TDH.SYS.INIT and TDH.SYS.LP.INIT look at it."
