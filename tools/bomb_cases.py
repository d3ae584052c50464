# SPDX-License-Identifier: Apache-2.0
"""Small inputs that ask for much, and large ones that are nothing but large, for each reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

_MIB = 1 << 20
_SMALL = "cpus: {madt: [{apic_id: 0}]}\nmemory: {ranges: [{start: 0, size: 4GiB}]}\n"
_SCENARIO = "schema: tdxctl.scenario/1\n"


@dataclass(frozen=True, slots=True)
class Bomb:
    """An input, and which reader it is for."""

    reader: str
    make: Callable[[], bytes]
    suffix: str = ".yaml"


def _large(name: str) -> bytes:
    from tests.capture.targets import TARGETS

    return TARGETS[name].large(4 * _MIB)


def _madt(entries: int, apic_id: str) -> Callable[[], bytes]:
    lines = f"    - {{apic_id: {apic_id}}}\n" * entries
    return f"cpus:\n  madt:\n{lines}memory: {{ranges: []}}\n".encode


def _list(section: str, key: str, entry: str, size: int) -> Callable[[], bytes]:
    lines = f"    - {entry}\n" * (size // (len(entry) + 7))
    return (_SMALL.replace(f"{section}:", "x:") + f"{section}:\n  {key}:\n{lines}").encode


def _platform_and(text: str) -> Callable[[], bytes]:
    return (_SMALL + text).encode


def _json(value: object) -> Callable[[], bytes]:
    return lambda: json.dumps(value).encode()


def _aliases() -> bytes:
    nested = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    nested += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    return "\n".join(nested).encode()


def _scenario_of(steps: str, more: str = "", platform: str = "small") -> Callable[[], bytes]:
    return f"{_SCENARIO}platform: {platform}\n{more}steps:\n{steps}".encode


_BIG = "{cpus: {madt: [{apic_id: 0-8191}]}, memory: {ranges: [{start: 0, size: 1TiB}]}}"
_STEP = "  - cpu_offline: 1-8191\n"
_MATRIX = "matrix: {firmware.tdx_keyids: [" + ",".join(map(str, range(1, 1001))) + "]}\n"
_ORDERED = "\n".join(f"    - {{start: {2 * i}MiB, size: 1MiB}}" for i in range(4096))


# What the patterns of the log reader begin with, or go on with.
_SNIPPETS = (
    *("[    0.0] ", "kernel: ", "<6>", "[mem 0x", "BIOS-e820: [mem 0x0-", "ACPI: SRAT: Node 0 "),
    *("Command line: ", "tdx=", '"', "Linux version ", "smpboot: ", "node ", "TDX ", "virt/tdx: "),
    *("error 0x1 ", "1-", "1,", "KeyID range [", "Early memory node ranges", "CPU", ": ", "\t"),
)


def _line(snippet: str) -> bytes:
    head = "[    0.000000] Linux version 6.8.0\n[    1.000000] tdx: "
    return (head + snippet * (_MIB // len(snippet)) + "\n").encode()


def _lines(snippet: str) -> bytes:
    head = "[    0.000000] Linux version 6.8.0\n"
    line = f"[    1.000000] {snippet}1\n"
    return (head + line * (2 * _MIB // len(line))).encode()


def _logs() -> dict[str, Bomb]:
    many = b"[    0.0] BIOS-e820: [mem 0x%016x-0x%016x] usable\n"
    acpi = b"ACPI: LAPIC (acpi_id[0x00] lapic_id[0x00] enabled)\n"
    srat = b"[    0.0] ACPI: SRAT: Node 0 PXM 0 [mem 0x%08x-0x%08x]\n"
    return {
        **{
            f"log-of-{i:02}": Bomb("dmesg", partial(_line, snippet), ".log")
            for i, snippet in enumerate(_SNIPPETS)
        },
        **{
            f"log-lines-of-{i:02}": Bomb("dmesg", partial(_lines, snippet), ".log")
            for i, snippet in enumerate(_SNIPPETS)
        },
        "log-one-line": Bomb("dmesg", lambda: b"x" * 8 * _MIB, ".log"),
        "log-spaces": Bomb("dmesg", lambda: b" " * 4 * _MIB, ".log"),
        "log-brackets": Bomb("dmesg", lambda: b"[" * 4 * _MIB, ".log"),
        "log-digits": Bomb("dmesg", lambda: b"[ 1.000000] " + b"1" * 4 * _MIB, ".log"),
        "log-tdx": Bomb("dmesg", lambda: b"tdx: " * (4 * _MIB // 5), ".log"),
        "log-hex": Bomb("dmesg", lambda: b"0x" + b"f" * 4 * _MIB, ".log"),
        "log-newlines": Bomb("dmesg", lambda: b"\n" * 8 * _MIB, ".log"),
        "log-tdx-lines": Bomb(
            "dmesg", lambda: b"[1.0] tdx: SEAMCALL failed: leaf 1, error 0x1\n" * 80000
        ),
        "log-e820": Bomb(
            "dmesg",
            lambda: b"".join(many % (i << 21, (i << 21) + 0xFFFFF) for i in range(60000)),
            ".log",
        ),
        "log-srat": Bomb(
            "dmesg",
            lambda: b"".join(srat % (i << 21, (i << 21) + 0xFFFFF) for i in range(60000)),
            ".log",
        ),
        "log-lapic": Bomb("dmesg", lambda: acpi * 80000, ".log"),
        "log-parameters": Bomb(
            "dmesg",
            lambda: b"[    0.000000] Command line: " + b"kvm_intel.tdx=0 " * 200000 + b"\n",
            ".log",
        ),
        "iomem-deep": Bomb(
            "iomem",
            lambda: b"".join(b" " * (2 * i) + b"0-f : x\n" for i in range(2000)),
        ),
        "iomem-many": Bomb(
            "iomem",
            lambda: b"".join(
                b"%x-%x : System RAM\n" % (i << 13, (i << 13) | 0xFFF) for i in range(100000)
            ),
        ),
        "report-fences": Bomb("report", lambda: b"```\n" * _MIB),
        "report-headings": Bomb("report", lambda: b"### a\n" * 600000),
        "report-digits": Bomb(
            "report",
            lambda: (
                b"### Model specific registers (MSRs)\n\n```\nNUM_TDX_PRIV_KEYS: " + b"2" * _MIB
            ),
        ),
        "acpidump-spaces": Bomb("acpidump", lambda: b" " * 4 * _MIB),
        "acpidump-headers": Bomb("acpidump", lambda: b"APIC @ 0x0\n" * 300000),
        **{
            f"{name}-large": Bomb(name, partial(_large, name))
            for name in ("dmesg", "madt", "srat", "acpidump", "iomem", "report", "yaml")
        },
    }


# What the readers of what stands beside a log begin with, or go on with; in lines, and in one line.
_BESIDE = (
    *("rdmsr 0x1401", "rdmsr -a 0x1401", "rdmsr -f 11:11 ", "3ffe000c00", "MSR 0x87: 1f"),
    *("cat /sys/a", "==> /sys/a <==", "/sys/devices/system/cpu/online:0", "$ ", "uname -a"),
    *("BOOT_IMAGE=a", "Linux h 6.8.0 #1 x86_64", "Model name: x", "CPU(s): 1", "processor\t: 0"),
    *("flags\t: fpu", "NUMA node0 CPU(s): 0-8191", '"lscpu"', '"field": "a", "data": "b"'),
    *('"MESSAGE": "', '{"log":"', '{"msg":"', "\\n", '\\"', "&nbsp;", "=3D", "<li>", "**a**"),
    *("- `a`", "> APIC @ 0x0", "    0000: 41 50 49 43", "00000000  41 50 49 43", "__CURSOR=a"),
    *("Content-Transfer-Encoding: base64\n\n", "QUJD", "MESSAGE=tdx: x", "6,1,1,-;tdx: x"),
    *("virt/tdx: BIOS enabled: private KeyID range [1, 2)", "tdx: module initialized"),
)


def _beside(snippet: str, glue: str) -> bytes:
    # Lines are at least as long as short ones of a log.
    line = (snippet * (24 // len(snippet) + 1) if glue == "\n" else snippet) + glue
    return line.encode() * (_MIB // len(line))


def _inputs() -> dict[str, Bomb]:
    processor = "processor\t: %d\nvendor_id\t: GenuineIntel\nphysical id\t: 0\napicid\t: %d\n\n"
    topology = "/sys/devices/system/cpu/cpu%d/topology/physical_package_id:0\n"
    return {
        **{
            f"input-lines-of-{i:02}": Bomb("input", partial(_beside, snippet, "\n"))
            for i, snippet in enumerate(_BESIDE)
        },
        **{
            f"input-of-{i:02}": Bomb("input", partial(_beside, snippet, " "))
            for i, snippet in enumerate(_BESIDE)
        },
        "input-processors": Bomb(
            "input", lambda: "".join(processor % (i, i) for i in range(8192)).encode()
        ),
        "input-processors-many": Bomb(
            "input", lambda: "".join(processor % (i, i) for i in range(100000)).encode()
        ),
        "input-topology": Bomb(
            "input",
            (
                "/sys/devices/system/cpu/present:0-8191\n"
                + "".join(topology % i for i in range(8192))
            ).encode,
        ),
        "input-msrs-of-all": Bomb("input", lambda: b"rdmsr -a 0x87\n" + b"200000001f\n" * 300000),
        "input-files-at-once": Bomb("input", lambda: b"cat" + b" /sys/a" * 200000 + b"\n0\n" * 99),
        "input-boots": Bomb(
            "input",
            lambda: b"".join(
                b"[%d.%d] virt/tdx: BIOS enabled: private KeyID range [1, 2)\n" % (9 - i % 2 * 8, i)
                for i in range(40000)
            ),
        ),
        "input-large": Bomb("input", partial(_large, "input")),
        "archive-large": Bomb("archive", partial(_large, "archive")),
    }


BOMBS = {
    **_inputs(),
    "description-madt-1000": Bomb("description", _madt(1000, "0-8191")),
    "description-madt-8000": Bomb("description", _madt(8000, "0-8191")),
    "description-madt-stride": Bomb("description", _madt(8000, "0-16382:1/2")),
    "description-madt-strides": Bomb("description", _madt(8000, "0-4294967295:1/2")),
    "description-madt-commas": Bomb("description", _madt(1, ",".join(["0-8191"] * 100000))),
    "description-madt-long-list": Bomb("description", _madt(1, ",".join(map(str, range(1000000))))),
    "description-madt-one": Bomb("description", _madt(1, "0-8191")),
    "description-madt-each": Bomb(
        "description",
        (
            "cpus:\n  madt:\n"
            + "".join(f"    - {{apic_id: {i}}}\n" for i in range(8192))
            + "memory: {ranges: []}\n"
        ).encode,
    ),
    "description-online": Bomb(
        "description",
        lambda: (
            b"cpus: {madt: [{apic_id: 0}], online: '"
            + b"0-8191," * 100000
            + b"'}\nmemory: {ranges: []}\n"
        ),
    ),
    "description-aliases": Bomb("description", _aliases),
    "description-alias-of-madt": Bomb(
        "description",
        lambda: (
            b"cpus:\n  madt:\n    - &e {apic_id: 0-8191}\n"
            + b"    - *e\n" * 9000
            + b"memory: {ranges: []}\n"
        ),
    ),
    "description-features": Bomb(
        "description", _platform_and("module: {features: [" + "MD, " * 190000 + "MD]}\n")
    ),
    "description-unknown-keys": Bomb(
        "description", _platform_and("".join(f"key{i}: 1\n" for i in range(100000)))
    ),
    "description-long-key": Bomb("description", _platform_and("? " + "k" * 4 * _MIB + "\n: 1\n")),
    "description-unknown-in-entries": Bomb(
        "description", _list("memory", "ranges", "{start: 0, size: 1, nod: 1}", _MIB // 8)
    ),
    "description-bad-ranges": Bomb(
        "description", _list("memory", "ranges", "{start: 0, size: 1}", _MIB)
    ),
    "description-4096-bad-ranges": Bomb(
        "description", _list("memory", "ranges", "{start: 0, size: 1}", 4000 * 26)
    ),
    "description-ranges": Bomb(
        "description",
        f"cpus: {{madt: [{{apic_id: 0}}]}}\nmemory:\n  ranges:\n{_ORDERED}\n"
        "  cmrs: [{base: 0, size: 1TiB}]\n".encode,
    ),
    "description-text": Bomb(
        "description", _platform_and("description: '" + "x" * 7 * _MIB + "'\n")
    ),
    "description-leaf-name": Bomb(
        "description", _platform_and("faults: [{leaf: " + "TDH.SYS" * _MIB + ", status: GP}]\n")
    ),
    "description-leaf-names": Bomb(
        "description",
        _platform_and(
            "faults:\n"
            + "".join("  - {leaf: TDH.SYS.INIX, status: TDX_KEY_X}\n" for _ in range(4096))
        ),
    ),
    "description-msr-name": Bomb(
        "description",
        _platform_and("firmware: {msrs: [{msr: " + "IA32_" * _MIB + ", value: 1}]}\n"),
    ),
    "description-msr-names": Bomb(
        "description",
        _platform_and(
            "firmware:\n  msrs:\n" + "    - {msr: IA32_SEAMRR_PHYS_BAS, value: 1}\n" * 4096
        ),
    ),
    "description-cpu-faults": Bomb(
        "description", _platform_and("faults:\n" + "  - {leaf: 33, status: GP, cpu: 9}\n" * 4096)
    ),
    "description-cpuid": Bomb(
        "description", _list("cpus", "cpuid", "{leaf: 99, register: eax, value: 1}", 4096 * 40)
    ),
    "description-tags": Bomb("description", _platform_and("x: [" + "!!int 1, " * 190000 + "]\n")),
    "description-octals": Bomb("description", _platform_and("x: [" + "010, " * 190000 + "]\n")),
    "description-duplicates": Bomb("description", _platform_and("x: 1\n" * 190000)),
    "description-merge-keys": Bomb("description", _platform_and("<<: 1\n" * 190000)),
    "description-digits": Bomb("description", _platform_and("name: " + "9" * 4 * _MIB + "\n")),
    "description-hex": Bomb("description", _platform_and("name: 0x" + "f_" * 2 * _MIB + "\n")),
    "description-underscores": Bomb(
        "description", _platform_and("name: 1" + "_" * 4 * _MIB + "\n")
    ),
    "description-float": Bomb("description", _platform_and("name: 1." + "1" * 4 * _MIB + "\n")),
    "description-base-60": Bomb("description", _platform_and("name: 1" + ":1" * 2 * _MIB + "\n")),
    "description-date": Bomb(
        "description", _platform_and("name: 2001-01-01" + " " * 4 * _MIB + "\n")
    ),
    "yaml-flow-nesting": Bomb("description", lambda: b"[" * 8 * _MIB),
    "yaml-flow-mappings": Bomb("description", lambda: b"{a: " * 2 * _MIB),
    "yaml-block-nesting": Bomb("description", lambda: b"- " * 4 * _MIB),
    "yaml-indentation": Bomb(
        "description", lambda: b"".join(b" " * i + b"a:\n" for i in range(3000))
    ),
    "yaml-keys": Bomb("description", lambda: b"? " * 4 * _MIB),
    "yaml-anchors": Bomb("description", lambda: b"".join(b"- &a%d 1\n" % i for i in range(190000))),
    "yaml-comments": Bomb("description", lambda: b"#\n" * 4 * _MIB),
    "yaml-spaces": Bomb("description", lambda: b" " * 8 * _MIB),
    "yaml-newlines": Bomb("description", lambda: b"\n" * 8 * _MIB),
    "yaml-documents": Bomb("description", lambda: b"---\n" * 2 * _MIB),
    "yaml-open-quote": Bomb("description", lambda: b'"' + b"a\n" * (4 * _MIB - 1)),
    "yaml-escapes": Bomb("description", lambda: b'"' + b"\\x41" * (2 * _MIB - 1) + b'"'),
    "yaml-block-scalar": Bomb("description", lambda: b"a: |\n" + b" a\n" * 2 * _MIB),
    "yaml-many-values": Bomb("description", lambda: b"[" + b"a," * 3 * _MIB),
    "yaml-pairs": Bomb("description", lambda: b"[" + b"a: b," * _MIB + b"]"),
    "yaml-plain": Bomb("description", lambda: b"a\n" * 4 * _MIB),
    "yaml-directives": Bomb("description", lambda: b"%TAG !a! !b\n" * 300000),
    "yaml-tags": Bomb(
        "description",
        lambda: (
            b"".join(b"%%TAG !a%d! !b\n" % i for i in range(100000))
            + b"---\n"
            + b"- !a99999!x 1\n" * 50000
        ),
    ),
    "yaml-log": Bomb("description", lambda: b"[    1.000000] tdx: {\n" * 300000),
    "yaml-kernels": Bomb("description", lambda: b"kernel: " * _MIB),
    "json-nesting": Bomb("description", lambda: b"[" * 8 * _MIB, ".json"),
    "json-keys": Bomb("description", lambda: b'{"a":' * _MIB, ".json"),
    "json-values": Bomb("description", lambda: b"[" + b"1," * 3 * _MIB + b"1]", ".json"),
    "json-digits": Bomb("description", lambda: b"1" * 8 * _MIB, ".json"),
    "json-exponent": Bomb("description", lambda: b"1e" + b"9" * 7 * _MIB, ".json"),
    "json-string": Bomb("description", lambda: b'"' + b"\\u0041" * _MIB + b'"', ".json"),
    "json-lines": Bomb("description", lambda: b"\n" * 7 * _MIB + b"1", ".json"),
    "json-madt": Bomb(
        "description",
        _json({"cpus": {"madt": [{"apic_id": "0-8191"}] * 8000}, "memory": {"ranges": []}}),
        ".json",
    ),
    "json-objects": Bomb("description", lambda: b"[" + b"{}," * 199000 + b"{}]", ".json"),
    "json-duplicates": Bomb("description", lambda: b"{" + b'"a":1,' * 190000 + b'"a":1}', ".json"),
    "set-madt": Bomb("setting", lambda: b"cpus.madt=[" + b"{apic_id: 0-8191}," * 8000 + b"]"),
    "set-path": Bomb("setting", lambda: b"a." * 60000 + b"a=1"),
    "set-numbers": Bomb("setting", lambda: b"0." * 60000 + b"0=1"),
    "set-value": Bomb("setting", lambda: b"description=" + b"x" * 100000),
    "set-nesting": Bomb("setting", lambda: b"description=" + b"[" * 100000),
    "set-equals": Bomb("setting", lambda: b"=" * 100000),
    "fault-value": Bomb("fault", lambda: b"leaf=" + b"9" * 100000),
    "fault-nesting": Bomb("fault", lambda: b"leaf." * 20000 + b"leaf=1"),
    "expression-parentheses": Bomb("expression", lambda: b"(" * 120000),
    "expression-closed": Bomb("expression", lambda: b"(" * 60000 + b"a" + b")" * 60000),
    "expression-nots": Bomb("expression", lambda: b"not " * 30000 + b"a"),
    "expression-ors": Bomb("expression", lambda: b"a or " * 24000 + b"a"),
    "expression-ands": Bomb("expression", lambda: b"a and " * 20000 + b"a"),
    "expression-mixed": Bomb("expression", lambda: b"not (a or " * 12000 + b"a" + b")" * 12000),
    "scenario-matrix-of-large": Bomb("scenario", _scenario_of("  - init: 1\n", _MATRIX, _BIG)),
    "scenario-matrix-of-small": Bomb("scenario", _scenario_of("  - init: 1\n", _MATRIX)),
    "scenario-matrix-of-steps": Bomb("scenario", _scenario_of("  - init: 1\n" * 1000, _MATRIX)),
    "scenario-steps-of-cpus": Bomb("scenario", _scenario_of(_STEP * 1000, "", _BIG)),
    "scenario-kernels": Bomb(
        "scenario", _scenario_of(_STEP * 1000, f"kernel: [{', '.join(['v5'] * 1000)}]\n", _BIG)
    ),
    "scenario-matrix-product": Bomb(
        "scenario",
        _scenario_of(
            "  - init: 1\n", "matrix: {" + ", ".join(f"a{i}: [1, 2]" for i in range(10000)) + "}\n"
        ),
    ),
    "scenario-set": Bomb(
        "scenario",
        _scenario_of("  - init: 1\n", "set:\n" + "".join(f"  key{i}: 1\n" for i in range(30000))),
    ),
    "scenario-log-expectations": Bomb(
        "scenario", _scenario_of("  - init: 1\n    expect: {log: [" + "a, " * 190000 + "a]}\n")
    ),
    "scenario-calls": Bomb(
        "scenario",
        _scenario_of(
            "  - init: 1\n    expect: {calls: {"
            + ", ".join(f"{i}: 1" for i in range(90000))
            + "}}\n"
        ),
    ),
    "scenario-expect-on": Bomb(
        "scenario",
        _scenario_of(
            "  - init: 1\n    expect_on: {" + ", ".join(f"k{i}: {{}}" for i in range(50000)) + "}\n"
        ),
    ),
    "scenario-many-steps": Bomb("scenario", _scenario_of("  - init: 1\n" * 90000)),
    "script-unknown-tables": Bomb(
        "script",
        (
            "".join(f"- {{tdmr: table{i}}}\n" for i in range(500))
            + f"- {{leaf: 45, tdmrs: [{', '.join(['tabel'] * 4096)}]}}\n" * 20
        ).encode,
    ),
    "script-tables": Bomb(
        "script",
        ("- {tdmr: t}\n" + f"- {{leaf: 45, tdmrs: [{', '.join(['t'] * 4096)}]}}\n" * 40).encode,
    ),
    "script-many-tables": Bomb(
        "script",
        (
            "".join(f"- {{tdmr: table{i}}}\n" for i in range(999))
            + f"- {{leaf: 45, tdmrs: [{', '.join(['table998'] * 4096)}]}}\n"
        ).encode,
    ),
    "script-reserved": Bomb(
        "script",
        ("- {tdmr: t, reserved: [" + "{offset: 1, size: 1}, " * 60000 + "]}\n").encode,
    ),
    "script-entries": Bomb("script", lambda: b"- {leaf: 1}\n" * 60000),
    "script-bad-leaves": Bomb("script", lambda: b"- {leaf: TDH.SYS.INIX}\n" * 60000),
    "script-1000-bad-leaves": Bomb("script", lambda: b"- {leaf: TDH.SYS.INIX}\n" * 1000),
    "script-write": Bomb("script", lambda: b"- {write: 0, data: '" + b"00" * 3 * _MIB + b"'}\n"),
    "script-lines": Bomb("script", lambda: b'{"leaf":1}\n' * 300000, ".jsonl"),
    "script-brackets": Bomb("script", lambda: b"[" * 4 * _MIB, ".jsonl"),
    **_logs(),
}
