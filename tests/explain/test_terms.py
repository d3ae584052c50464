# SPDX-License-Identifier: Apache-2.0
"""The words of the field, MSRs, options of BIOSes, lines of other programs."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tdxctl.advice.bios import Setting
from tdxctl.advice.setups import SETUPS
from tdxctl.explain.lines import names_a_call, of_line
from tdxctl.explain.lookup import look_up
from tdxctl.explain.terms import ALL_TERMS
from tests import real

TERMS_FILE = real.FOLDER / "explain-terms.tsv"


def _text(asked: str) -> str:
    answer = look_up(asked)
    assert answer.known, asked
    return " ".join(text for _, text in answer.lines)


@pytest.mark.parametrize(
    "asked",
    ["TDMR", "tdmr", "TDMRs", "Tdmrs.", "the TDMR", "a TDMR", "TD memory regions", "TDX TDMR"],
)
def test_a_word_is_found_in_any_case_and_number(asked: str) -> None:
    assert "a range in whole GiB that the kernel gives the module" in _text(asked)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("module not loaded", "not-loaded"),
        ("module initialized", "initialized"),
        ("TDX is not supported", "kvm-failed"),
        ("tdx: can't load/init TDX module. disabling TDX feature.", "init-failed"),
        ("virt/tdx: bios enabled: private keyid range [32, 64)", "keyids"),
        (
            "VIRT/TDX: INITIALIZATION FAILED: TDMR [0X0, 0X80000000): RESERVED AREAS EXHAUSTED.",
            "reserved-areas",
        ),
        ("tdx: guest detected", "guest"),
        ("the virt/tdx: TDX-Module initialized", "initialized"),
    ],
)
def test_a_line_is_known_without_its_prefix_and_its_errno(asked: str, name: str) -> None:
    answer = look_up(asked)
    assert (answer.kind, answer.name) == ("log-line", name)


def test_what_any_program_may_say_is_no_line_of_tdx_without_its_prefix() -> None:
    """Expect a failure that goes on in unknown words to be TDX's only behind `virt/tdx: `."""
    assert look_up("virt/tdx: initialization failed: no firmware").name == "failed-for"
    assert not look_up("initialization failed: no firmware").known


def test_a_line_that_failed_without_an_errno_is_told_without_one() -> None:
    answer = look_up("tdx: can't load/init TDX module. disabling TDX feature.")
    assert answer.name == "init-failed"
    assert [label for label, _ in answer.lines] == ["means", "check"]


def test_of_an_unknown_line_each_name_in_it_is_told() -> None:
    """Expect of a status or an errno what it means and what to do, of a leaf what it does."""
    assert look_up("foo: ioctl gave -28 from TDH.MNG.INIT").lines == (
        ("means", "ENOSPC: 6.8 and later: TDMRs or reserved areas exhausted."),
        ("to do", "fewer memory regions and holes, or a kernel that walks CMRs"),
        ("means", "TDH.MNG.INIT: Initializes a TD from its TD_PARAMS."),
    )


@pytest.mark.parametrize(
    ("words", "name", "labels"),
    [
        ("CMRs not", "cmrs-not-ascending", ["line", "means", "more"]),
        # Harmless, or no check's.
        ("Turn off TDX in the BIOS", "s3", ["line", "means"]),
        ("packages to have an online", "last-cpu-of-package", ["line", "means"]),
    ],
)
def test_words_of_a_line_lead_to_the_causes_of_what_is_wrong(
    words: str, name: str, labels: list[str]
) -> None:
    answer = look_up(words)
    assert (answer.kind, answer.name) == ("log-line", name)
    assert [label for label, _ in answer.lines] == labels


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("module initialized", "initialized"),
        ("module initialized twice", None),
        ("max servtds supported per user TD is 1", "kvm-offers"),
        ("max servtds supported per user TD is 1 more", None),
    ],
)
def test_words_that_any_driver_may_say_are_a_line_only_where_they_are_all_of_it(
    line: str, name: str | None
) -> None:
    """Expect the whole line to be known without the prefix, `virt/tdx: ` or `kvm_intel: `."""
    answer = of_line(line, line, None)
    assert (None if answer is None else answer.name) == name


def test_eight_letters_of_a_line_are_enough_to_find_it() -> None:
    assert (look_up("not load").kind, look_up("not load").name) == ("log-line", "not-loaded")
    assert not look_up("ot load").known


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("foo: TDH.SYS.INIT gave 0xc000050500000000", True),
        ("foo: tdh_mng_init returned 8000020300000000", True),
        ("foo: calling TDH.SYS.INIT", False),
        ("foo: TDH.SYS.INIT gave -5", False),
        ("foo: gave 0xc000050500000000", False),
    ],
)
def test_a_line_names_a_call_by_its_leaf_and_its_status(line: str, expected: bool) -> None:
    assert names_a_call(line) == expected


@pytest.mark.parametrize(
    "asked", ["the -5", "The TDX_SYS_NOT_READY", "a TDH.SYS.INIT", "the leaf 33"]
)
def test_an_article_hides_nothing(asked: str) -> None:
    assert look_up(asked).known


def test_every_word_is_found_by_each_of_its_names() -> None:
    for term in ALL_TERMS:
        for name in (term.name, *term.others):
            assert term.means in _text(name)
            assert term.means in _text(name.upper())
        assert term.means.endswith(".")


def test_the_erratum_is_one_word_by_all_its_names() -> None:
    names = ("erratum", "errata", "partial-write erratum", "tdx_pw_mce", "TDX_PW_MCE")
    assert {look_up(name).name for name in names} == {"partial write erratum"}


@pytest.mark.parametrize("check", ["seamrr", "pamt", "tme", "sgx", "x2apic"])
def test_a_word_that_is_a_check_has_both(check: str) -> None:
    answer = look_up(check.upper())
    assert (answer.kind, answer.name) == ("check", check)
    assert [label for label, _ in answer.lines][:2] == ["term", "checks that"]


def test_a_check_is_told_with_the_one_before_it() -> None:
    """Expect what has to hold first: SEAMRR after TME; host, the first check, has none."""
    assert ("after", "tme") in look_up("seamrr").lines
    assert "after" not in dict(look_up("host").lines)


@pytest.mark.parametrize(
    ("asked", "name", "words"),
    [
        ("MSR 0x87", "IA32_MKTME_KEYID_PARTITIONING", "private ones of TDX"),
        ("0x1401", "IA32_SEAMRR_PHYS_MASK", "bit 11 that it is enabled"),
        ("msr 0xa0", "MSR 0xa0", "SGX_AND_MCHECK_STATUS"),
        ("0xfe", "IA32_MTRRCAP", "Bit 15 says that there is a SEAMRR."),
        ("IA32_TSX_CTRL", "IA32_TSX_CTRL", "0x122"),
        ("tsx_ctrl", "IA32_TSX_CTRL", "0x122"),
    ],
)
def test_an_msr_is_told_by_number_and_name(asked: str, name: str, words: str) -> None:
    answer = look_up(asked)
    assert (answer.kind, answer.name) == ("msr", name)
    assert words in _text(asked)


def test_a_number_that_is_a_leafs_too_is_told_as_both() -> None:
    answer = look_up("0x87")
    assert (answer.kind, answer.name) == ("msr", "IA32_MKTME_KEYID_PARTITIONING")
    assert answer.lines[-1][0] == "as a leaf"
    assert answer.lines[-1][1].startswith("TDH.IDE.STREAM.IDEKMREQ: TDX Connect: makes a key")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("errno 28", "ENOSPC"),
        ("error: -28", "ENOSPC"),
        ("status 0xc000050500000000", "TDX_SYS_NOT_READY"),
        ("c0000505", "TDX_SYS_NOT_READY"),
        ("0xc0000505", "TDX_SYS_NOT_READY"),
        ("LP.INIT", "TDH.SYS.LP.INIT"),
        ("mng.create", "TDH.MNG.CREATE"),
        ("MSR 1401h", "IA32_SEAMRR_PHYS_MASK"),
    ],
)
def test_a_code_is_known_however_it_is_spelt(asked: str, name: str) -> None:
    assert look_up(asked).name == name


def test_a_decimal_number_is_no_msr() -> None:
    """Expect 5121, which is 0x1401, to be nothing."""
    assert not look_up("5121").known


@pytest.mark.parametrize(
    "asked",
    [
        "CpuPaLimit",
        "BIOS.ProcSettings.CpuPaLimit",
        "Limit CPU PA to 46 Bits",
        "limit cpu pa to 46 bits",
        "LimitCPUPAto46bits",
        "biosVfCpuPaLimit",
    ],
)
def test_an_option_is_known_by_every_vendors_name(asked: str) -> None:
    answer = look_up(asked)
    assert answer.kind == "bios-option"
    assert "takes the bits for KeyIDs away" in _text(asked)


def test_every_option_of_every_setup_is_known() -> None:
    """Expect a meaning for each name, be it an option's or a word's of the field."""
    for setup in SETUPS:
        for option in setup.options.values():
            assert all(look_up(name).known for name in (option.name, *option.attributes))
    assert all(setting.means.endswith(".") for setting in Setting)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("qemu-system-x86_64: KVM_TDX_INIT_MEM_REGION failed Input/output error", "firmware"),
        ("qemu-kvm: KVM_TDX_CAPABILITIES failed: Inappropriate ioctl for device", "QEMU"),
        ("KVM: unknown exit, hardware reason e0000091", "TD"),
        ("kexec_load failed: Operation not supported", "tdx_pw_mce"),
        ("-bash: echo: write error: Operation not permitted", "online"),
        ("x86/cpu: SGX disabled or unsupported by BIOS.", "SGX is off"),
        ("sgx: EPC section 0x1-0x2", "SGX is on"),
        ("x86/mktme: No known encryption algorithm is supported: 0x4", "AES-XTS-256"),
        ("[    9.0] Kernel panic - not syncing: VFS: Unable to mount root fs", "nothing to do"),
        ("0x1100f", "attestation"),
        ("0xE019", "attestation"),
        ("leaf 33", "Initializes the module globally"),
    ],
)
def test_a_line_of_any_log_is_told(asked: str, words: str) -> None:
    assert words in _text(asked)


@pytest.mark.parametrize("asked", ["frobnicate", "the", "s", "x86/", "write", "0x2", "bits"])
def test_what_nobody_means_is_no_word(asked: str) -> None:
    assert look_up(asked).kind in ("unknown", "leaf")


@pytest.mark.skipif(not TERMS_FILE.exists(), reason="the terms are where TDXCTL_REALDATA says")
def test_what_people_ask_about_is_answered() -> None:
    missed = [term for term, must_say in _asked(TERMS_FILE) if not _says(term, must_say)]
    assert missed == []


def _asked(path: Path) -> list[tuple[str, str]]:
    with path.open() as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["term"], row["must_say"]) for row in rows]


def _says(term: str, must_say: str) -> bool:
    answer = look_up(term)
    said = " ".join([answer.name, *(text for _, text in answer.lines)])
    return answer.known and bool(re.search(must_say, said, re.IGNORECASE))
