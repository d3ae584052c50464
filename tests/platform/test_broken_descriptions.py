# SPDX-License-Identifier: Apache-2.0
"""Descriptions with mistakes, and all that tdxctl says about each.

One row of the table is a file and the lines that a person reads: every mistake once, at its
line and column, in the order of the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tdxctl import Machine, Platform
from tdxctl.errors import DescriptionError
from tests.cli.runner import ROOT, tdxctl

CPUS = "cpus: {madt: [{apic_id: 0-3}]}\n"
MEMORY = "memory: {ranges: [{start: 1MiB, end: 2GiB}]}\n"
#: A whole valid description in two lines: what a row adds stands in line 3.
VALID = CPUS + MEMORY
JSON_CPUS = '"cpus": {"madt": [{"apic_id": 0}]}'
JSON_MEMORY = '"memory": {"ranges": []}'
JSON_VALID = f"{JSON_CPUS}, {JSON_MEMORY}"

# Phrases that are too long to stand in the table again and again.
NOT_A_SIZE = "must be bytes, 0x... hex, or a whole number of KiB, MiB, GiB or TiB"
NOT_A_NAME = (
    "must be 1 to 64 letters, digits, dots, underscores or hyphens, the first a letter or digit"
)
FEATURES = (
    "  hint: features: TD_MIGRATION, TD_PRESERVING, SERVICE_TD, TD_PARTITIONING, "
    "NO_RBP_MOD, L2_TLB_INVD_OPT, TOPOLOGY_ENUM, CLFLUSH_BEFORE_ALLOC, DYNAMIC_PAMT, EXT, "
    "UPDATE_COMPAT"
)
CPU_MODELS = (
    "  hint: names: skylake-x, ice-lake-x, ice-lake-d, sapphire-rapids, "
    "emerald-rapids, granite-rapids, granite-rapids-d, sierra-forest, "
    "clearwater-forest"
)
TOP_KEYS = (
    "  hint: keys here: schema, name, description, cpus, memory, firmware, module, kernel, kvm, "
    "faults"
)
PLAIN_NUMBER = "  hint: write it in decimal or as 0x..., or quote it"
TRUE_OR_FALSE = "  hint: write true or false, or quote it"
NEED_A_NAME = "  hint: add a name of letters, digits, dots, underscores and hyphens"
END_IS_EXCLUSIVE = "  hint: end is exclusive: the first byte behind the range"
A_FAULT = (
    "must have one of the keys leaf, allocation, boot, msr, pconfig, rdrand, global_lock, "
    "tdmr_lock, busy_cpu, module"
)


class Row(NamedTuple):
    """What is wrong, the file, and the lines of the messages, hints included."""

    what: str
    file: str
    content: bytes
    lines: list[str]


def broken(what: str, file: str, content: str | bytes, *lines: str) -> Row:
    """A row of the table."""
    return Row(what, file, content.encode() if isinstance(content, str) else content, list(lines))


ROWS = [
    # Not text, or not YAML.
    broken(
        "empty file",
        "bad.yaml",
        b"",
        "bad.yaml:1:1: is empty",
    ),
    broken(
        "nothing but comments",
        "bad.yaml",
        "# later\n",
        "bad.yaml:1:1: is empty",
    ),
    broken(
        "an empty document",
        "bad.yaml",
        "---\n",
        "bad.yaml:2:1: must be a mapping (got null)",
    ),
    broken(
        "not UTF-8",
        "bad.yaml",
        b"name: caf\xe9\n",
        "bad.yaml:1:10: is not UTF-8 text (byte 0xe9)",
    ),
    broken(
        "not UTF-8 behind a byte order mark, in line 2",
        "bad.yaml",
        b"\xef\xbb\xbfname: a\ndescription: \xff\n",
        "bad.yaml:2:14: is not UTF-8 text (byte 0xff)",
    ),
    broken(
        "UTF-16",
        "bad.yaml",
        "\ufeffname: a\n".encode("utf-16-le"),
        "bad.yaml:1:1: is not UTF-8 text (byte 0xff)",
    ),
    broken(
        "larger than 8 MiB",
        "bad.yaml",
        b"#" * (8 * 1024 * 1024 + 1),
        "bad.yaml:1:1: is larger than 8 MiB",
        "  hint: no description needs that much",
    ),
    broken(
        "a NUL byte",
        "bad.yaml",
        b"name: a\x00b\n",
        "bad.yaml:1:8: is not valid YAML: character U+0000 is not allowed",
    ),
    broken(
        "a raw escape character, behind letters of two bytes",
        "bad.yaml",
        "name: a\ndescription: äö \x1b[31mred\n",
        "bad.yaml:2:17: is not valid YAML: character U+001B is not allowed",
    ),
    broken(
        "a tab as indentation",
        "bad.yaml",
        "cpus:\n\tmadt: []\n",
        "bad.yaml:2:1: is not valid YAML: found character that cannot start any token",
        "  hint: YAML is indented with spaces, not tabs",
    ),
    broken(
        "two documents",
        "bad.yaml",
        VALID + "---\n" + VALID,
        "bad.yaml:3:1: holds more than one document",
        "  hint: remove all but one",
    ),
    broken(
        "unterminated flow",
        "bad.yaml",
        "memory: {ranges: [{start: 1MiB\n",
        (
            "bad.yaml:2:1: is not valid YAML: did not find expected ',' or '}' (while parsing"
            " a flow mapping that starts in line 1)"
        ),
    ),
    broken(
        "unterminated quotes",
        "bad.yaml",
        'name: "x\n',
        (
            "bad.yaml:2:1: is not valid YAML: found unexpected end of stream (while scanning "
            "a quoted scalar that starts in line 1)"
        ),
    ),
    broken(
        "a key without a colon",
        "bad.yaml",
        "name: a\ncpus\nmemory: {}\n",
        (
            "bad.yaml:3:1: is not valid YAML: could not find expected ':' (while scanning a "
            "simple key that starts in line 2)"
        ),
    ),
    broken(
        "nested in 33 levels",
        "bad.yaml",
        "x: " + "[" * 32 + "]" * 32,
        "bad.yaml:1:35: is nested deeper than 32 levels",
    ),
    broken(
        "nested in 32 levels, which is only an unknown key",
        "bad.yaml",
        VALID + "x: " + "[" * 31 + "]" * 31,
        "bad.yaml:3:1: x: unknown key",
        TOP_KEYS,
    ),
    broken(
        "a million brackets",
        "bad.yaml",
        "[" * 1_000_000,
        "bad.yaml:1:33: is nested deeper than 32 levels",
    ),
    broken(
        "an alias bomb",
        "bad.yaml",
        "a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n"
        "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
        "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
        "e: [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n",
        "bad.yaml:4:36: aliases expand to more than 10000 nodes",
    ),
    broken(
        "aliases nested deeper than 32 levels",
        "bad.yaml",
        "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 40)),
        "bad.yaml:32:12: is nested deeper than 32 levels",
    ),
    broken(
        "an alias inside its own anchor",
        "bad.yaml",
        "memory: &m {ranges: *m}\n",
        "bad.yaml:1:21: alias *m stands inside &m",
    ),
    broken(
        "an unknown alias",
        "bad.yaml",
        CPUS + "memory: {ranges: *nothing}\n",
        "bad.yaml:2:18: unknown alias *nothing",
    ),
    broken(
        "an alias before its anchor",
        "bad.yaml",
        "memory: *m\ncpus: &m {}\n",
        "bad.yaml:1:9: unknown alias *m",
    ),
    # YAML that is more than mappings, lists and scalars, or other than it looks.
    broken(
        "a merge key says no more than that",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0}]}\n"
        "memory:\n"
        "  ranges:\n"
        "    - &low {start: 1MiB, end: 2GiB}\n"
        "    - {<<: *low, node: 1}\n"
        "    - {<<: *low, start: 4GiB, nodes: 1}\n",
        "bad.yaml:5:8: memory.ranges.1: merge keys (<<) are not supported",
        "  hint: write it out",
        "bad.yaml:6:8: memory.ranges.2: merge keys (<<) are not supported",
        "  hint: write it out",
        "bad.yaml:6:31: memory.ranges.2.nodes: unknown key",
        "  hint: did you mean node?",
    ),
    broken(
        "a Python object",
        "bad.yaml",
        VALID + "name: !!python/object/apply:os.system [echo]\n",
        "bad.yaml:3:7: name: tags are not supported (got !!python/object/apply:os.system)",
    ),
    broken(
        "a tag on a value is no wrong type as well",
        "bad.yaml",
        'cpus: {madt: [{apic_id: 0, package: !!int "0"}]}\n' + MEMORY,
        "bad.yaml:1:37: cpus.madt.0.package: tags are not supported (got !!int)",
    ),
    broken(
        "tags on a mapping, a key, and by another name",
        "bad.yaml",
        CPUS + "memory: !!map {ranges: []}\n!!str name: !own x\ndescription: ! x\n",
        "bad.yaml:2:9: memory: tags are not supported (got !!map)",
        "bad.yaml:3:1: name: tags are not supported (got !!str)",
        "bad.yaml:3:13: name: tags are not supported (got !own)",
        "bad.yaml:4:14: description: tags are not supported (got !)",
    ),
    broken(
        "a tag on the whole document",
        "bad.yaml",
        "!!set {cpus, memory}\n",
        "bad.yaml:1:1: tags are not supported (got !!set)",
    ),
    broken(
        "a mapping and an alias as keys",
        "bad.yaml",
        VALID + "? {a: 010}\n: x\nname: &n x\n*n : 1:30\n",
        "bad.yaml:3:3: a key must be plain text",
        "bad.yaml:6:1: a key must be plain text",
    ),
    broken(
        "a key twice",
        "bad.yaml",
        VALID + "cpus: {madt: 010}\n",
        "bad.yaml:3:1: cpus: is given twice",
        "  hint: the first one is in line 1",
    ),
    broken(
        "a key twice, nested and three times",
        "bad.yaml",
        "cpus:\n  madt: [{apic_id: 0, apic_id: 1}]\n  online: all\n  online: 7\n  online: 8\n"
        + MEMORY,
        "bad.yaml:2:23: cpus.madt.0.apic_id: is given twice",
        "  hint: the first one is in line 2",
        "bad.yaml:4:3: cpus.online: is given twice",
        "  hint: the first one is in line 3",
        "bad.yaml:5:3: cpus.online: is given twice",
        "  hint: the first one is in line 3",
    ),
    broken(
        "octal, base 60, binary, and friends",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: 010, end: 1:30}\n"
        "    - {start: 0b11, end: 1_000}\n"
        "    - {start: 0o17, end: +8192}\n"
        "    - {start: -0x1, end: 0x_f}\n",
        "bad.yaml:4:15: memory.ranges.0.start: YAML 1.1 reads this as another number (got 010)",
        PLAIN_NUMBER,
        "bad.yaml:4:25: memory.ranges.0.end: YAML 1.1 reads this as another number (got 1:30)",
        PLAIN_NUMBER,
        "bad.yaml:5:15: memory.ranges.1.start: YAML 1.1 reads this as a number (got 0b11)",
        PLAIN_NUMBER,
        "bad.yaml:5:26: memory.ranges.1.end: YAML 1.1 reads this as a number (got 1_000)",
        PLAIN_NUMBER,
        f'bad.yaml:6:15: memory.ranges.2.start: {NOT_A_SIZE} (got "0o17")',
        "bad.yaml:6:26: memory.ranges.2.end: YAML 1.1 reads this as a number (got +8192)",
        PLAIN_NUMBER,
        "bad.yaml:7:15: memory.ranges.3.start: YAML 1.1 reads this as a number (got -0x1)",
        PLAIN_NUMBER,
        "bad.yaml:7:26: memory.ranges.3.end: YAML 1.1 reads this as a number (got 0x_f)",
        PLAIN_NUMBER,
    ),
    broken(
        "booleans that are words",
        "bad.yaml",
        VALID + "name: yes\n"
        "description: no\n"
        "module: {loaded: on, checks: off}\n"
        "kernel: {hibernation: YES}\n",
        "bad.yaml:3:7: name: YAML 1.1 reads this as a boolean (got yes)",
        TRUE_OR_FALSE,
        "bad.yaml:4:14: description: YAML 1.1 reads this as a boolean (got no)",
        TRUE_OR_FALSE,
        "bad.yaml:5:18: module.loaded: YAML 1.1 reads this as a boolean (got on)",
        TRUE_OR_FALSE,
        "bad.yaml:5:30: module.checks: YAML 1.1 reads this as a boolean (got off)",
        TRUE_OR_FALSE,
        "bad.yaml:6:23: kernel.hibernation: YAML 1.1 reads this as a boolean (got YES)",
        TRUE_OR_FALSE,
    ),
    broken(
        "y and n are text, and so no booleans",
        "bad.yaml",
        VALID + "module: {loaded: y}\nkernel: {hibernation: n}\n",
        'bad.yaml:3:18: module.loaded: must be true or false (got "y")',
        'bad.yaml:4:23: kernel.hibernation: must be true or false (got "n")',
    ),
    broken(
        "infinity and friends",
        "bad.yaml",
        VALID + "firmware: {mktme_keyids: .inf, tdx_keyids: .nan, keyid_bits: -.INF}\n",
        "bad.yaml:3:26: firmware.mktme_keyids: YAML 1.1 reads this as a number (got .inf)",
        PLAIN_NUMBER,
        "bad.yaml:3:44: firmware.tdx_keyids: YAML 1.1 reads this as a number (got .nan)",
        PLAIN_NUMBER,
        "bad.yaml:3:62: firmware.keyid_bits: YAML 1.1 reads this as a number (got -.INF)",
        PLAIN_NUMBER,
    ),
    broken(
        "an exponent that overflows",
        "bad.yaml",
        VALID + "firmware: {mktme_keyids: 1.0e+400, tdx_keyids: 1e400}\n",
        "bad.yaml:3:26: firmware.mktme_keyids: is too large for a number (got 1.0e+400)",
        "  hint: quote it if it is text",
        'bad.yaml:3:48: firmware.tdx_keyids: must be a whole number (got "1e400")',
    ),
    broken(
        "very long digits",
        "bad.yaml",
        VALID
        + "firmware:\n  mktme_keyids: "
        + "9" * 5000
        + "\n  tdx_keyids: '"
        + "9" * 5000
        + "'\n",
        (
            "bad.yaml:4:17: firmware.mktme_keyids: is too long for a number (got "
            "999999999999999999999999999999999999999999999999999999999...)"
        ),
        "  hint: quote it if it is text",
        (
            "bad.yaml:5:15: firmware.tdx_keyids: is too long for a number (got "
            '"99999999999999999999999999999999999999999999999999999999...)'
        ),
    ),
    broken(
        "a surprise behind an anchor is reported once",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: 1MiB, size: 1GiB, node: &node 01}\n"
        "    - {start: 4GiB, size: 1GiB, node: *node}\n",
        "bad.yaml:4:39: memory.ranges.0.node: YAML 1.1 reads this as another number (got 01)",
        PLAIN_NUMBER,
    ),
    broken(
        "a surprise is the whole document",
        "bad.yaml",
        "010\n",
        "bad.yaml:1:1: YAML 1.1 reads this as another number (got 010)",
        PLAIN_NUMBER,
    ),
    # JSON.
    broken(
        "empty JSON",
        "bad.json",
        b" \n",
        "bad.json:1:1: is empty",
    ),
    broken(
        "JSON with a comment",
        "bad.json",
        "{\n  // later\n}",
        "bad.json:2:3: is not valid JSON: a key in double quotes is missing",
    ),
    broken(
        "JSON with a trailing comma",
        "bad.json",
        '{"name": "a",}',
        "bad.json:1:14: is not valid JSON: a key in double quotes is missing",
    ),
    broken(
        "JSON with a trailing comma in a list",
        "bad.json",
        '{"faults": [1,]}',
        "bad.json:1:15: is not valid JSON: a value is expected",
    ),
    broken(
        "JSON cut off",
        "bad.json",
        '{"cpus": {"madt": [{"apic_id": 0',
        "bad.json:1:33: is not valid JSON: a comma or } is missing",
    ),
    broken(
        "JSON without a colon",
        "bad.json",
        '{"cpus" 1}',
        "bad.json:1:9: is not valid JSON: a colon is missing",
    ),
    broken(
        "JSON with two values",
        "bad.json",
        "{} {}",
        "bad.json:1:4: is not valid JSON: nothing may follow the value",
    ),
    broken(
        "JSON with a word that is none",
        "bad.json",
        '{"cpus": None}',
        "bad.json:1:10: is not valid JSON: a value is expected",
    ),
    broken(
        "NaN is no JSON",
        "bad.json",
        '{"cpus": NaN}',
        "bad.json:1:10: is not valid JSON: a value is expected",
    ),
    broken(
        "JSON strings with single quotes",
        "bad.json",
        "{'name': 1}",
        "bad.json:1:2: is not valid JSON: a key in double quotes is missing",
    ),
    broken(
        "an unterminated JSON string",
        "bad.json",
        '{"name": "abc',
        "bad.json:1:10: is not valid JSON: unterminated string",
    ),
    broken(
        "a raw newline in a JSON string",
        "bad.json",
        '{"name": "abc\n"}',
        "bad.json:1:14: is not valid JSON: invalid control character",
    ),
    broken(
        "an unknown escape in a JSON string",
        "bad.json",
        '{"name": "\\x41"}',
        "bad.json:1:11: is not valid JSON: invalid \\escape",
    ),
    broken(
        "JSON numbers no description needs",
        "bad.json",
        "{"
        + JSON_VALID
        + ',\n"firmware": {"mktme_keyids": 1e400, "tdx_keyids": '
        + "9" * 50
        + "}}",
        "bad.json:2:30: firmware.mktme_keyids: is too large for a number (got 1e400)",
        (
            "bad.json:2:51: firmware.tdx_keyids: is too long for a number (got "
            "99999999999999999999999999999999999999999999999999)"
        ),
    ),
    broken(
        "JSON with a leading zero",
        "bad.json",
        '{"firmware": {"tdx_keyids": 010}}',
        "bad.json:1:30: is not valid JSON: a comma or } is missing",
    ),
    broken(
        "a JSON list",
        "bad.json",
        "[]",
        "bad.json:1:1: must be a mapping (got a list)",
    ),
    broken(
        "JSON nested deeper than 32 levels",
        "bad.json",
        '{"x": ' + "[" * 100_000,
        "bad.json:1:38: is nested deeper than 32 levels",
    ),
    broken(
        "JSON nested in 32 levels, which is only an unknown key",
        "bad.json",
        "{" + JSON_VALID + ', "x": ' + "[" * 31 + "]" * 31 + "}",
        "bad.json:1:64: x: unknown key",
        TOP_KEYS,
    ),
    broken(
        "JSON with a key twice",
        "bad.json",
        "{" + JSON_CPUS + ",\n" + JSON_MEMORY + ',\n"cpus": {"madt": 5}}',
        "bad.json:3:1: cpus: is given twice",
        "  hint: the first one is in line 1",
    ),
    broken(
        "JSON with a NUL in a key",
        "bad.json",
        "{" + JSON_VALID + ', "na\\u0000me": 1}',
        "bad.json:1:64: na\\x00me: unknown key",
        "  hint: did you mean name?",
    ),
    broken(
        "JSON with a newline in a key and half a surrogate pair in a value",
        "bad.json",
        "{" + JSON_VALID + ', "na\\nme": 1, "name": "\\ud800"}',
        "bad.json:1:64: na\\nme: unknown key",
        "  hint: did you mean name?",
        f'bad.json:1:85: name: {NOT_A_NAME} (got "\\ud800")',
    ),
    # Keys.
    broken(
        "nothing of what is required",
        "bad.yaml",
        "name: a\n",
        "bad.yaml:1:1: cpus: is required",
        "bad.yaml:1:1: memory: is required",
    ),
    broken(
        "sections that are empty",
        "bad.yaml",
        "cpus:\nmemory:\nfirmware:\nmodule:\nkernel:\nfaults:\n",
        "bad.yaml:1:6: cpus: must be a mapping (got null)",
        "  hint: keys of cpus: model, features, madt, online, disabled_cpus, cpuid, seamops",
        "bad.yaml:2:8: memory: must be a mapping (got null)",
        "  hint: keys of memory: ranges, reserved, cmrs",
        "bad.yaml:3:10: firmware: must be a mapping (got null)",
        (
            "  hint: keys of firmware: seamrr, mktme_keyids, tdx_keyids, keyid_bits, "
            "seamrr_range, msrs, tdx_without_integrity"
        ),
        "bad.yaml:4:8: module: must be a mapping (got null)",
        (
            "  hint: keys of module: loaded, version, build_date, build_num, vendor_id, "
            "features, num_cpuid_config, max_vcpus_per_td, attributes_fixed0, "
            "attributes_fixed1, xfam_fixed0, xfam_fixed1, max_tdmrs, "
            "max_reserved_per_tdmr, pamt_entry_size, pamt_page_bitmap_entry_bits, "
            "sysinfo_cmr_entries, checks"
        ),
        "bad.yaml:5:8: kernel: must be a mapping (got null)",
        "  hint: keys of kernel: hibernation, tdx_host",
        "bad.yaml:6:8: faults: must be a list (got null)",
        (
            "  hint: an entry has one of the keys leaf, allocation, boot, msr, pconfig, rdrand, "
            "global_lock, tdmr_lock, busy_cpu, module"
        ),
    ),
    broken(
        "a list",
        "bad.yaml",
        "- cpus\n- memory\n",
        "bad.yaml:1:1: must be a mapping (got a list)",
    ),
    broken(
        "a lone scalar",
        "bad.yaml",
        "hello\n",
        'bad.yaml:1:1: must be a mapping (got "hello")',
    ),
    broken(
        "unknown keys, some nearly right",
        "bad.yaml",
        "cpus:\n"
        "  madt: [{apic_id: 0, pakage: 1}]\n"
        "  features: {mttr: true}\n"
        "  Model: ice-lake-x\n"
        "memory: {ranges: [], cmr: auto, reserve: []}\n"
        "firmwear: {}\n"
        "firmware: {keyidbits: 7, seamrr_range: {base: 0, size: 1GiB, end: 1GiB}}\n"
        "module: {pamt_entry_size: {4K: 16}, xyz: 1}\n"
        "color: red\n",
        "bad.yaml:2:23: cpus.madt.0.pakage: unknown key",
        "  hint: did you mean package?",
        "bad.yaml:3:14: cpus.features.mttr: unknown key",
        "  hint: did you mean mtrr?",
        "bad.yaml:4:3: cpus.Model: unknown key",
        "  hint: did you mean model?",
        "bad.yaml:5:22: memory.cmr: unknown key",
        "  hint: did you mean cmrs?",
        "bad.yaml:5:33: memory.reserve: unknown key",
        "  hint: did you mean reserved?",
        "bad.yaml:6:1: firmwear: unknown key",
        "  hint: did you mean firmware?",
        "bad.yaml:7:12: firmware.keyidbits: unknown key",
        "  hint: did you mean keyid_bits?",
        "bad.yaml:7:62: firmware.seamrr_range.end: unknown key",
        "  hint: keys of firmware.seamrr_range: base, size",
        "bad.yaml:8:28: module.pamt_entry_size.4K: unknown key",
        "  hint: keys of module.pamt_entry_size: 4k, 2m, 1g",
        "bad.yaml:8:37: module.xyz: unknown key",
        (
            "  hint: keys of module: loaded, version, build_date, build_num, vendor_id, "
            "features, num_cpuid_config, max_vcpus_per_td, attributes_fixed0, "
            "attributes_fixed1, xfam_fixed0, xfam_fixed1, max_tdmrs, max_reserved_per_tdmr, "
            "pamt_entry_size, pamt_page_bitmap_entry_bits, sysinfo_cmr_entries, checks"
        ),
        "bad.yaml:9:1: color: unknown key",
        TOP_KEYS,
    ),
    broken(
        "an unknown key of a fault is compared with that fault's keys",
        "bad.yaml",
        VALID + "faults:\n"
        "  - {allocation: pamt, cpu: 1}\n"
        "  - {leaf: TDH.SYS.INIT, status: GP, allocation: pamt}\n"
        "  - {boot: memory_notifier, errno: 12, errnno: 12}\n"
        "  - {msr: 0x87, time: 1}\n",
        "bad.yaml:4:24: faults.0.cpu: unknown key",
        "  hint: keys of faults.0: allocation, call, times",
        "bad.yaml:5:38: faults.1.allocation: unknown key",
        "  hint: keys of faults.1: leaf, status, cpu, call, times",
        "bad.yaml:6:40: faults.2.errnno: unknown key",
        "  hint: did you mean errno?",
        "bad.yaml:7:17: faults.3.time: unknown key",
        "  hint: keys of faults.3: msr, fault",
    ),
    broken(
        "numbers and null as keys",
        "bad.yaml",
        VALID + "1: a\nnull: b\n",
        "bad.yaml:3:1: 1: unknown key",
        TOP_KEYS,
        "bad.yaml:4:1: null: unknown key",
        TOP_KEYS,
    ),
    broken(
        "markup, escapes and newlines in keys and values",
        "bad.yaml",
        VALID + '"[red]": 1\n'
        '"na\\x1b[31mme": 1\n'
        '"line\\nbreak": 1\n'
        'name: "a\\x1b[31m[red]\\nb\\u202e"\n'
        'firmware: {seamrr: "\\x1b]0;title\\x07"}\n',
        "bad.yaml:3:1: [red]: unknown key",
        TOP_KEYS,
        "bad.yaml:4:1: na\\x1b[31mme: unknown key",
        "  hint: did you mean name?",
        "bad.yaml:5:1: line\\nbreak: unknown key",
        TOP_KEYS,
        f'bad.yaml:6:7: name: {NOT_A_NAME} (got "a\\u001b[31m[red]\\nb\\u202e")',
        (
            "bad.yaml:7:20: firmware.seamrr: must be enabled or disabled or absent (got "
            '"\\u001b]0;title\\u0007")'
        ),
    ),
    broken(
        "a schema of another version",
        "bad.yaml",
        VALID + "schema: tdxctl.platform/2\n",
        'bad.yaml:3:9: schema: is not a schema that this tdxctl reads (got "tdxctl.platform/2")',
        "  hint: it reads tdxctl.platform/1",
    ),
    # The name.
    broken(
        "a name with a space",
        "bad.yaml",
        VALID + "name: two sockets\n",
        f'bad.yaml:3:7: name: {NOT_A_NAME} (got "two sockets")',
    ),
    broken(
        "a name that starts with a hyphen",
        "bad.yaml",
        VALID + "name: -x\n",
        f'bad.yaml:3:7: name: {NOT_A_NAME} (got "-x")',
    ),
    broken(
        "a name of 65 characters",
        "bad.yaml",
        VALID + "name: " + "a" * 65 + "\n",
        f'bad.yaml:3:7: name: {NOT_A_NAME} (got "' + "a" * 56 + "...)",
    ),
    broken(
        "a name and a description that are numbers",
        "bad.yaml",
        VALID + "name: 8\ndescription: 1.5\n",
        "bad.yaml:3:7: name: must be text (got 8)",
        "  hint: quote it",
        "bad.yaml:4:14: description: must be text (got 1.5)",
        "  hint: quote it",
    ),
    broken(
        "a name with a letter beyond ASCII",
        "bad.yaml",
        VALID + "name: é\n",
        f'bad.yaml:3:7: name: {NOT_A_NAME} (got "é")',
    ),
    broken(
        "a name without a value, a list as the description",
        "bad.yaml",
        VALID + "name:\ndescription: [a]\n",
        "bad.yaml:3:6: name: must be text (got null)",
        "bad.yaml:4:14: description: must be text (got a list)",
    ),
    broken(
        "no name, and a file whose name cannot be one",
        "my server.yaml",
        VALID,
        (
            "my server.yaml:1:1: name: is required: the file's name cannot serve as a "
            'machine\'s name (got "my server")'
        ),
        NEED_A_NAME,
    ),
    broken(
        "no name, and a file with an escape sequence in its name",
        "\x1b[31mred.yaml",
        VALID,
        (
            "\\x1b[31mred.yaml:1:1: name: is required: the file's name cannot serve as a "
            'machine\'s name (got "\\u001b[31mred")'
        ),
        NEED_A_NAME,
    ),
    broken(
        "a file named [red]",
        "[red].yaml",
        VALID + "name: [red]\n",
        "[red].yaml:3:7: name: must be text (got a list)",
    ),
    # CPUs.
    broken(
        "no CPUs",
        "bad.yaml",
        "cpus: {madt: []}\n" + MEMORY,
        "bad.yaml:1:14: cpus.madt: must not be empty",
    ),
    broken(
        "wrong types in cpus",
        "bad.yaml",
        "cpus:\n"
        "  model: 143\n"
        "  features: [mtrr]\n"
        "  madt: {apic_id: 0}\n"
        "  online: [0, 1]\n"
        "  disabled_cpus: none\n" + MEMORY,
        "bad.yaml:2:10: cpus.model: must be a CPU's name or {family, model} (got 143)",
        CPU_MODELS,
        "bad.yaml:3:13: cpus.features: must be a mapping (got a list)",
        (
            "  hint: keys of cpus.features: mtrr, vmx, xsave, movdir64b, self_snoop, "
            "no_seamret_invd_vmcs"
        ),
        "bad.yaml:4:9: cpus.madt: must be a list (got a mapping)",
        "  hint: keys of an entry: apic_id, package, enabled",
        "bad.yaml:5:11: cpus.online: must be all or a list such as 0-63,65 (got a list)",
        'bad.yaml:6:18: cpus.disabled_cpus: must be auto or a whole number (got "none")',
    ),
    broken(
        "wrong types in an entry of the MADT",
        "bad.yaml",
        "cpus:\n"
        '  features: {mtrr: 1, vmx: "true", xsave: null}\n'
        "  madt:\n"
        "    - 5\n"
        "    - {package: 0}\n"
        '    - {apic_id: 1.5, package: "0", enabled: 1}\n'
        "    - {apic_id: true}\n"
        "    - {apic_id: [0, 1]}\n"
        "    - {apic_id: 0x10-0x1f}\n"
        "    - {apic_id: 5-3}\n"
        '    - {apic_id: ""}\n'
        "    - {apic_id: 0..3}\n" + MEMORY,
        "bad.yaml:2:20: cpus.features.mtrr: must be true or false (got 1)",
        'bad.yaml:2:28: cpus.features.vmx: must be true or false (got "true")',
        "bad.yaml:2:43: cpus.features.xsave: must be true or false (got null)",
        "bad.yaml:4:7: cpus.madt.0: must be a mapping (got 5)",
        "  hint: keys of cpus.madt.0: apic_id, package, enabled",
        "bad.yaml:5:7: cpus.madt.1.apic_id: is required",
        "bad.yaml:6:17: cpus.madt.2.apic_id: must be a number or a range such as 0-63 (got 1.5)",
        'bad.yaml:6:31: cpus.madt.2.package: must be a whole number (got "0")',
        "bad.yaml:6:45: cpus.madt.2.enabled: must be true or false (got 1)",
        "bad.yaml:7:17: cpus.madt.3.apic_id: must be a number or a range such as 0-63 (got true)",
        "bad.yaml:8:17: cpus.madt.4.apic_id: must be a number or a range such as 0-63 (got a list)",
        (
            "bad.yaml:9:17: cpus.madt.5.apic_id: must be a number, or a range of decimal "
            'numbers such as 0-63 (got "0x10-0x1f")'
        ),
        'bad.yaml:10:17: cpus.madt.6.apic_id: has a range that runs backwards (5-3) (got "5-3")',
        'bad.yaml:11:17: cpus.madt.7.apic_id: must name at least one APIC id (got "")',
        'bad.yaml:12:17: cpus.madt.8.apic_id: must be a list such as 0-63,65 (got "0..3")',
    ),
    broken(
        "a CPU model that has no name here",
        "bad.yaml",
        "cpus: {model: saphire-rapids, madt: [{apic_id: 0}]}\n" + MEMORY,
        (
            "bad.yaml:1:15: cpus.model: must be a CPU's name or {family, model} (got "
            '"saphire-rapids")'
        ),
        CPU_MODELS,
    ),
    broken(
        "a CPU model by numbers",
        "bad.yaml",
        "cpus: {model: {family: six, model: 256}, madt: [{apic_id: 0}]}\n" + MEMORY,
        'bad.yaml:1:24: cpus.model.family: must be a whole number (got "six")',
        "bad.yaml:1:36: cpus.model.model: must be at most 255 (got 256)",
    ),
    broken(
        "a CPU model without its family",
        "bad.yaml",
        "cpus: {model: {model: 0xcf}, madt: [{apic_id: 0}]}\n" + MEMORY,
        "bad.yaml:1:15: cpus.model.family: is required",
    ),
    broken(
        "APIC ids and packages beyond their limits",
        "bad.yaml",
        "cpus:\n"
        "  madt:\n"
        "    - {apic_id: 0xffffffff, package: 32}\n"
        "    - {apic_id: -1, package: -1}\n"
        "    - {apic_id: 0-8192}\n" + MEMORY,
        "bad.yaml:3:17: cpus.madt.0.apic_id: must be from 0 to 4294967294 (got 0xffffffff)",
        "bad.yaml:3:38: cpus.madt.0.package: must be at most 31 (got 32)",
        "bad.yaml:4:17: cpus.madt.1.apic_id: must be from 0 to 4294967294 (got -1)",
        "bad.yaml:4:30: cpus.madt.1.package: must be at least 0 (got -1)",
        'bad.yaml:5:17: cpus.madt.2.apic_id: names more than 8192 numbers (got "0-8192")',
    ),
    broken(
        "APIC ids twice",
        "bad.yaml",
        "cpus:\n"
        "  madt:\n"
        "    - {apic_id: 0-7}\n"
        "    - {apic_id: 8-15, package: 1}\n"
        "    - {apic_id: 15, package: 1, enabled: false}\n"
        '    - {apic_id: "20,21,20"}\n'
        "    - {apic_id: 0-15}\n" + MEMORY,
        "bad.yaml:5:17: cpus.madt.2.apic_id: names APIC id 15, which cpus.madt.1 has already",
        'bad.yaml:6:17: cpus.madt.3.apic_id: names an APIC id twice (got "20,21,20")',
        "bad.yaml:7:17: cpus.madt.4.apic_id: names APIC id 0, which cpus.madt.0 has already",
    ),
    broken(
        "more than 8,192 CPUs",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0-8191}, {apic_id: 8192}, {apic_id: 8193}]}\n" + MEMORY,
        "bad.yaml:1:44: cpus.madt.1.apic_id: makes more than 8192 CPUs",
    ),
    broken(
        "more than 8,192 entries",
        "bad.yaml",
        "cpus: {madt: [" + "{}, " * 8193 + "]}\n" + MEMORY,
        "bad.yaml:1:14: cpus.madt: has more than 8192 entries",
    ),
    broken(
        "no enabled CPU",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0-3, enabled: false}]}\n" + MEMORY,
        "bad.yaml:1:14: cpus.madt: has no enabled entry",
    ),
    broken(
        "an online CPU that does not exist",
        "bad.yaml",
        "cpus:\n  madt: [{apic_id: 0-3}, {apic_id: 4, enabled: false}]\n  online: 0-4\n" + MEMORY,
        'bad.yaml:3:11: cpus.online: names CPU 4, which does not exist (got "0-4")',
        "  hint: the enabled CPUs of the MADT are 0-3",
    ),
    broken(
        "no online CPU",
        "bad.yaml",
        'cpus: {madt: [{apic_id: 0}], online: ""}\n' + MEMORY,
        'bad.yaml:1:38: cpus.online: must name at least one CPU (got "")',
    ),
    broken(
        "a negative online CPU",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0}], online: -1}\n" + MEMORY,
        "bad.yaml:1:38: cpus.online: must be all or a list such as 0-63,65 (got -1)",
    ),
    broken(
        "an online list that is none",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0}], online: 0..3}\n" + MEMORY,
        'bad.yaml:1:38: cpus.online: must be a list such as 0-63,65 (got "0..3")',
    ),
    broken(
        "more online CPUs than there can be",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0}], online: 0-4294967295}\n" + MEMORY,
        'bad.yaml:1:38: cpus.online: names more than 8192 numbers (got "0-4294967295")',
    ),
    broken(
        "more disabled CPUs than there can be",
        "bad.yaml",
        "cpus: {madt: [{apic_id: 0}], disabled_cpus: 8193}\n" + MEMORY,
        "bad.yaml:1:45: cpus.disabled_cpus: must be at most 8192 (got 8193)",
    ),
    # Memory.
    broken(
        "wrong types in memory",
        "bad.yaml",
        CPUS + "memory: {ranges: all, reserved: {}, cmrs: Auto}\n",
        'bad.yaml:2:18: memory.ranges: must be a list (got "all")',
        "  hint: keys of an entry: start, end, size, node",
        "bad.yaml:2:33: memory.reserved: must be a list (got a mapping)",
        "  hint: keys of an entry: start, end",
        'bad.yaml:2:43: memory.cmrs: must be auto or a list (got "Auto")',
    ),
    broken(
        "wrong types in ranges",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - [0, 1]\n"
        '    - {start: null, end: true, node: "0"}\n'
        "    - {start: 1.5, size: 1.5GiB, node: 0.0}\n"
        "    - {start: 4GB, size: 12 GiB}\n"
        "    - {start: [0], size: {}}\n",
        "bad.yaml:4:7: memory.ranges.0: must be a mapping (got a list)",
        "  hint: keys of memory.ranges.0: start, end, size, node",
        "bad.yaml:5:15: memory.ranges.1.start: must be a whole number (got null)",
        "bad.yaml:5:26: memory.ranges.1.end: must be a whole number (got true)",
        'bad.yaml:5:38: memory.ranges.1.node: must be a whole number (got "0")',
        "bad.yaml:6:15: memory.ranges.2.start: must be a whole number (got 1.5)",
        f'bad.yaml:6:26: memory.ranges.2.size: {NOT_A_SIZE} (got "1.5GiB")',
        "bad.yaml:6:40: memory.ranges.2.node: must be a whole number (got 0.0)",
        f'bad.yaml:7:15: memory.ranges.3.start: {NOT_A_SIZE} (got "4GB")',
        f'bad.yaml:7:26: memory.ranges.3.size: {NOT_A_SIZE} (got "12 GiB")',
        "bad.yaml:8:15: memory.ranges.4.start: must be a whole number (got a list)",
        "bad.yaml:8:26: memory.ranges.4.size: must be a whole number (got a mapping)",
    ),
    broken(
        "end and size, neither, no start",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: 1MiB, end: 2MiB, size: 1MiB}\n"
        "    - {start: 4MiB}\n"
        "    - {end: 8MiB}\n"
        "    - {}\n",
        "bad.yaml:4:7: memory.ranges.0: has both an end and a size",
        "  hint: give one of them",
        "bad.yaml:5:7: memory.ranges.1: needs an end or a size",
        "bad.yaml:6:7: memory.ranges.2.start: is required",
        "bad.yaml:7:7: memory.ranges.3.start: is required",
        "bad.yaml:7:7: memory.ranges.3: needs an end or a size",
    ),
    broken(
        "ranges that end where they start, or before",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: 1MiB, end: 1MiB}\n"
        "    - {start: 2MiB, end: 1MiB}\n"
        "    - {start: 4MiB, size: 0}\n",
        'bad.yaml:4:26: memory.ranges.0.end: must be above start (got "1MiB")',
        END_IS_EXCLUSIVE,
        'bad.yaml:5:26: memory.ranges.1.end: must be above start (got "1MiB")',
        END_IS_EXCLUSIVE,
        "bad.yaml:6:27: memory.ranges.2.size: must not be 0",
    ),
    broken(
        "ranges out of order and overlapping",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: 1GiB, end: 2GiB}\n"
        "    - {start: 1MiB, end: 512MiB}\n"
        "    - {start: 0x1fff_f000, end: 3GiB}\n"
        "    - {start: 2GiB, size: 4KiB}\n"
        "    - {start: 2GiB, size: 4KiB}\n",
        "bad.yaml:5:7: memory.ranges.1: starts at 0x100000, below memory.ranges.0",
        "  hint: write the ranges in ascending order",
        (
            "bad.yaml:6:7: memory.ranges.2: starts at 0x1ffff000, inside memory.ranges.1, "
            "which ends at 0x20000000"
        ),
        (
            "bad.yaml:7:7: memory.ranges.3: starts at 0x80000000, inside memory.ranges.2, "
            "which ends at 0xc0000000"
        ),
        (
            "bad.yaml:8:7: memory.ranges.4: starts at 0x80000000, inside memory.ranges.3, "
            "which ends at 0x80001000"
        ),
    ),
    broken(
        "addresses, sizes and nodes beyond their limits",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges:\n"
        "    - {start: -4096, end: 1MiB, node: -1}\n"
        "    - {start: 2TiB, size: 4095TiB, node: 1024}\n"
        "    - {start: 2TiB, size: 4097TiB}\n"
        "    - {start: 3TiB, end: 0x10000000000001}\n"
        "    - {start: 0x10000000000000, end: 8192TiB}\n",
        "bad.yaml:4:15: memory.ranges.0.start: must be at least 0 (got -4096)",
        "bad.yaml:4:39: memory.ranges.0.node: must be at least 0 (got -1)",
        'bad.yaml:5:27: memory.ranges.1.size: makes the range end beyond 2^52 (got "4095TiB")',
        "bad.yaml:5:42: memory.ranges.1.node: must be at most 1023 (got 1024)",
        'bad.yaml:6:27: memory.ranges.2.size: must be at most 4096 TiB (got "4097TiB")',
        (
            "bad.yaml:7:26: memory.ranges.3.end: must be at most 0x10000000000000 (got "
            "0x10000000000001)"
        ),
        (
            "bad.yaml:8:15: memory.ranges.4.start: must be at most 0xfffffffffffff (got "
            "0x10000000000000)"
        ),
        'bad.yaml:8:38: memory.ranges.4.end: must be at most 0x10000000000000 (got "8192TiB")',
    ),
    broken(
        "more than 4,096 ranges",
        "bad.yaml",
        CPUS + "memory: {ranges: [" + "{}, " * 4097 + "]}\n",
        "bad.yaml:2:18: memory.ranges: has more than 4096 entries",
    ),
    broken(
        "reserved ranges",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges: []\n"
        "  reserved:\n"
        "    - {start: 1MiB, end: 1MiB}\n"
        "    - {start: 1MiB, size: 4KiB}\n"
        "    - 1MiB\n"
        "    - {start: 0, end: 4097TiB}\n",
        'bad.yaml:5:26: memory.reserved.0.end: must be above start (got "1MiB")',
        "bad.yaml:6:7: memory.reserved.1.end: is required",
        "bad.yaml:6:21: memory.reserved.1.size: unknown key",
        "  hint: keys of memory.reserved.1: start, end",
        'bad.yaml:7:7: memory.reserved.2: must be a mapping (got "1MiB")',
        "  hint: keys of memory.reserved.2: start, end",
        'bad.yaml:8:23: memory.reserved.3.end: must be at most 0x10000000000000 (got "4097TiB")',
    ),
    broken(
        "CMRs",
        "bad.yaml",
        CPUS + "memory:\n"
        "  ranges: []\n"
        "  cmrs:\n"
        "    - {base: 1MiB, end: 2GiB}\n"
        "    - {base: 4096TiB, size: 4097TiB}\n"
        "    - {base: 1TiB, size: 4096TiB}\n"
        "    - [1MiB, 2GiB]\n",
        "bad.yaml:5:7: memory.cmrs.0.size: is required",
        "bad.yaml:5:20: memory.cmrs.0.end: unknown key",
        "  hint: keys of memory.cmrs.0: base, size",
        'bad.yaml:6:14: memory.cmrs.1.base: must be at most 0xfffffffffffff (got "4096TiB")',
        'bad.yaml:6:29: memory.cmrs.1.size: must be at most 4096 TiB (got "4097TiB")',
        'bad.yaml:7:26: memory.cmrs.2.size: makes the range end beyond 2^52 (got "4096TiB")',
        "bad.yaml:8:7: memory.cmrs.3: must be a mapping (got a list)",
        "  hint: keys of memory.cmrs.3: base, size",
    ),
    broken(
        "more than 32 CMRs",
        "bad.yaml",
        CPUS + "memory: {ranges: [], cmrs: [" + "{base: 0, size: 0}, " * 33 + "]}\n",
        "bad.yaml:2:28: memory.cmrs: has more than 32 entries",
    ),
    broken(
        "more runs of memory than automatic CMRs",
        "bad.yaml",
        CPUS + "memory:\n"
        "  cmrs: auto\n"
        "  ranges:\n"
        + "".join(f"    - {{start: {4 + 2 * i}GiB, size: 1GiB}}\n" for i in range(32)),
        (
            "bad.yaml:3:9: memory.cmrs: auto has CMRs for 31 runs of memory above 4 GiB, and "
            "there are 32"
        ),
        "  hint: list the CMRs",
    ),
    # Firmware.
    broken(
        "wrong types in firmware",
        "bad.yaml",
        VALID + "firmware:\n"
        "  seamrr: true\n"
        "  mktme_keyids: many\n"
        "  tdx_keyids: 1KiB\n"
        "  keyid_bits: automatic\n"
        "  seamrr_range: 4GiB\n",
        "bad.yaml:4:11: firmware.seamrr: must be enabled or disabled or absent (got true)",
        'bad.yaml:5:17: firmware.mktme_keyids: must be a whole number (got "many")',
        'bad.yaml:6:15: firmware.tdx_keyids: must be a whole number (got "1KiB")',
        'bad.yaml:7:15: firmware.keyid_bits: must be auto or a whole number (got "automatic")',
        'bad.yaml:8:17: firmware.seamrr_range: must be a mapping (got "4GiB")',
        "  hint: keys of firmware.seamrr_range: base, size",
    ),
    broken(
        "firmware beyond its limits",
        "bad.yaml",
        VALID + "firmware:\n"
        "  seamrr: locked\n"
        "  mktme_keyids: 0x1_0000_0000\n"
        "  tdx_keyids: -1\n"
        "  keyid_bits: 16\n"
        "  seamrr_range: {base: 4095TiB, size: 2TiB}\n",
        'bad.yaml:4:11: firmware.seamrr: must be enabled or disabled or absent (got "locked")',
        "bad.yaml:5:17: firmware.mktme_keyids: must be at most 4294967295 (got 0x1_0000_0000)",
        "bad.yaml:6:15: firmware.tdx_keyids: must be at least 0 (got -1)",
        "bad.yaml:7:15: firmware.keyid_bits: must be at most 15 (got 16)",
        'bad.yaml:8:39: firmware.seamrr_range.size: makes the range end beyond 2^52 (got "2TiB")',
    ),
    broken(
        "too few KeyID bits, and an empty SEAM range",
        "bad.yaml",
        VALID + "firmware: {keyid_bits: 5, seamrr_range: {base: 4GiB, size: 0}}\n",
        "bad.yaml:3:24: firmware.keyid_bits: must be at least 6 (got 5)",
        "bad.yaml:3:60: firmware.seamrr_range.size: must not be 0",
    ),
    broken(
        "a SEAM range without a base",
        "bad.yaml",
        VALID + "firmware: {seamrr_range: {size: 32MiB}}\n",
        "bad.yaml:3:26: firmware.seamrr_range.base: is required",
    ),
    broken(
        "memory that leaves no room for the SEAM range",
        "bad.yaml",
        CPUS + "memory: {ranges: [{start: 4GiB, end: 4096TiB}]}\n",
        "bad.yaml:2:19: memory.ranges.0: leaves no room behind it for the SEAM range",
        "  hint: say in firmware.seamrr_range where that is",
    ),
    # The module and the kernel.
    broken(
        "a version that YAML reads as a number",
        "bad.yaml",
        VALID + "module: {version: 1.0}\n",
        "bad.yaml:3:19: module.version: must be text: quote it (got 1.0)",
    ),
    broken(
        "a version that is a whole number",
        "bad.yaml",
        VALID + "module: {version: 2}\n",
        "bad.yaml:3:19: module.version: must be text (got 2)",
        "  hint: quote it",
    ),
    broken(
        "a version that is not modelled",
        "bad.yaml",
        VALID + 'module: {version: "2.0.03"}\n',
        'bad.yaml:3:19: module.version: is a module version that is not modelled (got "2.0.03")',
        "  hint: the nearest are 2.0.02 and 2.0.04; `tdxctl modules` lists all of them",
    ),
    broken(
        "a version of 1.0 that is not modelled",
        "bad.yaml",
        VALID + "module: {version: 1.0.3}\n",
        'bad.yaml:3:19: module.version: is a module version that is not modelled (got "1.0.3")',
        "  hint: the nearest are 1.0 and 1.5.01; `tdxctl modules` lists all of them",
    ),
    broken(
        "a version that is none",
        "bad.yaml",
        VALID + "module: {version: latest}\n",
        'bad.yaml:3:19: module.version: must be a version such as 1.5.25 (got "latest")',
        "  hint: `tdxctl modules` lists all of them",
    ),
    broken(
        "wrong types in module",
        "bad.yaml",
        VALID + "module:\n"
        "  loaded: 1\n"
        "  version: [1, 5, 25]\n"
        "  build_date: 2023-03-23\n"
        "  build_num: a\n"
        "  vendor_id: 32902.0\n"
        "  features: TD_PRESERVING\n"
        '  max_tdmrs: "64"\n'
        "  pamt_entry_size: 16\n"
        "  checks: relaxed\n"
        "kernel: hibernation\n",
        "bad.yaml:4:11: module.loaded: must be true or false (got 1)",
        "bad.yaml:5:12: module.version: must be text (got a list)",
        'bad.yaml:6:15: module.build_date: must be a whole number (got "2023-03-23")',
        'bad.yaml:7:14: module.build_num: must be a whole number (got "a")',
        "bad.yaml:8:14: module.vendor_id: must be a whole number (got 32902.0)",
        (
            "bad.yaml:9:13: module.features: must be a number or a list of feature names (got"
            ' "TD_PRESERVING")'
        ),
        FEATURES,
        'bad.yaml:10:14: module.max_tdmrs: must be a whole number (got "64")',
        "bad.yaml:11:20: module.pamt_entry_size: must be a mapping (got 16)",
        "  hint: keys of module.pamt_entry_size: 4k, 2m, 1g",
        'bad.yaml:12:11: module.checks: must be strict or lax (got "relaxed")',
        'bad.yaml:13:9: kernel: must be a mapping (got "hibernation")',
        "  hint: keys of kernel: hibernation, tdx_host",
    ),
    broken(
        "the module beyond its limits",
        "bad.yaml",
        VALID + "module:\n"
        "  build_date: 0x100000000\n"
        "  build_num: 65536\n"
        "  features: 0x1_0000_0000_0000_0000\n"
        "  num_cpuid_config: -1\n"
        "  max_tdmrs: 0\n"
        "  max_reserved_per_tdmr: 65536\n"
        "  pamt_entry_size: {4k: 65536, 2m: -1, 1g: 1.0}\n"
        "  pamt_page_bitmap_entry_bits: 256\n"
        "  sysinfo_cmr_entries: 33\n",
        "bad.yaml:4:15: module.build_date: must be at most 4294967295 (got 0x100000000)",
        "bad.yaml:5:14: module.build_num: must be at most 65535 (got 65536)",
        (
            "bad.yaml:6:13: module.features: must be at most 0xffffffffffffffff (got "
            "0x1_0000_0000_0000_0000)"
        ),
        "bad.yaml:7:21: module.num_cpuid_config: must be at least 0 (got -1)",
        "bad.yaml:8:14: module.max_tdmrs: must be at least 1 (got 0)",
        "bad.yaml:9:26: module.max_reserved_per_tdmr: must be at most 65535 (got 65536)",
        "bad.yaml:10:25: module.pamt_entry_size.4k: must be at most 65535 (got 65536)",
        "bad.yaml:10:36: module.pamt_entry_size.2m: must be at least 0 (got -1)",
        "bad.yaml:10:44: module.pamt_entry_size.1g: must be a whole number (got 1.0)",
        "bad.yaml:11:32: module.pamt_page_bitmap_entry_bits: must be at most 255 (got 256)",
        "bad.yaml:12:24: module.sysinfo_cmr_entries: must be at most 32 (got 33)",
    ),
    broken(
        "more features than TDX_FEATURES0 has bits",
        "bad.yaml",
        VALID + "module: {features: [" + "X, " * 64 + "X]}\n",
        "bad.yaml:3:20: module.features: has more than 64 entries",
    ),
    broken(
        "a feature that does not exist",
        "bad.yaml",
        VALID + "module: {features: [TD_PRESERVING, TD_PRESERVATION]}\n",
        'bad.yaml:3:36: module.features.1: is not the name of a feature (got "TD_PRESERVATION")',
        FEATURES,
    ),
    broken(
        "a feature that is no name",
        "bad.yaml",
        VALID + "module: {features: [1]}\n",
        "bad.yaml:3:21: module.features.0: is not the name of a feature (got 1)",
        FEATURES,
    ),
    broken(
        "an escape sequence as a feature",
        "bad.yaml",
        VALID + 'module: {features: ["\\x1b[31m"]}\n',
        'bad.yaml:3:21: module.features.0: is not the name of a feature (got "\\u001b[31m")',
        FEATURES,
    ),
    broken(
        "a feature in a list that YAML reads otherwise",
        "bad.yaml",
        VALID + "module: {features: [on]}\n",
        "bad.yaml:3:21: module.features.0: YAML 1.1 reads this as a boolean (got on)",
        TRUE_OR_FALSE,
    ),
    # Faults.
    broken(
        "faults of no kind",
        "bad.yaml",
        VALID + "faults:\n  - memory_notifier\n  - {call: 2}\n  - null\n",
        f'bad.yaml:4:5: faults.0: {A_FAULT} (got "memory_notifier")',
        f"bad.yaml:5:5: faults.1: {A_FAULT} (got a mapping)",
        f"bad.yaml:6:5: faults.2: {A_FAULT} (got null)",
    ),
    broken(
        "faults that are not in a list",
        "bad.yaml",
        VALID + "faults: {leaf: TDH.SYS.INIT, status: GP}\n",
        "bad.yaml:3:9: faults: must be a list (got a mapping)",
        (
            "  hint: an entry has one of the keys leaf, allocation, boot, msr, pconfig, rdrand, "
            "global_lock, tdmr_lock, busy_cpu, module"
        ),
    ),
    broken(
        "SEAMCALL faults",
        "bad.yaml",
        VALID + "faults:\n"
        "  - {leaf: TDH.SYS.INIT}\n"
        "  - {leaf: TDH.SYS.START, status: TDX_NO_LUCK}\n"
        "  - {leaf: 255, status: -1}\n"
        "  - {leaf: true, status: 1.5}\n"
        "  - {leaf: 33, status: 0x1_0000_0000_0000_0000, call: 0, times: 0}\n"
        "  - {leaf: 33, status: UD, cpu: 4, call: first, times: 0x1_0000_0000}\n"
        "  - {leaf: 33, status: UD, cpu: 8192}\n"
        "  - {leaf: 33, status: UD, cpu: all}\n",
        "bad.yaml:4:5: faults.0.status: is required",
        'bad.yaml:5:12: faults.1.leaf: is not the name of a SEAMCALL leaf (got "TDH.SYS.START")',
        "  hint: did you mean TDH.SYS.RD?",
        'bad.yaml:5:35: faults.1.status: is not the name of a SEAMCALL status (got "TDX_NO_LUCK")',
        (
            "bad.yaml:6:12: faults.2.leaf: is not the number of a SEAMCALL leaf that tdxctl "
            "knows (got 255)"
        ),
        "bad.yaml:6:25: faults.2.status: is not a 64-bit status (got -1)",
        "bad.yaml:7:12: faults.3.leaf: must be a SEAMCALL leaf's name or number (got true)",
        "bad.yaml:7:26: faults.3.status: must be a SEAMCALL status's name or number (got 1.5)",
        "bad.yaml:8:24: faults.4.status: is not a 64-bit status (got 0x1_0000_0000_0000_0000)",
        "bad.yaml:8:55: faults.4.call: must be at least 1 (got 0)",
        "bad.yaml:8:65: faults.4.times: must be at least 1 (got 0)",
        "bad.yaml:9:33: faults.5.cpu: does not exist (got 4)",
        "  hint: the enabled CPUs of the MADT are 0-3",
        'bad.yaml:9:42: faults.5.call: must be a whole number (got "first")',
        "bad.yaml:9:56: faults.5.times: must be at most 4294967295 (got 0x1_0000_0000)",
        "bad.yaml:10:33: faults.6.cpu: must be at most 8191 (got 8192)",
        'bad.yaml:11:33: faults.7.cpu: must be a whole number (got "all")',
    ),
    broken(
        "allocation, boot and MSR faults",
        "bad.yaml",
        VALID + "faults:\n"
        "  - {allocation: tdmr, call: 1.5}\n"
        "  - {boot: cpu_notifier}\n"
        "  - {boot: memory_notifier, errno: ENOMEMORY}\n"
        "  - {boot: memory_notifier, errno: 0}\n"
        "  - {boot: memory_notifier, errno: true}\n"
        "  - {msr: 0x88}\n"
        "  - {msr: IA32_MKTME_KEYID_PARTITIONING, fault: 1}\n",
        'bad.yaml:4:18: faults.0.allocation: must be pamt or kernel (got "tdmr")',
        "bad.yaml:4:30: faults.0.call: must be a whole number (got 1.5)",
        "bad.yaml:5:5: faults.1.errno: is required",
        'bad.yaml:5:12: faults.1.boot: must be memory_notifier (got "cpu_notifier")',
        'bad.yaml:6:36: faults.2.errno: is not the name of an errno (got "ENOMEMORY")',
        "  hint: did you mean ENOMEM?",
        "bad.yaml:7:36: faults.3.errno: is not an errno that tdxctl knows (got 0)",
        "bad.yaml:8:36: faults.4.errno: must be an errno's name or number (got true)",
        (
            "bad.yaml:9:11: faults.5.msr: must be 0x87, the only MSR whose fault is modelled "
            "(got 0x88)"
        ),
        (
            "bad.yaml:10:11: faults.6.msr: must be 0x87, the only MSR whose fault is modelled"
            ' (got "IA32_MKTME_KEYID_PARTITIONING")'
        ),
        "bad.yaml:10:49: faults.6.fault: must be true or false (got 1)",
    ),
    broken(
        "a kernel's log",
        "dmesg.yaml",
        "[    0.000000] Linux version 6.8.0\n[    0.000000] BIOS-e820: [mem 0x0-0x9ffff] usable\n",
        "dmesg.yaml:1:16: is not valid YAML: did not find expected <document start>",
        "  hint: this looks like a kernel's log, not like a description of a machine",
    ),
    broken(
        "faults of the module",
        "bad.yaml",
        VALID + "faults:\n"
        "  - {pconfig: entropy, times: 0}\n"
        "  - {pconfig: 0x1_0000_0000}\n"
        "  - {pconfig: true}\n"
        "  - {rdrand: 1}\n"
        "  - {global_lock: mine}\n"
        "  - {tdmr_lock: -1}\n"
        "  - {tdmr_lock: 0, mode: shared}\n"
        "  - {busy_cpu: 4}\n"
        "  - {busy_cpu: 8192}\n"
        "  - {module: stopped}\n",
        'bad.yaml:4:15: faults.0.pconfig: is not a completion code of PCONFIG (got "entropy")',
        "  hint: codes: success, entropy_error, device_busy",
        "bad.yaml:4:31: faults.0.times: must be at least 1 (got 0)",
        "bad.yaml:5:15: faults.1.pconfig: is not a completion code of PCONFIG (got 0x1_0000_0000)",
        "  hint: codes: success, entropy_error, device_busy",
        "bad.yaml:6:15: faults.2.pconfig: must be a completion code's name or number (got true)",
        "bad.yaml:7:14: faults.3.rdrand: must be no_entropy (got 1)",
        'bad.yaml:8:19: faults.4.global_lock: must be exclusive or shared (got "mine")',
        "bad.yaml:9:17: faults.5.tdmr_lock: must be at least 0 (got -1)",
        "bad.yaml:10:20: faults.6.mode: unknown key",
        "  hint: keys of faults.6: tdmr_lock",
        "bad.yaml:11:16: faults.7.busy_cpu: does not exist (got 4)",
        "  hint: the enabled CPUs of the MADT are 0-3",
        "bad.yaml:12:16: faults.8.busy_cpu: must be at most 8191 (got 8192)",
        'bad.yaml:13:14: faults.9.module: must be halted (got "stopped")',
    ),
    broken(
        "SEAMOPS capabilities and integrity",
        "bad.yaml",
        "cpus:\n"
        "  madt: [{apic_id: 0-3}]\n"
        "  seamops: [{value: 0x7f, cpu: 4}, {value: -1}, {cpu: 1}]\n"
        "memory: {ranges: []}\n"
        "firmware: {tdx_without_integrity: 1}\n",
        "bad.yaml:3:32: cpus.seamops.0.cpu: does not exist (got 4)",
        "  hint: the enabled CPUs of the MADT are 0-3",
        "bad.yaml:3:44: cpus.seamops.1.value: must be at least 0 (got -1)",
        "bad.yaml:3:49: cpus.seamops.2.value: is required",
        "bad.yaml:5:35: firmware.tdx_without_integrity: must be true or false (got 1)",
    ),
    broken(
        "more than 4,096 faults",
        "bad.yaml",
        VALID + "faults: [" + "{}, " * 4097 + "]\n",
        "bad.yaml:3:9: faults: has more than 4096 entries",
    ),
    # Many mistakes at once, all of them reported, in the order of the file.
    broken(
        "a description by someone tired",
        "bad.yaml",
        "schema: tdxctl.platform/1\n"
        "name: my server\n"
        "cpus:\n"
        "  model: emerald-rapid\n"
        "  madt:\n"
        "    - {apic_id: 0-63, package: 0}\n"
        "    - {apic_id: 63-127, package: one}\n"
        "  online: 0-200\n"
        "memory:\n"
        "  ranges:\n"
        "    - {start: 1MiB, size: 2GB}\n"
        "    - {start: 4GiB, end: 8GiB, size: 4GiB}\n"
        "    - {start: 010, end: 130GiB}\n"
        "    - {start: 130GiB, size: 128GiB, nod: 1}\n"
        "    - {start: 129GiB, size: 1TiB}\n"
        "  cmrs: all\n"
        "firmware: {seamrr: on, tdx_keyids: 32, tdx_keyids: 64}\n"
        "module: {version: 1.5}\n"
        "kernal: {hibernation: false}\n"
        "faults:\n"
        "  - {leaf: TDH.SYS.KEY.CONFIG, status: KEY_GENERATION_FAIL, cpu: 500}\n",
        f'bad.yaml:2:7: name: {NOT_A_NAME} (got "my server")',
        'bad.yaml:4:10: cpus.model: must be a CPU\'s name or {family, model} (got "emerald-rapid")',
        CPU_MODELS,
        "bad.yaml:7:17: cpus.madt.1.apic_id: names APIC id 63, which cpus.madt.0 has already",
        'bad.yaml:7:34: cpus.madt.1.package: must be a whole number (got "one")',
        'bad.yaml:8:11: cpus.online: names CPU 129, which does not exist (got "0-200")',
        "  hint: the enabled CPUs of the MADT are 0-128",
        f'bad.yaml:11:27: memory.ranges.0.size: {NOT_A_SIZE} (got "2GB")',
        "bad.yaml:12:7: memory.ranges.1: has both an end and a size",
        "  hint: give one of them",
        "bad.yaml:13:15: memory.ranges.2.start: YAML 1.1 reads this as another number (got 010)",
        PLAIN_NUMBER,
        "bad.yaml:14:37: memory.ranges.3.nod: unknown key",
        "  hint: did you mean node?",
        "bad.yaml:15:7: memory.ranges.4: starts at 0x2040000000, below memory.ranges.3",
        "  hint: write the ranges in ascending order",
        'bad.yaml:16:9: memory.cmrs: must be auto or a list (got "all")',
        "bad.yaml:17:20: firmware.seamrr: YAML 1.1 reads this as a boolean (got on)",
        TRUE_OR_FALSE,
        "bad.yaml:17:40: firmware.tdx_keyids: is given twice",
        "  hint: the first one is in line 17",
        "bad.yaml:18:19: module.version: must be text: quote it (got 1.5)",
        "bad.yaml:19:1: kernal: unknown key",
        "  hint: did you mean kernel?",
        (
            "bad.yaml:21:40: faults.0.status: is not the name of a SEAMCALL status (got "
            '"KEY_GENERATION_FAIL")'
        ),
        "  hint: did you mean TDX_KEY_GENERATION_FAILED?",
        "bad.yaml:21:66: faults.0.cpu: does not exist (got 500)",
        "  hint: the enabled CPUs of the MADT are 0-128",
    ),
    broken(
        "the same mistakes in the other order",
        "bad.yaml",
        "faults: [{boot: memory_notifier, errno: EWRONG}]\n"
        "module: {checks: off, version: 1.0}\n"
        "memory: {ranges: [{start: 2GiB, end: 1GiB}], cmrs: 5}\n"
        "cpus: {online: 3, madt: [{apic_id: 0, apic_id: 1}]}\n"
        "name: no\n",
        'bad.yaml:1:41: faults.0.errno: is not the name of an errno (got "EWRONG")',
        "bad.yaml:2:18: module.checks: YAML 1.1 reads this as a boolean (got off)",
        TRUE_OR_FALSE,
        "bad.yaml:2:32: module.version: must be text: quote it (got 1.0)",
        'bad.yaml:3:38: memory.ranges.0.end: must be above start (got "1GiB")',
        END_IS_EXCLUSIVE,
        "bad.yaml:3:52: memory.cmrs: must be auto or a list (got 5)",
        "bad.yaml:4:16: cpus.online: names CPU 3, which does not exist (got 3)",
        "  hint: the enabled CPUs of the MADT are 0",
        "bad.yaml:4:39: cpus.madt.0.apic_id: is given twice",
        "  hint: the first one is in line 4",
        "bad.yaml:5:7: name: YAML 1.1 reads this as a boolean (got no)",
        TRUE_OR_FALSE,
    ),
    broken(
        "many mistakes in JSON",
        "bad.json",
        """{
  "name": "-",
  "cpus": {"madt": [{"apic_id": "0-3"}, {"apic_id": 3}], "online": "all"},
  "memory": {
    "ranges": [
      {"start": "1MiB", "end": "2GiB", "node": 1.0},
      {"start": 0, "end": 4096},
      {"start": "4 GiB", "size": "1GiB"}
    ],
    "reserved": [{"start": 4096}]
  },
  "module": {"loaded": "yes", "version": 1.0, "loaded": true},
  "kernel": null
}
""",
        f'bad.json:2:11: name: {NOT_A_NAME} (got "-")',
        "bad.json:3:53: cpus.madt.1.apic_id: names APIC id 3, which cpus.madt.0 has already",
        "bad.json:6:48: memory.ranges.0.node: must be a whole number (got 1.0)",
        "bad.json:7:7: memory.ranges.1: starts at 0x0, below memory.ranges.0",
        "  hint: write the ranges in ascending order",
        f'bad.json:8:17: memory.ranges.2.start: {NOT_A_SIZE} (got "4 GiB")',
        "bad.json:10:18: memory.reserved.0.end: is required",
        'bad.json:12:24: module.loaded: must be true or false (got "yes")',
        "bad.json:12:42: module.version: must be text: quote it (got 1.0)",
        "bad.json:12:47: module.loaded: is given twice",
        "  hint: the first one is in line 12",
        "bad.json:13:13: kernel: must be a mapping (got null)",
        "  hint: keys of kernel: hibernation, tdx_host",
    ),
    broken(
        "wrong in the same place of many entries",
        "bad.yaml",
        CPUS
        + "memory:\n  ranges:\n"
        + "".join(f"    - {{start: {i}MiB, size: 1MiB, noode: 0}}\n" for i in range(3)),
        "bad.yaml:4:33: memory.ranges.0.noode: unknown key",
        "  hint: did you mean node?",
        "bad.yaml:5:33: memory.ranges.1.noode: unknown key",
        "  hint: did you mean node?",
        "bad.yaml:6:33: memory.ranges.2.noode: unknown key",
        "  hint: did you mean node?",
    ),
    broken(
        "a mistake seen through an alias",
        "bad.yaml",
        CPUS + "memory:\n  ranges: []\n  cmrs:\n    - &cmr {base: 1MiB, size: 2GB}\n    - *cmr\n",
        f'bad.yaml:5:31: memory.cmrs.0.size: {NOT_A_SIZE} (got "2GB")',
        f'bad.yaml:6:7: memory.cmrs.1.size: {NOT_A_SIZE} (got "2GB")',
    ),
    # What cannot be read, or is told already, is told once.
    broken(
        "a CPUID leaf that is no number, and a range with an end and a size that is none",
        "bad.yaml",
        "cpus:\n"
        "  madt: [{apic_id: 0}]\n"
        "  cpuid: [{leaf: x, register: eax, value: 0}]\n"
        "memory:\n"
        "  ranges: [{start: 0, end: 0x40000000, size: 0}]\n"
        'faults: [{msr: "0X87"}]\n',
        'bad.yaml:3:18: cpus.cpuid.0.leaf: must be a whole number (got "x")',
        "bad.yaml:5:12: memory.ranges.0: has both an end and a size",
        "  hint: give one of them",
    ),
]

# Messages about YAML syntax are the parser's own.
in_words_of_libyaml = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML lacks libyaml")
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])


def messages(error: DescriptionError) -> list[str]:
    """The lines a person reads."""
    return [line for problem in error.diagnostics() for line in problem.render().split("\n")]


@in_words_of_libyaml
@each_row
def test_every_mistake_is_reported_at_its_place(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(row.file).write_bytes(row.content)
    with pytest.raises(DescriptionError) as caught:
        Platform.load(row.file)
    assert messages(caught.value) == row.lines
    assert caught.value.exit_code == 3


@each_row
def test_the_parser_in_python_finds_the_same(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect no difference where PyYAML was built without libyaml, but in its own words."""
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    monkeypatch.chdir(tmp_path)
    Path(row.file).write_bytes(row.content)
    with pytest.raises(DescriptionError) as caught:
        Platform.load(row.file)
    own_words = "is not valid YAML"
    assert [line.partition(own_words)[0] for line in messages(caught.value)] == [
        line.partition(own_words)[0] for line in row.lines
    ]


@in_words_of_libyaml
def test_no_row_gets_through_the_command_line_and_none_harms_a_terminal(tmp_path: Path) -> None:
    """One `tdxctl validate` of all rows, each in a folder of its own."""
    files, expected = [], []
    for number, row in enumerate(ROWS):
        folder = f"{number:03}"
        (tmp_path / folder).mkdir()
        (tmp_path / folder / row.file).write_bytes(row.content)
        files.append(f"{folder}/{row.file}")
        expected += [line if line.startswith("  ") else f"{folder}/{line}" for line in row.lines]
    done = tdxctl("validate", "--format", "json", *files, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.split("\n") == [*expected, ""]
    assert "Traceback" not in done.stderr + done.stdout
    assert all(line.isprintable() for line in (done.stderr + done.stdout).split("\n"))
    reported = json.loads(done.stdout)
    assert len(reported["diagnostics"]) == sum(not line.startswith("  ") for line in expected)


TIRED = VALID + "firmware: {tdx_keyids: 010}\nmodule: {version: 1.0}\n"
COMPLAINTS = [
    "bad.yaml:3:24: firmware.tdx_keyids: YAML 1.1 reads this as another number (got 010)",
    PLAIN_NUMBER,
    "bad.yaml:4:19: module.version: must be text: quote it (got 1.0)",
]


def test_init_prints_mistakes_on_standard_error_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(TIRED)
    done = tdxctl("init", "--platform", "bad.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.split("\n") == [*COMPLAINTS, ""]


@pytest.mark.parametrize("output_format", ["json", "jsonl"])
def test_init_also_prints_an_error_object_for_programs(tmp_path: Path, output_format: str) -> None:
    (tmp_path / "bad.yaml").write_text(TIRED)
    done = tdxctl("init", "--platform", "bad.yaml", "--format", output_format, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.split("\n") == [*COMPLAINTS, ""]
    assert json.loads(done.stdout) == {
        "schema": "tdxctl.error/1",
        "exit": 3,
        "diagnostics": [
            {
                "severity": "error",
                "summary": "YAML 1.1 reads this as another number",
                "detail": "got 010",
                "hint": "write it in decimal or as 0x..., or quote it",
                "file": "bad.yaml",
                "line": 3,
                "column": 24,
                "path": "firmware.tdx_keyids",
            },
            {
                "severity": "error",
                "summary": "must be text: quote it",
                "detail": "got 1.0",
                "hint": None,
                "file": "bad.yaml",
                "line": 4,
                "column": 19,
                "path": "module.version",
            },
        ],
    }


@pytest.mark.parametrize(
    ("platform", "reason"),
    [
        ("missing.yaml", "no such file or directory"),
        ("./server.yml", "no such file or directory\n  hint: did you mean server.yaml?"),
        ("./sever.yaml", "no such file or directory\n  hint: did you mean server.yaml?"),
        (
            "./missing/x.json",
            "no such file or directory\n  hint: there is no folder './missing'",
        ),
        ("./", "is a directory\n  hint: name a file that is in it"),
    ],
)
def test_what_is_no_file_is_a_mistake_in_the_command(
    tmp_path: Path, platform: str, reason: str
) -> None:
    (tmp_path / "server.yaml").write_text("{}")
    done = tdxctl("init", "--platform", platform, "--format", "json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: cannot read '{platform}': {reason}\n"
    assert json.loads(done.stdout)["exit"] == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (VALID + "name: 5\n", "<stdin>:3:7: name: must be text (got 5)\n  hint: quote it\n"),
        (" {" + JSON_VALID + ',\n"name": null}', "<stdin>:2:9: name: must be text (got null)\n"),
        ("", "<stdin>:1:1: is empty\n"),
    ],
    ids=["YAML", "JSON", "nothing"],
)
def test_standard_input_has_a_name_in_messages(tmp_path: Path, text: str, complaint: str) -> None:
    done = tdxctl("init", "--platform", "-", stdin=text, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", complaint)


def test_standard_input_that_is_closed_is_a_mistake_in_the_command() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m tdxctl validate - <&-', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot read standard input: it is closed\n"


# What is odd, at a limit, or between two mistakes, and still right.
ALLOWED = [
    ("an offline logical CPU 0", {"cpus": {"madt": [{"apic_id": "0-3"}], "online": "1-3"}}),
    ("one online CPU, as a number", {"cpus": {"madt": [{"apic_id": "0-3"}], "online": 3}}),
    ("as many CPUs as can be", {"cpus": {"madt": [{"apic_id": "0-8191"}]}}),
    ("the highest ids", {"cpus": {"madt": [{"apic_id": 0xFFFFFFFE, "package": 31}]}}),
    ("APIC ids in no order", {"cpus": {"madt": [{"apic_id": "9,1,5"}, {"apic_id": "0x2"}]}}),
    ("other than the MADT says", {"cpus": {"madt": [{"apic_id": 0}], "disabled_cpus": 8192}}),
    ("no memory", {"memory": {"ranges": []}}),
    (
        "touching ranges, not of whole pages, nodes with gaps",
        {
            "memory": {
                "ranges": [
                    {"start": 1, "end": 4097, "node": 0},
                    {"start": 4097, "size": 1, "node": 1023},
                    {"start": "4GiB", "size": 513, "node": 7},
                ]
            }
        },
    ),
    (
        "as many ranges as can be",
        {"memory": {"ranges": [{"start": i << 20, "size": 4096} for i in range(4096)]}},
    ),
    (
        "reserved ranges in any order, overlapping, and outside",
        {
            "memory": {
                "ranges": [],
                "reserved": [
                    {"start": "2GiB", "end": "4096TiB"},
                    {"start": 0, "end": "3GiB"},
                    {"start": 0, "end": "3GiB"},
                ],
            }
        },
    ),
    (
        "CMRs in any order, empty, unaligned, and as many as can be",
        {
            "memory": {
                "ranges": [],
                "cmrs": [
                    {"base": "4095TiB", "size": "1TiB"},
                    *({"base": i, "size": 0} for i in range(31)),
                ],
            }
        },
    ),
    (
        "more runs of memory above 4 GiB than automatic CMRs, with CMRs of its own",
        {
            "memory": {
                "ranges": [{"start": (2 * i + 4) << 30, "size": 1 << 30} for i in range(32)],
                "cmrs": [{"base": 4 << 30, "size": 64 << 30}],
            }
        },
    ),
    (
        "as many runs of memory above 4 GiB as automatic CMRs",
        {"memory": {"ranges": [{"start": i << 33, "size": "1GiB"} for i in range(1, 32)]}},
    ),
    (
        "memory up to the last address, with a SEAM range elsewhere",
        {
            "memory": {"ranges": [{"start": "4GiB", "end": "4096TiB"}]},
            "firmware": {"seamrr_range": {"base": "2GiB", "size": "32MiB"}},
        },
    ),
    ("as many KeyIDs as can be", {"firmware": {"mktme_keyids": 0xFFFFFFFF, "tdx_keyids": 0}}),
    ("KeyIDs in hex", {"firmware": {"mktme_keyids": "0x1f"}}),
    ("features in small letters, and twice", {"module": {"features": ["ext", "EXT"]}}),
    ("features as a number in quotes", {"module": {"features": "39"}}),
    ("an errno of either sign", {"faults": [{"boot": "memory_notifier", "errno": -12}]}),
    ("a long description", {"description": "[red]\x1b[31m\n" + "x" * 100_000}),
]


@pytest.mark.parametrize(("what", "sections"), ALLOWED, ids=[what for what, _ in ALLOWED])
def test_what_is_odd_but_right_is_accepted(what: str, sections: dict[str, Any]) -> None:
    minimal: dict[str, Any] = {
        "cpus": {"madt": [{"apic_id": 0}]},
        "memory": {"ranges": [{"start": "1MiB", "end": "2GiB"}]},
    }
    platform = Platform.from_dict({**minimal, **sections})
    assert Platform.from_dict(platform.to_dict()) == platform


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes please", "yes please"),
        ("'010'", "010"),
        ('"yes"', "yes"),
        ("2024-01-01", "2024-01-01"),
        ("1.5.25", "1.5.25"),
        ("0o17", "0o17"),
        ("1e400", "1e400"),
        ("|\n  two\n  lines", "two\nlines\n"),
        ("&text once\nname: *text", "once"),
    ],
)
def test_text_is_read_as_it_looks(tmp_path: Path, text: str, value: str) -> None:
    file = tmp_path / "good.yaml"
    file.write_text(f"{VALID}description: {text}\n")
    assert Platform.load(file).description == value


def test_an_alias_stands_for_what_it_stood_for_where_it_is_written(tmp_path: Path) -> None:
    """Expect *entry to hold the first &node although &node is another one by then."""
    file = tmp_path / "good.yaml"
    file.write_text(
        "name: &name good\n"
        "description: *name\n"
        "cpus: {madt: [{apic_id: &node 1}]}\n"
        "memory:\n"
        "  ranges:\n"
        "    - {start: 1MiB, size: 1MiB, node: *node}\n"
        "  reserved:\n"
        "    - &entry {start: *node, end: 2}\n"
        "    - {start: &node 3, end: 4}\n"
        "    - *entry\n"
        "    - {start: *node, end: 5}\n"
    )
    platform = Platform.load(file)
    assert platform.description == "good"
    assert platform.memory.ranges[0].node == 1
    reserved = [(r.start, r.end) for r in platform.memory.reserved]
    assert reserved == [(1, 2), (3, 4), (1, 2), (3, 5)]


def test_a_fault_that_is_switched_off_is_none() -> None:
    platform = Platform.from_dict(
        {
            "cpus": {"madt": [{"apic_id": 0}]},
            "memory": {"ranges": [{"start": "1MiB", "end": "1GiB"}]},
            "faults": [{"msr": 0x87, "fault": False}],
        }
    )
    assert Machine.boot(platform, "6.8").tdx_init().returned == 0


@pytest.mark.parametrize(
    ("description", "complaints"),
    [
        ({}, ["cpus: is required", "memory: is required"]),
        ({1: 2}, ["cpus: is required", "memory: is required", "1: a key must be text"]),
        # Half of a surrogate pair, as JSON can write it: what stands beside it is still read.
        (
            {
                "\udc80": 1,
                "cpus": {"madt": [{"apic_id": 0}], "\ud800": 1},
                "memory": {"ranges": [], "x": 1},
            },
            [
                "a key must be text",
                "cpus: a key must be text",
                "memory.x: unknown key",
                "  hint: keys of memory: ranges, reserved, cmrs",
            ],
        ),
        (
            {"cpus": {"madt": ({"apic_id": 0},)}, "memory": {"ranges": {1, 2}}},
            [
                "cpus.madt: must be a list (got a value of type tuple)",
                "  hint: keys of an entry: apic_id, package, enabled",
                "memory.ranges: must be a list (got a value of type set)",
                "  hint: keys of an entry: start, end, size, node",
            ],
        ),
        (
            {"cpus": {"madt": [{"apic_id": 10**5000}]}, "memory": {"ranges": []}, "name": b"x"},
            [
                "name: must be text (got a value of type bytes)",
                "cpus.madt.0.apic_id: must be from 0 to 4294967294 (got a very long number)",
            ],
        ),
    ],
)
def test_a_dict_that_no_file_can_hold(
    description: dict[str, object], complaints: list[str]
) -> None:
    with pytest.raises(DescriptionError) as caught:
        Platform.from_dict(description)
    assert messages(caught.value) == complaints
