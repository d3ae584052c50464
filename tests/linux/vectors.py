# SPDX-License-Identifier: Apache-2.0
"""Golden results of the real kernel code, and how a vector's input becomes a description."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tdxctl import Machine, Platform
from tdxctl.errnos import Errno
from tdxctl.events import Event, LogLine, OpResult, Seamcall, StepEvent, TdmrRow, TraceEvent, Wbinvd
from tdxctl.linux.releases import KernelId
from tests.golden import Golden


def results(profile: str) -> Golden:
    """The golden results of one profile."""
    return Golden(f"host/{profile}", profile)


def load(profile: str) -> list[dict[str, Any]]:
    """The cases of one profile."""
    return list(results(profile).cases().values())


def description(case: dict[str, Any], kernel: str) -> dict[str, Any]:
    """The platform description of a vector's input; relies on none of tdxctl's defaults."""
    # Only what v5's detection reads: the module answers SEAMCALLs all the same, where a real one
    # would raise #GP. For other kernels both are described as enabled.
    seamrr = "enabled"
    if kernel.startswith("v5") and not case.get("seamrr_cap", 1):
        seamrr = "absent"
    elif kernel.startswith("v5") and not case.get("seamrr_enabled", 1):
        seamrr = "disabled"
    version, build = case.get("version", [1, 5, 24]), case.get("build", [0x8086, 20211209, 160])
    pamt = case.get("pamt", [16, 16, 16])
    sysinfo_cmr_num = case.get("sysinfo_cmr_num", -1)
    return {
        "name": case["id"],
        "cpus": {
            "model": {"family": 6, "model": case.get("model", 0xAD)},
            "features": {
                "mtrr": bool(case.get("mtrr", 1)),
                "vmx": bool(case.get("vmx", 1)),
                "xsave": bool(case.get("xsave", 1)),
                "movdir64b": bool(case.get("movdir64b", 1)),
                "self_snoop": bool(case.get("selfsnoop", 1)),
            },
            "madt": [{"apic_id": apic, "package": package} for apic, package, _ in case["cpus"]],
            "online": ",".join(str(i) for i, cpu in enumerate(case["cpus"]) if cpu[2]),
            "disabled_cpus": case.get("disabled_cpus", 0),
        },
        "memory": {
            "ranges": [{"start": a, "end": b, "node": node} for a, b, node in case["mem"]],
            "reserved": [{"start": a, "end": b} for a, b in case.get("reserved", [])],
            "cmrs": [{"base": base, "size": size} for base, size in case["cmrs"]],
        },
        "firmware": {
            "seamrr": seamrr,
            "mktme_keyids": case.get("mktme", 15),
            "tdx_keyids": case.get("tdxkeys", 48),
        },
        "module": {
            "loaded": bool(case.get("module", 1)),
            "version": ".".join(map(str, version)),
            "vendor_id": build[0],
            "build_date": build[1],
            "build_num": build[2],
            "features": case.get("features0", 1 << 18),
            "num_cpuid_config": case.get("num_cpuid_config", 0),
            "max_tdmrs": case.get("max_tdmrs", 64),
            "max_reserved_per_tdmr": case.get("max_rsvd", 16),
            "pamt_entry_size": dict(zip(("4k", "2m", "1g"), pamt, strict=True)),
            "pamt_page_bitmap_entry_bits": case.get("bitmap_bits", 1),
            "sysinfo_cmr_entries": 32 if sysinfo_cmr_num < 0 else sysinfo_cmr_num,
            "checks": "strict" if case.get("checks", 1) else "lax",
        },
        "kernel": {"hibernation": bool(case.get("hibernation", 0))},
        "faults": list(_faults(case)),
    }


def _faults(case: dict[str, Any]) -> Any:
    for fault in case.get("faults", []):
        # Leaf 1 in a fault is P-SEAMLDR INSTALL.
        leaf = "SEAMLDR.INSTALL" if fault["leaf"] == 1 else fault["leaf"]
        entry = {"leaf": leaf, "status": fault["code"]}
        entry |= {"call": fault["nth"], "times": fault["times"]}
        yield entry | ({"cpu": fault["cpu"]} if "cpu" in fault else {})
    if case.get("contig_fail"):
        yield {"allocation": "pamt", "call": case["contig_fail"]}
    if case.get("kalloc_fail"):
        yield {"allocation": "kernel", "call": case["kalloc_fail"]}
    if case.get("notifier_err"):
        yield {"boot": "memory_notifier", "errno": case["notifier_err"]}
    if case.get("msr87_fault"):
        yield {"msr": 0x87, "fault": True}


def run(case: dict[str, Any], kernel: str | KernelId) -> dict[str, Any]:
    """What tdxctl makes of a vector's input, in the form of its output."""
    name = kernel if isinstance(kernel, str) else kernel.release.id
    machine = Machine.boot(Platform.from_dict(description(case, name)), kernel=kernel)
    ops = []
    last = machine.boot_result
    since_boot = list(last.trace)
    for name, *arguments in case["ops"]:
        if name == "kexec":
            # "the syscore shutdown of the running kernel; `boot` after it = the next kernel"
            # [linux-releases 9]: here one operation does both.
            old, last = _parts(machine, last.status)
            since_boot = list(last.trace)
            ops.append(op(name, old, machine))
            continue
        if name != "boot":
            last = operation(machine, name, arguments)
            since_boot += last.trace
        result = last
        ops.append(op(name, result, machine))
    # null and [] if an update left the kernel not initialised.
    updated = any(name == "update" for name, *_ in case["ops"])
    lost = updated and machine.status != "INITIALIZED"
    return {"ops": ops, **whole_run(machine, since_boot, lost=lost)}


def whole_run(
    machine: Machine, since_boot: list[TraceEvent], *, lost: bool = False
) -> dict[str, Any]:
    """What an output has of the whole run; lost: an update left the module not initialized."""
    pamt_bytes = 0 if lost else machine.pamt_bytes
    return {
        "tdmrs": [] if lost else [_tdmr(row) for row in machine.tdmrs],
        "nr_tdmrs": 0 if lost else len(machine.tdmrs),
        "pamt_bytes": pamt_bytes,
        "pamt_kb": pamt_bytes >> 10,
        "pamt_pages": pamt_bytes >> 12,
        "live": _live(machine, since_boot),
    }


def _parts(machine: Machine, before: str) -> tuple[OpResult, OpResult]:
    # What the old kernel does at its end, and what the new one does at its boot.
    kexec = machine.kexec()
    first = next(
        (i for i, event in enumerate(kexec.events) if not _is_of_the_end(event)), len(kexec.events)
    )
    failure = machine.summary().boot_failure
    returned = 0 if failure is None or failure.errno is None else -Errno[failure.errno]
    return (
        replace(kexec, status=before, events=kexec.events[:first]),
        replace(kexec, returned=returned, status=machine.status, events=kexec.events[first:]),
    )


def _is_of_the_end(event: Event) -> bool:
    disable = isinstance(event, Seamcall) and event.leaf == 69
    told = isinstance(event, LogLine) and "TDH.SYS.DISABLE" in event.text
    return disable or told or isinstance(event, Wbinvd)


def op(name: str, result: OpResult, machine: Machine) -> dict[str, Any]:
    """What an operation did, in the form of an output."""
    trace = [event.to_dict() for event in result.trace]
    entry: dict[str, Any] = {
        "op": name,
        "ret": result.returned,
        "status": result.status,
        "log": [_log_line(line) for line in result.log],
        "trace": [event for event in trace if event["ev"] != "movdir64b"],
    }
    stores = sum(int(str(event["stores"])) for event in trace if event["ev"] == "movdir64b")
    if stores:
        entry["movdir64b"] = stores
    if name == "mem_online":
        # Always 0: the verdict is `notify`.
        verdict = {0: "NOTIFY_OK", -1: "NOTIFY_BAD"}[result.returned]
        entry |= {"ret": 0, "notify": verdict}
        if machine.kernel_id.id.startswith("v5"):
            entry["notify"] = "no_notifier"
    if name == "update":
        stages = [e for e in result.events if isinstance(e, StepEvent)]
        last = (
            stages[-1].name.removeprefix("update-").replace("-", "_").replace("run", "run_update")
        )
        entry["update_stage"] = "done" if result.returned == 0 else last
    if name == "init" and machine.kernel_id.release.engine == "v7_1":
        entry["ret"] = 0  # it is no call there
    return entry


def _live(machine: Machine, trace: list[TraceEvent]) -> dict[str, int]:
    # A leak check.
    live = machine.still_allocated
    return {
        "contig": _chunks_not_freed(trace),
        "pages_exact": live.get("the TDMR array", 0),
        "kmalloc": live.get("the memory list", 0) + live.get("the PAMT refcounts", 0),
    }


def _chunks_not_freed(trace: list[TraceEvent]) -> int:
    kinds = [event.to_dict() for event in trace]
    got = sum(int(str(e.get("n", 1))) for e in kinds if e.get("base") and "nid" in e)
    return got - sum(int(str(e.get("n", 1))) for e in kinds if e["ev"] == "free_contig_range")


def golden(output: dict[str, Any]) -> dict[str, Any]:
    """A vector's output, reduced to what run() gives."""
    keys = ("op", "ret", "status", "log", "trace", "movdir64b", "notify", "update_stage")
    return {
        "ops": [{key: op[key] for key in keys if key in op} for op in output["ops"]],
        "tdmrs": output["tdmrs"],
        "nr_tdmrs": output["nr_tdmrs"],
        "pamt_bytes": output["pamt_bytes"],
        "pamt_kb": output["pamt_kb"],
        "pamt_pages": output["pamt_pages"],
        "live": output["live"],
    }


def operation(machine: Machine, name: str, arguments: list[int]) -> OpResult:
    """An operation of an input, done to machine."""
    match name:
        case "init":
            return machine.tdx_init()
        case "cpu_online":
            return machine.cpu_online(*arguments)
        case "cpu_offline":
            return machine.cpu_offline(*arguments)
        case "mem_online":
            return machine.memory_online(*arguments)
        case "module":
            return machine.load_module() if arguments[0] else machine.unload_module()
        case "enable":
            return machine.tdx_enable()
        case "clear_faults":
            return machine.clear_faults()
        case "update":
            return machine.update_module(force=True)
        case _:
            raise AssertionError(f"unknown operation {name}")


def _log_line(line: Any) -> list[str]:
    return [line.level, line.text] + ([] if line.newline else ["no_newline"])


def _tdmr(row: TdmrRow) -> dict[str, Any]:
    return {
        "base": hex(row.base),
        "size": hex(row.size),
        "pamt_4k": [hex(row.pamt_4k.base), hex(row.pamt_4k.size)],
        "pamt_2m": [hex(row.pamt_2m.base), hex(row.pamt_2m.size)],
        "pamt_1g": [hex(row.pamt_1g.base), hex(row.pamt_1g.size)],
        "reserved": [[hex(offset), hex(size)] for offset, size in row.reserved],
    }
