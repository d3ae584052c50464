# SPDX-License-Identifier: Apache-2.0
"""Golden results of Intel's module code, and how a vector is played on the fake module."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from typing import Any

from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.conditions import GlobalLock
from tdxctl.seam.environment import EVERY_SUBLEAF, Environment
from tdxctl.seam.leaves import Leaf
from tests.golden import FOLDER, Golden

HALTED = 0x8000FF00FFFF0000
_OUTPUTS = ("rcx", "rdx", "r8", "r9", "r10", "r11")


def results(name: str) -> Golden:
    """The golden results of one file."""
    return Golden(f"module/{name}", name)


def names() -> list[str]:
    """The files there are."""
    return sorted(
        path.name.removesuffix(".jsonl.gz") for path in (FOLDER / "module").glob("*.jsonl.gz")
    )


def platforms() -> list[str]:
    """The releases whose tables of checks there are."""
    files = (FOLDER / "module").glob("*-platform.json.gz")
    return sorted(path.name.removesuffix("-platform.json.gz") for path in files)


def platform_table(version: str) -> dict[str, Any]:
    """What SYS.INIT and LP.INIT of a release check, and the platform that passes."""
    data = (FOLDER / "module" / f"{version}-platform.json.gz").read_bytes()
    table: dict[str, Any] = json.loads(gzip.decompress(data))
    return table


def load(name: str) -> list[dict[str, Any]]:
    """The cases of one file."""
    return list(results(name).cases().values())


def number(value: int | str) -> int:
    """A number, or its hex text."""
    return int(value, 16) if isinstance(value, str) else value


def module_of(platform: dict[str, Any], version: str) -> TdxModule:
    """The module of a vector's platform."""
    lps = platform.get("addressable_lps", platform["lps"])
    per_package = -(-lps // platform["pkgs"])
    ids = platform.get("x2apic", [(i // per_package) << 7 | i % per_package for i in range(lps)])
    return TdxModule(
        ModulePlatform(
            lps=platform["lps"],
            packages=platform["pkgs"],
            keyid_bits=platform["keyid_bits"],
            mktme_keyids=platform["num_mktme_kids"],
            tdx_keyids=platform["num_tdx_kids"],
            cmrs=[(number(base), number(size)) for base, size in platform["cmrs"]],
            seamrr=(number(platform["seamrr"][0]), number(platform["seamrr"][1])),
            x2apic_ids=[number(i) for i in ids],
            module_hv=platform.get("module_hv", 0),
            min_update_hv=platform.get("min_update_hv", 0),
            no_downgrade=platform.get("no_downgrade", 0),
            num_handoff_pages=platform.get("num_handoff_pages", 13),
        ),
        version=version,
        environment=Environment(
            without_integrity=bool(platform.get("tdx_without_integrity")),
        ),
    )


def write_tdmrs(module: TdxModule, keyid_bits: int, step: dict[str, Any]) -> None:
    """The pointer array and the TDMR_INFOs of a step, HKID bits of addresses removed."""
    mask = (1 << (52 - keyid_bits)) - 1
    array_pa = number(step["array_pa"]) & mask
    for i, pointer in enumerate(step["entry_pas"]):
        module.memory.write(array_pa + 8 * i, struct.pack("<Q", number(pointer)))
    for pointer, tdmr in zip(step["entry_pas"], step["tdmrs"], strict=False):
        words = [tdmr["base"], tdmr["size"], *tdmr["pamt_1g"], *tdmr["pamt_2m"], *tdmr["pamt_4k"]]
        words += [word for area in tdmr["rsvd"] for word in area]
        data = struct.pack(f"<{len(words)}Q", *map(number, words))
        module.memory.write(number(pointer) & mask, data.ljust(512, b"\0"))


def call_of(step: dict[str, Any]) -> Registers:
    """The input registers of a call step; absent inputs are 0."""
    leaf = step["leaf"]
    rax = number(step["fn_raw"]) if "fn_raw" in step else leaf
    if isinstance(rax, str):
        rax = int(rax) if rax.isdigit() else Leaf.parse(rax)
    return Registers(rax, *(number(step.get(register, 0)) for register in _OUTPUTS))


def differences(case: dict[str, Any], version: str) -> Iterator[str]:
    """What differs when a scenario is played, a line each."""
    module = module_of(case["platform"], version)
    for fault in case["platform"].get("faults", []):
        yield from _operate(module, case["platform"]["keyid_bits"], fault)
    for i, step in enumerate(case["steps"]):
        halted = step.get("state", {}).get("halted", False)
        if "leaf" in step:
            yield from (f"step {i} {step['leaf']}: {text}" for text in _call(module, step, halted))
        else:
            yield from _operate(module, case["platform"]["keyid_bits"], step)
        if not halted:
            yield from (f"step {i}: {text}" for text in _state(module, step["state"]))


def _call(module: TdxModule, step: dict[str, Any], halted: bool) -> Iterator[str]:
    call = call_of(step)
    if "repeat" in step:
        results: list[list[Any]] = []
        for _ in range(step["repeat"]):
            out = module.seamcall(step["cpu"], call)
            if results and (results[-1][1], results[-1][2]) == (out.rax, out.rdx):
                results[-1][0] += 1
            else:
                results.append([1, out.rax, out.rdx])
        golden = [[count, number(status), number(rdx)] for count, status, _, rdx in step["results"]]
        if results != golden:
            yield f"{results} != {golden}"
        return
    out = module.seamcall(step["cpu"], call)
    if out.rax != number(step["status"]):
        yield f"status {out.rax:#x}, not {step['status']}"
        return
    if halted or out.rax == HALTED:
        return
    changed = {
        register: hex(getattr(out, register))
        for register in _OUTPUTS
        if getattr(out, register) != getattr(call, register)
    }
    if changed != step.get("regs_changed", {}):
        yield f"registers {changed}, not {step.get('regs_changed', {})}"


def _operate(  # noqa: PLR0912  # a branch for each operation of the vectors
    module: TdxModule, keyid_bits: int, step: dict[str, Any]
) -> Iterator[str]:
    conditions = module.conditions
    match step["op"]:
        case "write_tdmrs":
            write_tdmrs(module, keyid_bits, step)
        case "pconfig":
            conditions.pconfig += step["codes"]
        case "rdrand_fail":
            conditions.rdrand_failures = number(step["count"])
        case "hold_global_lock":
            conditions.global_lock = GlobalLock(step["mode"])
        case "hold_tdmr_lock":
            (conditions.locked_tdmrs.add if step["on"] else conditions.locked_tdmrs.discard)(
                step["tdmr"]
            )
        case "lp_busy":
            (conditions.busy_lps.add if step["on"] else conditions.busy_lps.discard)(step["cpu"])
        case "new_module":
            module.install()
        case "handoff_header":
            handoff = module.handoff
            handoff.valid, handoff.hv, handoff.size = step["valid"], step["hv"], step["size"]
        case "set_msr":
            module.environment.set_msr(_lp(step), number(step["msr"]), number(step["value"]))
        case "set_cpuid":
            module.environment.set_cpuid(
                _lp(step),
                number(step["leaf_id"]),
                number(step.get("subleaf", EVERY_SUBLEAF)),
                step["reg"],
                number(step["value"]),
            )
        case "seamops_caps":
            module.environment.set_seamops(_lp(step), number(step["caps"]))
        case "read_mem":
            data = module.memory.read(number(step["pa"]), step["len"]).hex()
            if data != step["data"]:
                yield f"memory at {step['pa']}: {data} != {step['data']}"
        case other:
            raise AssertionError(f"unknown operation {other}")


def _lp(step: dict[str, Any]) -> int | None:
    # -1, and no cpu at all, is every LP.
    cpu: int = step.get("cpu", -1)
    return None if cpu < 0 else cpu


def _state(module: TdxModule, golden: dict[str, Any]) -> Iterator[str]:
    state = module.state
    found: dict[str, Any] = {
        "sys_state": module.sys_state,
        "init_lps": len(state.initialized_lps),
        "lp_init_mask": hex(sum(1 << lp for lp in state.initialized_lps)),
        "init_pkgs": state.initialized_packages,
        "pkg_config_bitmap": hex(state.package_config_bitmap),
        "num_tdmrs": len(state.tdmrs),
        "global_hkid": state.global_hkid,
    }
    if state.tdmrs:
        found["tdmr_next"] = [hex(tdmr.next) for tdmr in state.tdmrs]
    if found != golden:
        yield f"state {found}, not {golden}"
