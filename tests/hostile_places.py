# SPDX-License-Identifier: Apache-2.0
"""Every place where text that a user or a file gives can reach what tdxctl writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.capture import acpi_tables as acpi

Arguments = list[str]


@dataclass(frozen=True, slots=True)
class Place:
    """A command line that carries a text: files that it needs are made in the folder.

    made returns None where the text cannot stand there. documents: the format of standard output.
    """

    made: Callable[[Path, str], Arguments | None]
    document: str = "text"
    environment: Callable[[str], dict[str, str]] | None = None


_CPUS: dict[str, Any] = {"madt": [{"apic_id": "0-1"}]}
_MEMORY: dict[str, Any] = {"ranges": [{"start": 0x100000, "end": "4GiB"}]}
_ONE_KEYID = {"mktme_keyids": 0, "tdx_keyids": 1}


def _description(**more: object) -> dict[str, object]:
    return {"name": "x", "cpus": _CPUS, "memory": _MEMORY} | more


def _file(folder: Path, name: str, content: str | bytes) -> str | None:
    # None where no file can have that name.
    path = folder / name
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    try:
        path.write_bytes(content)
    except (OSError, ValueError):
        return None
    return str(path)


def _described(make: Callable[[str], object], *words: str) -> Callable[[Path, str], Arguments]:
    # words, with the description that make gives for the text as their last.
    def made(folder: Path, text: str) -> Arguments:
        path = folder / "x.json"
        path.write_text(json.dumps(make(text)))
        return [*words, str(path)]

    return made


def _raw(name: str, before: str, after: str, *words: str) -> Callable[[Path, str], Arguments]:
    # words, and a file in which the text stands as it is.
    def made(folder: Path, text: str) -> Arguments:
        path = folder / name
        path.write_bytes(f"{before}{text}{after}".encode("utf-8", "surrogatepass"))
        return [*words, str(path)]

    return made


def _named(suffix: str, content: str, *words: str) -> Callable[[Path, str], Arguments | None]:
    # words, and a file that has the text as its name, in the folder that is worked in.
    def made(folder: Path, text: str) -> Arguments | None:
        return None if _file(folder, text + suffix, content) is None else [*words, text + suffix]

    return made


def _word(*words: str) -> Callable[[Path, str], Arguments | None]:
    # A command line in which {} is the text.
    def made(_: Path, text: str) -> Arguments | None:
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
        return [word.replace("{}", text) for word in words]

    return made


def _scenario(change: Callable[[str], dict[str, object]], output_format: str) -> Place:
    def made(folder: Path, text: str) -> Arguments:
        step = {"init": 1, "expect": {"status": "ERROR"}}
        found = {"schema": "tdxctl.scenario/1", "platform": "small", "steps": [step]}
        path = folder / "x.json"
        path.write_text(json.dumps(found | change(text)))
        return ["test", str(path), "--format", output_format]

    return Place(made, output_format)


def _script(make: Callable[[str], list[object]]) -> Place:
    return Place(_described(make, "seamcall"))


def _beside(folder: Path, text: str) -> Arguments | None:
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "x.yaml").write_text(_A_SCENARIO)
    made = _file(folder / "scenarios", f"{text}.json", json.dumps(_description()))
    return None if made is None else ["test", "scenarios"]


def _table(folder: Path, text: str) -> Arguments:
    table = bytearray(acpi.madt([acpi.lapic(0, 0)]))
    table[10:24] = text.encode("utf-8", "surrogatepass")[:14].ljust(14)
    table[9] = (table[9] - sum(table)) & 0xFF
    path = folder / "apic"
    path.write_bytes(table)
    return ["capture", "--acpi", str(path)]


_CHANGES: dict[str, Callable[[str], dict[str, object]]] = {
    "name": lambda s: {"name": s},
    "description": lambda s: {"description": s},
    "set-key": lambda s: {"set": {s: 1}},
    "set-value": lambda s: {"set": {"description": s}},
    "set-number": lambda s: {"set": {"module.max_tdmrs": s}},
    "matrix-key": lambda s: {"matrix": {s: [1, 2]}},
    "matrix-value": lambda s: {"matrix": {"description": [s, "y"]}},
    "kernel": lambda s: {"kernel": s},
    "matrix-kernel": lambda s: {"matrix": {"kernel": [s]}},
    "platform": lambda s: {"platform": s},
    "inline": lambda s: {"platform": _description(**{s: 1})},
    "waiver": lambda s: {"expect_failure": s},
    "log": lambda s: {"steps": [{"init": 1, "expect": {"log": s}}]},
    "no-log": lambda s: {"steps": [{"init": 1, "expect": {"no_log": [s, "TDX"]}}]},
    "calls": lambda s: {"steps": [{"init": 1, "expect": {"calls": {s: 1}}}]},
    "on": lambda s: {"steps": [{"init": 1, "expect_on": {s: {"returned": 0}}}]},
    "operation": lambda s: {"steps": [{s: 1}]},
    "module": lambda s: {"steps": [{"module": s}]},
    "cpus": lambda s: {"steps": [{"cpu_offline": s}]},
}
_STEP = "steps: [{init: 1, expect: {status: ERROR}}]\n"
_A_SCENARIO = f"schema: tdxctl.scenario/1\nplatform: small\n{_STEP}"
_LOG = "[    0.000000] Linux version 6.8.0\n[    0.000000] Command line: ro\n"
_ONCE = ("init", "--once", "--platform")
_SMALL = ("init", "--once", "--platform", "small")

PLACES: dict[str, Place] = {
    # Descriptions: keys and values.
    "key": Place(_described(lambda s: _description(**{s: 1}), "validate")),
    "key-json": Place(
        _described(lambda s: _description(**{s: 1}), "validate", "--format", "json"), "json"
    ),
    "key-below": Place(_described(lambda s: _description(firmware={s: 1}), "validate")),
    "key-of-a-fault": Place(_described(lambda s: _description(faults=[{s: 1}]), "validate")),
    "value-name": Place(_described(lambda s: _description(name=s), "validate")),
    "value-number": Place(
        _described(lambda s: _description(firmware={"tdx_keyids": s}), "validate")
    ),
    "value-cpus": Place(
        _described(lambda s: _description(cpus={"madt": [{"apic_id": s}]}), "plan", "--platform")
    ),
    "value-version": Place(_described(lambda s: _description(module={"version": s}), "validate")),
    "value-features": Place(
        _described(lambda s: _description(module={"features": [s]}), "validate")
    ),
    "value-leaf": Place(
        _described(lambda s: _description(faults=[{"leaf": s, "status": s}]), "validate")
    ),
    "value-description": Place(_described(lambda s: _description(description=s), *_ONCE)),
    "value-description-json": Place(
        _described(
            lambda s: _description(description=s),
            "init",
            "--once",
            "--format",
            "json",
            "--platform",
        ),
        "json",
    ),
    "value-description-failing": Place(
        _described(lambda s: _description(description=s, firmware=_ONE_KEYID), *_ONCE)
    ),
    "description-plan": Place(
        _described(lambda s: _description(description=s), "plan", "--platform")
    ),
    "description-map": Place(
        _described(lambda s: _description(description=s), "map", "--platform")
    ),
    "description-svg": Place(
        _described(lambda s: _description(description=s), "map", "--format", "svg", "--platform"),
        "xml",
    ),
    "description-html": Place(
        _described(lambda s: _description(description=s), "html", "--platform"), "html"
    ),
    "description-scenario": Place(
        _described(lambda s: _description(description=s), "scenario", "new", "--platform"), "yaml"
    ),
    "yaml-key": Place(_raw("x.yaml", "", ": 1\n", "validate")),
    "yaml-value": Place(_raw("x.yaml", "name: ", "\n", "validate")),
    "yaml-anchor": Place(_raw("x.yaml", "a: *", "\n", "validate")),
    "yaml-tag": Place(_raw("x.yaml", "a: !", " 1\n", "validate")),
    "yaml-quoted": Place(_raw("x.yaml", 'a: "', '"\n', "validate")),
    "json-raw": Place(_raw("x.json", '{"a', '": 1}', "validate")),
    "json-bare": Place(_raw("x.json", '{"a": ', "}", "validate")),
    # Names of files.
    "file": Place(_named(".yaml", "x: 1\n", "validate")),
    "file-valid": Place(_named(".json", json.dumps(_description()), "validate")),
    "file-without-a-name": Place(
        _named(".json", json.dumps(_description() | {"name": None}), "validate")
    ),
    "file-missing": Place(_word("validate", "{}.yaml")),
    "file-of-a-scenario": Place(_named(".yaml", _A_SCENARIO, "test")),
    "file-of-a-scenario-junit": Place(
        _named(".yaml", _A_SCENARIO, "test", "--format", "junit"), "junit"
    ),
    "file-of-a-scenario-ktap": Place(
        _named(".yaml", _A_SCENARIO, "test", "--format", "ktap"), "ktap"
    ),
    "file-of-a-scenario-github": Place(
        _named(".yaml", _A_SCENARIO, "test", "--format", "github"), "github"
    ),
    "file-of-a-wrong-scenario": Place(_named(".yaml", _A_SCENARIO + "x: 1\n", "test")),
    "file-beside-a-scenario": Place(_beside),
    "file-of-a-log": Place(_named(".log", "", "diagnose")),
    "file-of-a-script": Place(_named(".yaml", "- {leaf: x}\n", "seamcall")),
    "file-of-an-unknown-leaf": Place(_named(".yaml", "- {leaf: 99}\n", "seamcall")),
    "file-written": Place(_word("html", "--platform", "small", "-o", "{}")),
    "folder-missing": Place(_word("test", "{}")),
    # Words of the command line.
    "command": Place(_word("{}")),
    "option": Place(_word("init", "--{}")),
    "option-value": Place(_word("init", "--once={}")),
    "extra": Place(_word("status", "{}")),
    "format": Place(_word("init", "--format", "{}")),
    "platform": Place(_word("init", "--once", "--platform", "{}")),
    "kernel": Place(_word("init", "--once", "--platform", "small", "--kernel", "{}")),
    "kernel-json": Place(_word(*_SMALL, "--format", "json", "--kernel", "{}"), "json"),
    "machine": Place(_word("status", "--machine", "{}")),
    "forget": Place(_word("forget", "{}")),
    "machines": Place(_word("machines", "{}")),
    "set": Place(_word(*_SMALL, "--set", "{}")),
    "set-path": Place(_word(*_SMALL, "--set", "{}=1")),
    "set-path-below": Place(_word(*_SMALL, "--set", "memory.{}=1")),
    "set-path-in-a-list": Place(_word(*_SMALL, "--set", "memory.ranges.{}=1")),
    "set-value": Place(_word(*_SMALL, "--set", "firmware.tdx_keyids={}")),
    "set-name": Place(_word(*_SMALL, "--set", "name={}")),
    "set-description": Place(_word(*_SMALL, "--set", "description={}")),
    "set-of-a-scenario": Place(
        _word("scenario", "new", "--platform", "small", "--set", "description={}"), "yaml"
    ),
    "callers": Place(_word(*_SMALL, "--callers", "{}")),
    "expression": Place(_word("test", "tests/scenarios/healthy.yaml", "-k", "{}")),
    "jobs": Place(_word("test", "-j", "{}", "x")),
    "explain": Place(_word("explain", "{}")),
    "explain-a-line": Place(_word("explain", "tdx: {}")),
    "explain-a-status": Place(_word("explain", "tdx: SEAMCALL failed: {}")),
    "explain-json": Place(_word("explain", "--format", "json", "{}"), "json"),
    "cpu": Place(_word("cpu", "online", "{}")),
    "cpu-verb": Place(_word("cpu", "{}", "1")),
    "memory": Place(_word("memory", "online", "{}")),
    "fault": Place(_word("fault", "set", "{}")),
    "fault-key": Place(_word("fault", "set", "{}=1")),
    "fault-value": Place(_word("fault", "set", "leaf={}", "status={}")),
    "version": Place(_word("module", "update", "--version", "{}")),
    "image": Place(_word("module", "update", "--image", "{}")),
    "pamt": Place(_word("pamt", "alloc", "{}")),
    "more-memory": Place(_word("plan", "--platform", "small", "--add-memory", "{}")),
    "schema": Place(_word("schema", "{}")),
    "shell": Place(_word("completion", "{}")),
    "platforms": Place(_word("platforms", "{}")),
    "capture-name": Place(_word("capture", "--dmesg", "tests/data/boot.log", "--name", "{}")),
    "capture-description": Place(
        _word("capture", "--dmesg", "tests/data/boot.log", "--description", "{}"), "yaml"
    ),
    "capture-source": Place(
        _word("capture", "--dmesg", "tests/data/boot.log", "--source", "{}"), "yaml"
    ),
    "capture-file": Place(_word("capture", "--acpi", "{}")),
    "capture-folder": Place(_word("capture", "--sysfs", "{}")),
    # The environment.
    "state": Place(_word("machines"), environment=lambda s: {"TDXCTL_STATE": s}),
    "wait": Place(_word("boot", "--platform", "small"), environment=lambda s: {"TDXCTL_WAIT": s}),
    "machine-variable": Place(_word("status"), environment=lambda s: {"TDXCTL_MACHINE": s}),
    "format-variable": Place(_word("status"), environment=lambda s: {"TDXCTL_STATUS_FORMAT": s}),
    "kernel-variable": Place(_word(*_SMALL), environment=lambda s: {"TDXCTL_INIT_KERNEL": s}),
    # Scenarios.
    **{f"scenario-{name}": _scenario(change, "text") for name, change in _CHANGES.items()},
    **{
        f"scenario-{name}-{output_format}": _scenario(_CHANGES[name], output_format)
        for name in ("matrix-value", "waiver", "log", "set-key", "name")
        for output_format in ("json", "jsonl", "junit", "ktap", "github", "gitlab", "sarif")
    },
    # Scripts of SEAMCALLs.
    "script-leaf": _script(lambda s: [{"leaf": s}]),
    "script-key": _script(lambda s: [{"leaf": 33, s: 1}]),
    "script-table": _script(lambda s: [{"tdmr": s}]),
    "script-tables": _script(lambda s: [{"leaf": 45, "tdmrs": [s]}]),
    "script-data": _script(lambda s: [{"write": 0, "data": s}]),
    "script-expect": _script(lambda s: [{"leaf": 33, "expect": s}]),
    "script-fault": _script(lambda s: [{"fault": s}]),
    "script-lines": Place(_raw("x.jsonl", '{"leaf": "', '"}', "seamcall")),
    # Logs, tables and other files of a host.
    **{
        f"log-{name}{'-'.join(words)}": Place(
            _raw("x.log", _LOG + before, "\n", "diagnose", *words),
            "json" if "json" in words else "text",
        )
        for words in ((), ("--verbose",), ("--short",), ("--format", "json"))
        for name, before in {
            "line": "",
            "tdx": "[    1.0] tdx: ",
            "virt": "[    1.0] virt/tdx: initialization failed: ",
            "kvm": "[    1.0] kvm_intel: TDX ",
            "parameter": "[    0.0] Command line: tdx=",
            "parameters": "[    0.0] Kernel command line: kvm_intel.tdx=1 ",
            "version": "[    0.0] Linux version ",
            "seamcall": "[    1.0] tdx: SEAMCALL failed: leaf 33, error 0x8000020300000000 ",
        }.items()
    },
    "log-captured": Place(_raw("x.log", _LOG + "[    0.0] ", "\n", "capture", "--dmesg"), "yaml"),
    "log-version": Place(
        _raw("x.log", "[    0.0] Linux version ", "\n", "capture", "--dmesg"), "yaml"
    ),
    "iomem": Place(
        _raw(
            "x", "00001000-0009ffff : System RAM\n00100000-001fffff : ", "\n", "capture", "--iomem"
        ),
        "yaml",
    ),
    "iomem-numbers": Place(_raw("x", "", " : System RAM\n", "capture", "--iomem"), "yaml"),
    "report": Place(
        _raw("x", "### Kernel version\n\n```\n", "\n```\n", "capture", "--system-report"), "yaml"
    ),
    "report-numbers": Place(
        _raw(
            "x",
            "### Model specific registers (MSRs)\n\n```\nNUM_TDX_PRIV_KEYS: ",
            "\n```\n",
            "capture",
            "--system-report",
        ),
        "yaml",
    ),
    "acpidump": Place(_raw("x", "APIC @ ", "\n    0000: 41\n", "capture", "--acpi"), "yaml"),
    "table-ids": Place(_table, "yaml"),
}
