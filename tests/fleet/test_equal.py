# SPDX-License-Identifier: Apache-2.0
"""The law of fleets: what a machine says of a host, its row says, under every kernel."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest

from tdxctl import Platform
from tdxctl.fleet.arrow import hosts_schema
from tdxctl.fleet.descriptions import row_of
from tdxctl.fleet.evaluate import evaluate
from tdxctl.fleet.setups import References
from tdxctl.linux.releases import KERNELS, KernelId
from tests.cli.runner import ROOT
from tests.fleet.random_hosts import random_host
from tests.fleet.reference import verdict

#: Hosts of each kernel, in a run of the suite; `make equal` asks 20,000.
HOSTS = 16


def platform_of(row: dict[str, Any]) -> Platform:
    """The description of a row, written as a person would."""
    import json

    cpus, apic_id, cpu = row.get("cpus") or [{"package": 0, "cpus": 1, "online": 1}], 0, 0
    madt: list[dict[str, Any]] = []
    online: list[int] = []
    for entry in cpus:
        for each in range(entry["cpus"]):
            madt.append({"apic_id": apic_id, "package": entry["package"]})
            if each < entry["online"]:
                online.append(cpu)
            apic_id, cpu = apic_id + 1, cpu + 1
        for _ in range(entry.get("not_enabled", 0)):
            madt.append({"apic_id": apic_id, "package": entry["package"], "enabled": False})
            apic_id += 1
    description: dict[str, Any] = {
        "name": row["host"],
        "cpus": {"madt": madt, "online": ",".join(map(str, online))},
        "memory": {
            "ranges": row["memory"],
            "reserved": row.get("reserved") or [],
            "cmrs": "auto" if row.get("cmrs") is None else row["cmrs"],
        },
        "firmware": {},
        "module": {},
        "kvm": {},
    }
    for column, record, key in (
        ("cpu_model", "cpus", "model"),
        ("mktme_keyids", "firmware", "mktme_keyids"),
        ("tdx_keyids", "firmware", "tdx_keyids"),
        ("seamrr", "firmware", "seamrr"),
        ("module", "module", "version"),
        ("kvm", "kvm", "tdx"),
    ):
        if row.get(column) is not None:
            description[record][key] = row[column]
    for key, value in json.loads(row.get("settings") or "{}").items():
        description[key] = description.get(key, {}) | value if isinstance(value, dict) else value
    return Platform.from_dict(description)


def differences(
    rows: list[dict[str, Any]], platforms: list[Platform], kernel: KernelId, references: References
) -> list[str]:
    """Where a row's verdict is not its machine's, in words."""
    batch = pa.RecordBatch.from_pylist(rows, schema=hosts_schema())
    found = []
    verdicts = evaluate(batch, [kernel], references=references).to_pylist()
    for row, platform, said in zip(rows, platforms, verdicts, strict=True):
        wanted = verdict(platform, kernel) | {"error": None, "host": row["host"]}
        had = {column: said[column] for column in wanted}
        if wanted != had:
            differing = {c: (wanted[c], had[c]) for c in wanted if wanted[c] != had[c]}
            found.append(f"{kernel.id}: {row}: (machine, row) {differing}")
    return found


def test_random_hosts_are_what_their_machines_are() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng, references = random.Random(seed), References()
    for kernel in KERNELS:
        rows = [random_host(rng, number) for number in range(HOSTS)]
        platforms = [platform_of(row) for row in rows]
        assert differences(rows, platforms, kernel, references) == []


@pytest.mark.parametrize("kernel", ["v5", "7.2+dynamic-pamt"])
def test_shipped_platforms_are_what_their_machines_are(kernel: str) -> None:
    platforms = [Platform.load(path) for path in sorted((ROOT / "platforms").glob("*.yaml"))]
    rows = [row_of(platform) for platform in platforms]
    (known,) = (each for each in KERNELS if each.id == kernel)
    assert len(rows) > 10
    assert differences(rows, platforms, known, References()) == []


@pytest.mark.parametrize(
    ("kernel", "status", "initializes"),
    [("v5", "INITIALIZED", True), ("v5-posted", "SHUTDOWN", False)],
)
def test_a_tdmr_of_512_gib_overflows_the_posted_series_pamt_size_in_a_fleet_too(
    kernel: str, status: str, initializes: bool
) -> None:
    """Expect the host [1 MiB, 2 GiB) and [4 GiB, 516 GiB) to differ between the two."""
    ranges = [
        {"start": "1MiB", "size": "2047MiB", "node": 0},
        {"start": "4GiB", "size": "512GiB", "node": 0},
    ]
    described = {
        "cpus": {"madt": [{"apic_id": "0-3"}]},
        "memory": {"ranges": ranges},
    }
    hosts = pa.RecordBatch.from_pylist([row_of(Platform.from_dict(described))], hosts_schema())
    (known,) = (each for each in KERNELS if each.id == kernel)
    (row,) = evaluate(hosts, [known]).to_pylist()
    assert (row["status"], row["initializes"]) == (status, initializes)
