# SPDX-License-Identifier: Apache-2.0
"""The last value that a key takes, and what is said of the first that it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl import Platform
from tdxctl.errors import DescriptionError

MIB, GIB = 1 << 20, 1 << 30


def _described(path: str, value: object) -> dict[str, Any]:
    # A description of four CPUs and 1 GiB with that value in one place.
    described: dict[str, Any] = {
        "cpus": {"madt": [{"apic_id": "0-3"}]},
        "memory": {"ranges": [{"start": "1MiB", "end": "1GiB"}]},
    }
    *folders, last = path.split(".")
    at = described
    for name in folders:
        at = at.setdefault(name, {})
    at[last] = value
    return described


@pytest.mark.parametrize(
    ("path", "taken", "refused", "why"),
    [
        ("cpus.model", {"family": 255, "model": 255}, {"family": 256, "model": 1}, "at most 255"),
        ("cpus.model", {"family": 0, "model": 0}, {"family": 6, "model": -1}, "at least 0"),
        ("module.sysinfo_cmr_entries", 0, -1, "at least 0"),
        ("module.sysinfo_cmr_entries", 32, 33, "at most 32"),
        ("module.max_tdmrs", 1, 0, "at least 1"),
        ("module.max_reserved_per_tdmr", 65535, 65536, "at most 65535"),
        ("module.features", "0x" + "f" * 16, "0x1" + "0" * 16, "at most 0xffffffffffffffff"),
        ("module.features", ["no_rbp_mod"], "NO_RBP_MOD", "a number or a list of feature names"),
        ("module.features", 0, True, "must be a number or a list of feature names"),
        ("module.features", 1, 1.5, "must be a number or a list of feature names"),
        ("module.features", [], ["RBP"], "is not the name of a feature"),
        ("firmware.tdx_keyids", "0x20", "9" * 200, "is too long for a number"),
        (
            "cpus.cpuid",
            [{"leaf": 7, "subleaf": 0, "register": "ebx", "value": 1}],
            [{"leaf": 0x40000000, "register": "ebx", "value": 1}],
            "is not a CPUID leaf that the TDX module looks at",
        ),
        (
            "memory.ranges",
            [{"start": "4GiB", "end": (1 << 52) - 32 * MIB}],
            [{"start": "4GiB", "end": (1 << 52) - 31 * MIB}],
            "leaves no room behind it for the SEAM range",
        ),
        (
            "firmware.seamrr_range",
            {"base": (1 << 52) - GIB, "size": GIB},
            {"base": (1 << 52) - GIB, "size": GIB + 32 * MIB},
            "makes the range end beyond 2^52",
        ),
    ],
)
def test_the_last_value_is_taken_and_the_next_one_is_not(
    path: str, taken: object, refused: object, why: str
) -> None:
    Platform.from_dict(_described(path, taken))
    with pytest.raises(DescriptionError) as error:
        Platform.from_dict(_described(path, refused))
    assert why in str(error.value)


def test_null_stands_for_a_seam_range_that_is_not_given_and_for_no_other_record() -> None:
    """Expect the 32 MiB behind the last memory, which ends at 1 GiB."""
    given = Platform.from_dict(_described("firmware.seamrr_range", None)).firmware.seamrr_range
    assert given is not None
    assert (given.base, given.size) == (1 * GIB, 32 * MIB)
    with pytest.raises(DescriptionError, match=r"kernel: must be a mapping \(got null\)"):
        Platform.from_dict(_described("kernel", None))
