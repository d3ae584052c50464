# SPDX-License-Identifier: Apache-2.0
"""Which release takes over from which at run time: all pairs, each by updating a machine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tdxctl import Machine, Platform
from tdxctl.causes import SeamcallFailed, UpdateCpuNotSigned, UpdateHandoff
from tdxctl.errors import NotModelledError
from tdxctl.events import Failure
from tdxctl.linux import updates
from tdxctl.seam import releases

_EMERALD_RAPIDS, _GRANITE_RAPIDS = "emerald-rapids", "granite-rapids"
KERNEL = "2026-06"


def _machine(version: str, cpu: str) -> Machine:
    return Machine.boot(
        Platform.from_dict(
            {
                "cpus": {"madt": [{"apic_id": 0}], "model": cpu},
                "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
                "module": {"version": version},
            }
        ),
        kernel=KERNEL,
    )


def _outcome(running: str, asked: str) -> str:
    cpu = _GRANITE_RAPIDS if running.startswith("2.") else _EMERALD_RAPIDS
    try:
        result = _machine(running, cpu).update_module(asked)
    except NotModelledError:
        return "?"
    return "ok" if result.failure is None else result.failure.cause.id


# A column for each release, in order: 1.0; 1.5.01, 05, 06, 08, 09, 13, 16, 20, 24, 25, 28, 34;
# 2.0.02, 04, 05, 08, 12, 14, 16, 18.
COLUMNS = (
    *("1.0", "1.5.01", "1.5.05", "1.5.06", "1.5.08", "1.5.09", "1.5.13", "1.5.16", "1.5.20"),
    *("1.5.24", "1.5.25", "1.5.28", "1.5.34", "2.0.02", "2.0.04", "2.0.05", "2.0.08", "2.0.12"),
    *("2.0.14", "2.0.16", "2.0.18"),
)
# i: initializes on no kernel that updates. L: another line. S: a lower security version. M: older
# than the new release can be put on. ?: the security versions are not both known. Else it works.
MEANING = {
    "i": "update-not-initialized",
    "L": "update-across-lines",
    "S": "update-svn-lower",
    "M": "update-from-too-old",
    "?": "?",
    ".": "ok",
}
UPDATES = {
    "1.0": "i iiiiiiiiiiii iiiiiiii",
    "1.5.01": "i iiiiiiiiiiii iiiiiiii",
    "1.5.05": "L S........... LLLLLLLL",
    "1.5.06": "L SS.......... LLLLLLLL",
    "1.5.08": "L SSS......... LLLLLLLL",
    "1.5.09": "L SSSS........ LLLLLLLL",
    "1.5.13": "L SSSSS....... LLLLLLLL",
    "1.5.16": "L SSSSSS...... LLLLLLLL",
    "1.5.20": "L SSSSSSS..... LLLLLLLL",
    "1.5.24": "L SSSSSSSS.... LLLLLLLL",
    "1.5.25": "L SSSSSSSS.... LLLLLLLL",
    "1.5.28": "L SSSSSSSSSS.. LLLLLLLL",
    "1.5.34": "L SSSSSSSSSSS. LLLLLLLL",
    "2.0.02": "L LLLLLLLLLLLL .MMMMMMM",
    "2.0.04": "L LLLLLLLLLLLL S....???",
    "2.0.05": "L LLLLLLLLLLLL S....???",
    "2.0.08": "L LLLLLLLLLLLL SSS..???",
    "2.0.12": "L LLLLLLLLLLLL SSSS.???",
    "2.0.14": "L LLLLLLLLLLLL ?????.??",
    "2.0.16": "L LLLLLLLLLLLL ??????.?",
    "2.0.18": "L LLLLLLLLLLLL ???????.",
}


@pytest.mark.parametrize("running", UPDATES)
def test_what_takes_over_from_a_release(running: str) -> None:
    """Expect the outcome of every update from it, on a CPU that its line is for."""
    outcomes = [MEANING[letter] for letter in UPDATES[running].replace(" ", "")]
    assert {asked: _outcome(running, asked) for asked in COLUMNS} == dict(
        zip(COLUMNS, outcomes, strict=True)
    )


def test_a_release_that_is_not_signed_for_the_cpu_is_refused_by_p_seamldr() -> None:
    """1.5.05 cannot be on a Granite Rapids, and 1.5.06 is refused there: SEAMLDR_EUNSUPCPU."""
    result = _machine("1.5.05", _GRANITE_RAPIDS).update_module("1.5.06")
    assert result.failure is not None
    assert result.failure.cause == UpdateCpuNotSigned(
        leaf=0x8000000000000001,
        cpu=0,
        status=0x8000000000010004,
        asked="1.5.06",
        family=6,
        model=0xAD,
    )


def test_where_the_list_of_cpus_is_not_known_any_will_do() -> None:
    assert _machine("1.5.25", _GRANITE_RAPIDS).update_module("1.5.28").returned == 0


def test_who_does_not_look_at_the_table_is_refused_by_p_seamldr() -> None:
    """2.0.08 on 1.5.25: the security versions' majors are 3 and 1, SEAMLDR_EUNSUPPORTED."""
    result = _machine("1.5.25", _EMERALD_RAPIDS).update_module("2.0.08", force=True)
    assert result.failure is not None
    assert (result.returned, result.failure.status) == (-5, 0x8000000000000006)


def test_the_minimum_is_of_the_table_and_not_of_p_seamldr() -> None:
    """2.0.04 on 2.0.02: nothing in the images says no."""
    result = _machine("2.0.02", _GRANITE_RAPIDS).update_module("2.0.04", force=True)
    assert result.returned == 0


def test_a_handoff_version_that_the_new_image_does_not_take() -> None:
    """1.5.25 hands over version 1; an image of its security version takes 0 alone."""
    asked = replace(
        releases.release("1.5.25"),
        version="1.5.24",
        profile=replace(releases.release("1.5.25").profile, module_hv=0),
    )
    call = SeamcallFailed(0x8000000000000001, 0, 0x8000000000000004)
    failure = updates.explained(
        Failure("update-install", call, "EIO", "EIO"),
        releases.release("1.5.25"),
        asked,
        (6, 0xCF),
    )
    assert failure is not None
    assert failure.cause == UpdateHandoff(
        0x8000000000000001, 0, 0x8000000000000004, "1.5.25", 1, "1.5.24", 0
    )
