# SPDX-License-Identifier: Apache-2.0
"""What advice calls the options of a BIOS, where the log shows whose it is."""

from __future__ import annotations

import pytest

from tdxctl.advice import to_do
from tdxctl.advice.bios import PREREQUISITES, SET_UP_THE_BIOS, STAGES, Setting
from tdxctl.advice.setups import SETUPS, in_words_of, option_named, setup_of
from tdxctl.capture.bootlog import read_log
from tdxctl.diagnose.diagnosis import diagnose

BOARDS = {
    "Dell Inc. PowerEdge R760/0VRV9X, BIOS 2.1.5 03/14/2024": "Dell",
    "Supermicro SYS-221H-TNR/X13DEM, BIOS 2.1 12/13/2023": "Supermicro",
    "LENOVO ThinkSystem SR650 V3/SB27B31174, BIOS ESE122V 03/04/2024": "Lenovo",
    "Quanta Cloud Technology Inc. QuantaGrid D54Q-2U/S6Q, BIOS 3A15 07/2023": "Quanta",
    "QCT QuantaPlex S43CA-2U": "Quanta",
    "Intel Corporation ArcherCity/ArcherCity, BIOS EGSDCRB1": "Intel board",
    "NVIDIA DGXH100/DGXH100, BIOS 1.6.7": "NVIDIA DGX",
    "Inspur NF5280M7/NF5280M7, BIOS 01.02": "Inspur",
    "Cisco Systems Inc UCSC-C240-M7SX/UCSC-C240-M7SX, BIOS C240M7": "Cisco",
    "HPE ProLiant DL380 Gen11/ProLiant DL380 Gen11, BIOS U54": "HPE",
    "Nettrix R620 G50/60EA32, BIOS NNH1041284 11/11/2024": None,
    "": None,
}


@pytest.mark.parametrize(("board", "vendor"), BOARDS.items())
def test_a_board_is_known_by_its_dmi_line(board: str, vendor: str | None) -> None:
    setup = setup_of(board)
    assert (setup.vendor if setup else None) == vendor


def test_a_setup_names_every_option_that_tdx_needs_once() -> None:
    for setup in SETUPS:
        named = [setting for step in setup.steps for setting in step]
        # Memory Encryption: Multiple Keys is both of a Dell's.
        both = set(STAGES) - {STAGES[1]} if setup.vendor == "Dell" else set(STAGES)
        assert set(named) >= both | set(PREREQUISITES)
        assert len(named) == len(set(named))


def test_a_dells_way_out_is_the_dells() -> None:
    """Expect what makes the others read-only first, and TDX before the loader and SGX."""
    setup = setup_of("Dell Inc. PowerEdge R760/0VRV9X, BIOS 2.1.5 03/14/2024")
    assert setup is not None
    assert setup.set_up == (
        "in the BIOS of this Dell set, saving and rebooting after each step: "
        "(1) Memory Settings: Node Interleaving = Disabled, Processor Settings: x2APIC Mode = "
        "Enabled, Processor Settings: CPU Physical Address Limit = Disabled; "
        "(2) System Security: Memory Encryption = Multiple Keys (which is TME-MT too); "
        "(3) System Security: Global Memory Integrity = Disabled, System Security: Intel TDX = "
        "Enabled, TDX Secure Arbitration Mode Loader (SEAM) = Enabled, TME-MT/TDX Key Split = 1 or "
        "more, not 0, System Security: Intel SGX = On; "
        "SGX stays Off and read-only with fewer than 8 identical DIMMs a socket; update the BIOS"
    )


def test_an_option_without_a_name_is_called_by_its_common_one() -> None:
    setup = setup_of("HPE ProLiant DL380 Gen11")
    assert setup is not None
    assert (
        "(4) TDX, the SEAM loader; (5) the TME-MT/TDX key split, System Options >" in setup.set_up
    )
    assert in_words_of(setup, to_do.TURN_ON_VIRTUALIZATION) == to_do.TURN_ON_VIRTUALIZATION


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("CpuPaLimit", Setting.PA_LIMIT),
        ("Processor Settings: CPU Physical Address Limit", Setting.PA_LIMIT),
        # With the value that it has, as BIOS settings are listed.
        ("CpuPaLimit: Disable", Setting.PA_LIMIT),
        ("CpuPaLimit: Disable: (default)", Setting.PA_LIMIT),
        ("Disable: CpuPaLimit", None),
        (": ", None),
    ],
)
def test_an_option_is_named_alone_or_before_its_value(text: str, setting: Setting | None) -> None:
    found = option_named(text)
    assert (None if found is None else found[0]) == setting


@pytest.mark.parametrize("line", ["DMI: ", "Hardware name: "])
def test_a_diagnosis_speaks_of_the_users_own_bios(line: str) -> None:
    board = "Supermicro SYS-221H-TNR/X13DEM, BIOS 2.1 12/13/2023"
    log = f"[    0.0] {line}{board}\nSEAM_RR bit: 0 (expected value: 1)\n"
    found = diagnose(read_log(log.encode(), "t"))
    assert found.deciding is not None
    first = found.deciding.outcome.causes[0].to_do
    assert first.startswith("in the BIOS of this Supermicro set")
    assert "Total Memory Encryption Multi-Tenant(TME-MT) = Enabled" in first
    silent = diagnose(read_log(_silent(line + board), "t"))
    assert silent.deciding is not None
    assert silent.deciding.outcome.causes[0].to_do == (
        "in the BIOS set SW Guard Extensions (SGX) = Enabled"
    )


def _silent(line: str) -> bytes:
    return f"[ 0.0] {line}\n[ 1.0] virt/tdx: BIOS enabled: private KeyID range [32, 64)\n".encode()


def test_without_a_board_the_order_is_told_in_common_names() -> None:
    found = diagnose(read_log(b"SEAM_RR bit: 0 (expected value: 1)\n", "t"))
    assert found.deciding is not None
    assert found.deciding.outcome.causes[0].to_do == SET_UP_THE_BIOS
