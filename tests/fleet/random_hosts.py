# SPDX-License-Identifier: Apache-2.0
"""Random hosts: anything that a description may say, the odd far oftener than a fleet has it."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.layout.test_batch import random_memory

PAGE, MIB, GIB = 1 << 12, 1 << 20, 1 << 30
_ONE = {"package": 0, "cpus": 2, "online": 2, "not_enabled": 0}
_CPUS: list[list[dict[str, int]] | None] = [
    None,
    [_ONE],
    [_ONE, _ONE | {"package": 1}],
    [_ONE, {"package": 1, "cpus": 3, "online": 1, "not_enabled": 0}],
    [_ONE | {"not_enabled": 2}],
    [_ONE | {"package": 9}],
    [{"package": 0, "cpus": 700, "online": 700, "not_enabled": 0}],
]
_SETTINGS: list[dict[str, Any]] = [
    {"module": {"max_tdmrs": 3}},
    {"module": {"max_reserved_per_tdmr": 3}},
    {"module": {"max_reserved_per_tdmr": 1}},
    {"module": {"pamt_entry_size": {"4k": 32, "2m": 32, "1g": 32}}},
    {"module": {"pamt_entry_size": {"4k": 16, "2m": 8, "1g": 64}}},
    {"module": {"pamt_page_bitmap_entry_bits": 2}},
    {"module": {"loaded": False}},
    {"module": {"checks": "lax"}},
    {"module": {"features": 0}},
    {"module": {"max_vcpus_per_td": 1}},
    {"module": {"attributes_fixed0": "0x0"}},
    {"cpus": {"features": {"movdir64b": False}}},
    {"cpus": {"features": {"vmx": False}}},
    {"cpus": {"features": {"mtrr": False}}},
    {"cpus": {"disabled_cpus": 1}},
    {"kernel": {"hibernation": True}},
    {"kernel": {"tdx_host": False}},
    {"kvm": {"apicv": False}},
    {"kvm": {"enable_virt_at_load": False}},
    {"firmware": {"keyid_bits": 12}},
    {"faults": [{"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_KEY_GENERATION_FAILED"}]},
    {"firmware": {"msrs": [{"msr": "IA32_TME_CAPABILITY", "value": 0}]}},
]


def random_host(rng: random.Random, number: int) -> dict[str, Any]:
    """A row of hosts that is right."""
    while True:
        ranges, reserved, cmrs = random_memory(rng)
        # What leaves no room for the SEAM range is no description.
        if ranges and ranges[-1][1] <= (1 << 52) - (1 << 26):
            break
    row: dict[str, Any] = {
        "host": f"host-{number}",
        "memory": [{"start": a, "end": b, "node": node} for a, b, node in ranges],
        "reserved": [{"start": a, "end": b} for a, b in reserved if b > a] or None,
        "cmrs": _cmrs(rng, cmrs),
        "cpus": rng.choice(_CPUS[:3]) if rng.random() < 0.8 else rng.choice(_CPUS),
    }
    if rng.random() < 0.2:
        row["mktme_keyids"] = rng.choice([0, 15, 2000])
        row["tdx_keyids"] = rng.choice([0, 1, 2, 48])
    if rng.random() < 0.1:
        row["seamrr"] = rng.choice(["absent", "disabled"])
    if rng.random() < 0.3:
        row["module"] = rng.choice(["1.0", "1.5.01", "1.5.05", "1.5.16", "2.0.08"])
    if rng.random() < 0.1:
        row["kvm"] = False
    if rng.random() < 0.2:
        row["cpu_model"] = rng.choice(["sapphire-rapids", "emerald-rapids"])
    if rng.random() < 0.4:
        row["settings"] = json.dumps(rng.choice(_SETTINGS))
    return row


def _cmrs(rng: random.Random, of_memory: list[tuple[int, int]]) -> list[dict[str, int]] | None:
    if rng.random() < 0.5 or len(of_memory) > 32:
        return None
    cmrs = [{"base": low, "size": high - low} for low, high in of_memory]
    if rng.random() < 0.3 and len(cmrs) > 1:
        del cmrs[rng.randrange(len(cmrs))]
    if rng.random() < 0.1 and cmrs:
        # Two that touch, in place of one.
        first = cmrs[0]
        half = first["size"] // 2 // PAGE * PAGE
        if half:
            cmrs[:1] = [
                {"base": first["base"], "size": half},
                {"base": first["base"] + half, "size": first["size"] - half},
            ]
    if rng.random() < 0.05:
        rng.shuffle(cmrs)
    if rng.random() < 0.05:
        cmrs.append({"base": 0, "size": 0})
    return cmrs[:32]
