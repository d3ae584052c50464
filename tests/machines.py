# SPDX-License-Identifier: Apache-2.0
"""Small described machines for tests."""

from __future__ import annotations

from typing import Any

from tdxctl import Machine, Platform
from tdxctl.units import SZ_1G

#: Two packages of two CPUs, 31 GiB on node 0 and 32 GiB on node 1 above 4 GiB.
SMALL: dict[str, Any] = {
    "name": "small",
    "cpus": {"madt": [{"apic_id": "0-1", "package": 0}, {"apic_id": "128-129", "package": 1}]},
    "memory": {
        "ranges": [
            {"start": 0x1000, "end": 0x9F000, "node": 0},
            {"start": "1MiB", "end": "1952MiB", "node": 0},
            {"start": "4GiB", "end": "35GiB", "node": 0},
            {"start": "35GiB", "end": "67GiB", "node": 1},
        ]
    },
}


def small(**sections: Any) -> Platform:
    """SMALL with sections merged into its own, one level deep."""
    description = {**SMALL}
    for key, value in sections.items():
        both = isinstance(value, dict) and isinstance(description.get(key), dict)
        description[key] = {**description[key], **value} if both else value
    return Platform.from_dict(description)


def booted(kernel: str = "v5", **sections: Any) -> Machine:
    """A booted small machine."""
    return Machine.boot(small(**sections), kernel=kernel)


def of_size(gib: int) -> Platform:
    """One CPU and one range of gib GiB above 4 GiB."""
    return Platform.from_dict(
        {
            "cpus": {"madt": [{"apic_id": 0}]},
            "memory": {"ranges": [{"start": "4GiB", "end": 4 * SZ_1G + gib * SZ_1G}]},
            "firmware": {"seamrr_range": {"base": 0x7A000000, "size": "32MiB"}},
        }
    )
