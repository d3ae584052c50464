# SPDX-License-Identifier: Apache-2.0
"""Golden results of the real kernel code with the load of kvm_intel as the caller."""

from __future__ import annotations

from typing import Any

from tdxctl import Machine, Platform
from tdxctl.events import OpResult
from tests.golden import Golden
from tests.linux import vectors

#: What a description calls the facts of KVM.
_KVM = {
    "tdx": 1,
    "ept": 1,
    "tdp_mmu": 1,
    "mmio_caching": 1,
    "ept_ad": 1,
    "apicv": 1,
    "osxsave": 1,
    "enable_virt_at_load": 1,
}
_SAMPLE = {
    "attributes_fixed0": 0x8000000070010001,
    "attributes_fixed1": 0,
    "xfam_fixed0": 0x6DBE7,
    "xfam_fixed1": 3,
}


def results(release: str) -> Golden:
    """The golden results of one release."""
    return Golden(f"host/{release}-kvm", f"{release}-kvm")


def description(case: dict[str, Any]) -> dict[str, Any]:
    """The platform description of a vector's input; relies on none of tdxctl's defaults."""
    described = vectors.description(case, "6.16")
    # Here 0 means that every SEAMCALL raises #GP.
    if not case.get("seamrr_cap", 1):
        described["firmware"]["seamrr"] = "absent"
    elif not case.get("seamrr_enabled", 1):
        described["firmware"]["seamrr"] = "disabled"
    kvm = case.get("kvm", {})
    described["kvm"] = {name: bool(kvm.get(name, value)) for name, value in _KVM.items()}
    described["kvm"] |= {"xcr0": kvm.get("xcr0", 0x602E7), "xss": kvm.get("xss", 0)}
    # -1: the module has no such field.
    vcpus = case.get("max_vcpus_per_td", 576)
    described["module"]["max_vcpus_per_td"] = None if vcpus < 0 else vcpus
    described["module"] |= {name: case.get(name, value) for name, value in _SAMPLE.items()}
    return described


def run(case: dict[str, Any], release: str) -> dict[str, Any]:
    """What tdxctl makes of a vector's input, in the form of its output."""
    fixed = "+kvm-refusals-fail" if case.get("kvm", {}).get("stable_fix") else ""
    machine = Machine.boot(Platform.from_dict(description(case)), kernel=release + fixed)
    ops = []
    since_boot = list(machine.boot_result.trace)
    for name, *arguments in case["ops"]:
        result = machine.boot_result
        if name != "boot":
            result = _operation(machine, name, arguments)
            since_boot += result.trace
        ops.append(_op(name, result, machine))
    return {"ops": ops, **vectors.whole_run(machine, since_boot)}


def golden(output: dict[str, Any]) -> dict[str, Any]:
    """A vector's output, reduced to what run() gives."""
    known = vectors.golden(output)
    for op, given in zip(known["ops"], output["ops"], strict=True):
        keys = ("loaded", "enable_tdx", "misc_capacity", "bug")
        op |= {key: given[key] for key in keys if key in given}
    return known


def _operation(machine: Machine, name: str, arguments: list[int]) -> OpResult:
    match name:
        case "kvm_load":
            return machine.kvm_load(*(bool(tdx) for tdx in arguments))
        case "kvm_unload":
            return machine.kvm_unload()
        case "td":
            return _tds(machine, *arguments)
        case _:
            return vectors.operation(machine, name, arguments)


def _tds(machine: Machine, wanted: int) -> OpResult:
    # From now on so many guest KeyIDs are in use.
    while machine.guest_keyid("free").returned == 0:
        pass
    for _ in range(wanted):
        assert machine.guest_keyid("alloc").returned == 0
    return OpResult("td", 0, machine.status, ())


def _op(name: str, result: OpResult, machine: Machine) -> dict[str, Any]:
    op = vectors.op(name, result, machine)
    assert machine.kvm is not None
    if any(line.level == "BUG" for line in result.log):
        # There is no return then, and of kvm_intel only the capacity is told.
        return op | {"ret": None, "misc_capacity": machine.kvm.capacity, "bug": 1}
    return op | {
        "loaded": int(machine.kvm.loaded),
        "enable_tdx": {True: "Y", False: "N", None: None}[machine.kvm.tdx],
        "misc_capacity": machine.kvm.capacity,
    }
