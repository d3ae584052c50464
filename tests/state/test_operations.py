# SPDX-License-Identifier: Apache-2.0
"""Every operation: its stored form, which other releases wrote and will read, and its label."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tdxctl.errors import StateError
from tdxctl.linux.parts import UpdateImage
from tdxctl.operations import (
    Boot,
    CpuOffline,
    CpuOnline,
    Enable,
    FaultClear,
    FaultSet,
    GuestKeyid,
    Hotplug,
    Init,
    InitHost,
    Kexec,
    KvmLoad,
    KvmUnload,
    MemoryOnline,
    MemoryRead,
    MemoryWrite,
    ModuleLoad,
    ModuleShutdown,
    ModuleUnload,
    ModuleUpdate,
    Operation,
    Pamt,
    Seamcall,
)
from tdxctl.platform.faults import PconfigFault, SeamcallFault
from tdxctl.seam.port import Registers

WORDS = '["0x8000000000000021","0x1","0x2","0x3","0x4","0x5","0xffffffffffffffff"]'
REGISTERS = Registers(0x8000000000000021, 1, 2, 3, 4, 5, 0xFFFFFFFFFFFFFFFF)
EVERY: list[tuple[Operation, str, str]] = [
    (Boot(), '{"op":"boot"}', "boot"),
    (Init(3), '{"op":"init","callers":3}', "init"),
    (InitHost(3), '{"op":"init_host","callers":3}', "init host"),
    (KvmLoad(), '{"op":"kvm_load"}', "kvm load"),
    (KvmLoad(tdx=False), '{"op":"kvm_load","tdx":false}', "kvm load"),
    (KvmUnload(), '{"op":"kvm_unload"}', "kvm unload"),
    (Enable(), '{"op":"enable"}', "enable"),
    (CpuOnline(3), '{"op":"cpu_online","cpu":3}', "cpu 3 online"),
    (CpuOffline(0), '{"op":"cpu_offline","cpu":0}', "cpu 0 offline"),
    (
        MemoryOnline(1 << 32, 5 << 30),
        '{"op":"memory_online","start":4294967296,"end":5368709120}',
        "memory 0x100000000-0x140000000 online",
    ),
    (
        Hotplug("add-memory", 1 << 32, 5 << 30),
        '{"op":"hotplug","what":"add-memory","start":4294967296,"end":5368709120}',
        "hotplug add-memory",
    ),
    (ModuleLoad(), '{"op":"module_load"}', "module load"),
    (ModuleUnload(), '{"op":"module_unload"}', "module unload"),
    (ModuleShutdown(), '{"op":"module_shutdown"}', "module shutdown"),
    (ModuleUpdate(), '{"op":"module_update","force":false}', "module update"),
    (
        ModuleUpdate(True, "1.5.24", UpdateImage(b"\0\2TDX", 12288)),
        '{"op":"module_update","force":true,"version":"1.5.24",'
        '"image":{"header":"0002544458","size":12288}}',
        "module update",
    ),
    (GuestKeyid("alloc"), '{"op":"guest_keyid","action":"alloc"}', "keyid alloc"),
    (
        Pamt("get", 8 << 30),
        '{"op":"pamt","action":"get","pa":"0x200000000"}',
        "pamt get 0x200000000",
    ),
    (Kexec(), '{"op":"kexec"}', "kexec"),
    (
        FaultSet(SeamcallFault(leaf=31, status=0x8000020300000000, call=2)),
        '{"op":"fault_set","fault":{"leaf":31,"status":"0x8000020300000000","call":2,"times":1}}',
        "fault set",
    ),
    (
        FaultSet(PconfigFault(2)),
        '{"op":"fault_set","fault":{"pconfig":2,"call":1,"times":1}}',
        "fault set",
    ),
    (FaultClear(), '{"op":"fault_clear"}', "fault clear"),
    (
        Seamcall(1, REGISTERS),
        f'{{"op":"seamcall","cpu":1,"registers":{WORDS}}}',
        "seamcall",
    ),
    (
        Seamcall(1, REGISTERS, 1 << 40),
        f'{{"op":"seamcall","cpu":1,"registers":{WORDS},"until":"0x10000000000"}}',
        "seamcall",
    ),
    (
        MemoryWrite(0x10000, b"\1\xff"),
        '{"op":"memory_write","at":"0x10000","data":"01ff"}',
        "memory write",
    ),
    (MemoryRead(0x10000, 8), '{"op":"memory_read","at":"0x10000","length":8}', "memory read"),
]


@pytest.mark.parametrize(("operation", "stored", "label"), EVERY, ids=[e[1] for e in EVERY])
def test_an_operation_is_stored_read_again_and_named(
    operation: Operation, stored: str, label: str
) -> None:
    assert json.dumps(operation.to_dict(), separators=(",", ":")) == stored
    assert Operation.from_dict(json.loads(stored)) == operation
    assert operation.label == label


def test_none_is_missing_above() -> None:
    assert {type(operation) for operation, _, _ in EVERY} == {*Operation.__subclasses__()}


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ({}, "None"),
        ({"op": "suspend"}, "suspend"),
        ({"op": ["boot"]}, "['boot']"),
        ({"op": "sus\x1b[2Jpend"}, "sus\\x1b[2Jpend"),
        ({"op": "cpu_online"}, "cpu_online"),
        ({"op": "cpu_online", "cpu": "3"}, "cpu_online"),
        ({"op": "cpu_online", "cpu": True}, "cpu_online"),
        ({"op": "cpu_online", "cpu": 3, "node": 1}, "cpu_online"),
        ({"op": "module_update", "force": 1}, "module_update"),
        ({"op": "module_update", "force": True, "image": {"header": "00"}}, "module_update"),
        ({"op": "fault_set", "fault": {"colour": "red"}}, "fault_set"),
        ({"op": "fault_set", "fault": None}, "fault_set"),
        ({"op": "pamt", "action": "get", "pa": "8GiB"}, "pamt"),
        ({"op": "seamcall", "cpu": 0, "registers": ["0x0"] * 8}, "seamcall"),
        ({"op": "memory_write", "at": "0x0", "data": "0"}, "memory_write"),
    ],
)
def test_what_is_no_operation_is_of_another_tdxctl(stored: dict[str, Any], named: str) -> None:
    with pytest.raises(StateError) as caught:
        Operation.from_dict(stored)
    assert caught.value.message == f"an operation that this tdxctl does not know: {named}"
