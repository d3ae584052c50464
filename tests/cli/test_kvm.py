# SPDX-License-Identifier: Apache-2.0
"""What becomes of the host, through the command line: init, plan, kvm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import tdxctl

DOES_NOT_LOAD = "kvm_intel does not load: no virtual machine starts on this host"
NO_CAPACITY = (
    "loaded with tdx=Y and no capacity: TDs cannot be created, and unloading kvm_intel crashes the "
    "kernel"
)


@pytest.mark.parametrize(
    ("platform", "kernel", "code", "host"),
    [
        ("small", "6.16", 0, "ready to run 31 TDs"),
        ("small", "7.2", 0, "ready to run 31 TDs"),
        ("seamrr-off", "6.18", 1, DOES_NOT_LOAD),
        ("seamrr-off", "7.2", 1, "TDX off, KVM works"),
        ("no-module", "6.18", 1, "TDX off, KVM works"),
        ("small --set module.attributes_fixed1=1", "6.16", 1, NO_CAPACITY),
        ("small --set module.attributes_fixed1=1", "6.17.4", 1, DOES_NOT_LOAD),
        ("small --set kvm.ept=false", "7.2", 1, "TDX off, KVM works"),
        ("small --set kvm.tdx=false", "6.18", 1, "TDX off, KVM works"),
        ("small --set module.max_vcpus_per_td=3", "7.2", 1, DOES_NOT_LOAD),
    ],
)
def test_init_says_what_the_host_is_left_with(
    platform: str, kernel: str, code: int, host: str
) -> None:
    """Expect exit 0 only where TDs can run."""
    done = tdxctl("init", "--once", "--kernel", kernel, "--platform", *platform.split())
    assert [line for line in done.stdout.splitlines() if line.startswith("host:")] == [
        f"host:  {host}"
    ]
    assert done.returncode == code


@pytest.mark.parametrize("kernel", ["v5", "6.8", "6.14"])
def test_before_6_16_init_knows_no_host(kernel: str) -> None:
    """Expect null in JSON, as no KVM of mainline asks for TDX there."""
    done = tdxctl("init", "--once", "--platform", "small", "--kernel", kernel, "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["host"]) == (0, None)


def test_the_host_in_json() -> None:
    """Expect the verdict's word, the errno of the load, and what the bring-up returned."""
    done = tdxctl(
        *("init", "--once", "--platform", "small", "--kernel", "7.2", "--format", "json"),
        *("--set", "module.max_vcpus_per_td=3"),
    )
    found = json.loads(done.stdout)
    assert found["host"] == {
        "verdict": "kvm-does-not-load",
        "tds": 0,
        "errno": "EINVAL",
        "text": DOES_NOT_LOAD,
        "hint": "load kvm_intel with tdx=0: other virtual machines start then",
    }
    assert (found["returned"], found["status"]) == (0, "INITIALIZED")
    assert found["failure"]["cause"] == "too-many-cpus-for-td"


def test_plan_refuses_more_cpus_than_a_td_may_have() -> None:
    """Expect yes for 960 CPUs on 6.14, which has no KVM to ask, and no on 6.16 and later."""
    done = tdxctl(
        *("plan", "--platform", "8s-64t", "--format", "json"),
        *("--kernel", "6.14", "--kernel", "6.16", "--kernel", "7.2"),
    )
    kernels = json.loads(done.stdout)["plan"]["kernels"]
    assert [kernel["host"] and kernel["host"]["verdict"] for kernel in kernels] == [
        *(None, "kvm-does-not-load", "kvm-does-not-load")
    ]
    assert [kernel["initializes"] for kernel in kernels] == [True, True, True]
    assert done.returncode == 1


def test_kvm_is_loaded_and_unloaded(tmp_path: Path) -> None:
    """Expect a refusal that is no failure, a second load that is one, and a load without TDX."""

    def m(*arguments: str) -> tuple[int, str]:
        done = tdxctl(*arguments, environment={"TDXCTL_STATE": str(tmp_path)})
        return done.returncode, done.stdout

    m("boot", "--platform", "small", "--kernel", "6.18", "--set", "kvm.apicv=false")
    code, text = m("kvm", "load")
    assert (code, text.splitlines()[:3]) == (
        0,
        [
            "small: kvm load: ok, status UNINITIALIZED",
            "  kvm_intel: APICv is required for TDX",
            "host:  TDX off, KVM works",
        ],
    )
    assert m("kvm", "load")[0] == 1
    assert m("kvm", "unload") == (0, "small: kvm unload: ok, status UNINITIALIZED\n")
    assert m("kvm", "load", "--tdx", "0")[0] == 0
    assert m("kvm", "unload", "--tdx", "0")[0] == 2
