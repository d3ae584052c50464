# SPDX-License-Identifier: Apache-2.0
"""Fleets against machines: `make equal`. Prints what was compared; 1 where something differs."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tdxctl import Platform
from tdxctl.fleet.arrow import hosts_schema
from tdxctl.fleet.descriptions import row_of
from tdxctl.fleet.evaluate import evaluate
from tdxctl.fleet.setups import References
from tdxctl.linux.releases import KERNELS, RELEASE_OF, KernelId, of_release
from tests.fleet.random_hosts import random_host
from tests.fleet.test_equal import differences, platform_of
from tests.linux import kvm_vectors, vectors

_AT_ONCE = 100
_PROFILES = ("v5", "v5-posted", "6.8", "6.14", "6.16", "6.18", "7.1", "7.2", "7.2+dynamic-pamt")
_KVM_PROFILES = ("6.16-kvm", "6.18-kvm", "7.1-kvm", "7.2-kvm")
_FAULTS = ("faults", "contig_fail", "kalloc_fail", "notifier_err", "msr87_fault")
_SHOWN = 5


def random_hosts(count: int, seed: int) -> list[str]:
    """count random hosts, spread over all kernels."""
    rng, references = random.Random(seed), References()
    found: list[str] = []
    done = 0
    while done < count:
        for kernel in KERNELS:
            rows = [random_host(rng, number) for number in range(_AT_ONCE)]
            found += differences(rows, [platform_of(row) for row in rows], kernel, references)
            done += len(rows)
    print(
        f"{done:,} random hosts under {len(KERNELS)} kernels, seed {seed}: {len(found)} differ; "
        f"{references.alone:,} of them were asked one by one"
    )
    return found


def golden_results() -> list[str]:
    """Every golden platform without a scripted fault: the machine's verdict, and the kernel's."""
    found: list[str] = []
    for profile in (*_PROFILES, *_KVM_PROFILES):
        kernel = of_release(RELEASE_OF[profile.removesuffix("-kvm")])
        references = References()
        cases = [
            case
            for case in vectors.results(profile).cases().values()
            if not any(case["input"].get(key) for key in _FAULTS)
        ]
        platforms = [Platform.from_dict(_description(case["input"], profile)) for case in cases]
        rows = [row_of(platform) for platform in platforms]
        here = differences(rows, platforms, kernel, references)
        told = 0
        if not profile.endswith("-kvm"):
            batch = pa.RecordBatch.from_pylist(rows, schema=hosts_schema())
            verdicts = evaluate(batch, [kernel], references=references).to_pylist()
            for case, said in zip(cases, verdicts, strict=True):
                for what in _against_kernel(case, said, kernel):
                    told += 1
                    here += what
        print(
            f"{profile}: {len(cases)} golden platforms without faults: {len(here)} differ; {told} "
            f"of them compared with the kernel's own result; {references.alone} asked one by one"
        )
        found += here
    return found


def _description(case: dict[str, Any], profile: str) -> dict[str, Any]:
    if profile.endswith("-kvm"):
        return kvm_vectors.description(case)
    return vectors.description(case, profile)


def _against_kernel(
    case: dict[str, Any], said: dict[str, Any], kernel: KernelId
) -> Iterator[list[str]]:
    # The status after the first bring-up, and the PAMTs of a run that initializes once; not where
    # KVM, which those runs know nothing of, would not have asked for it.
    operations = [name for name, *_ in case["input"]["ops"]]
    at_boot = kernel.release.engine == "v7_1"
    if operations[: 1 if at_boot else 2] != (["boot"] if at_boot else ["boot", "init"]):
        return
    if said["status"] == "UNINITIALIZED":
        return
    output = case["output"]
    wanted, had = output["ops"][0 if at_boot else 1]["status"], said["status"]
    if wanted == "INITIALIZED" and "update" not in operations:
        wanted, had = (wanted, output["pamt_bytes"]), (had, said["pamt_bytes"])
    yield [] if wanted == had else [f"{kernel.id} {case['input']['id']}: {wanted} != {had}"]


def main() -> int:
    """Compare; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asked = parser.parse_args()
    found = [*golden_results(), *random_hosts(asked.hosts, asked.seed)]
    for difference in found[:_SHOWN]:
        print(difference)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
