# SPDX-License-Identifier: Apache-2.0
"""Operations on a machine as they are recorded: dicts of JSON values, and what performs them."""

from __future__ import annotations

from tdxctl.errors import StateError
from tdxctl.events import OpResult
from tdxctl.machine import Machine
from tdxctl.platform.canonical import built_one_of, plain
from tdxctl.platform.faults import RuntimeFault
from tdxctl.seam.port import Registers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.linux.parts import UpdateImage

Operation = dict[str, object]

_WITHOUT_ARGUMENTS = {
    "enable": Machine.tdx_enable,
    "module_load": Machine.load_module,
    "module_unload": Machine.unload_module,
    "module_shutdown": Machine.shut_down_module,
    "fault_clear": Machine.clear_faults,
    "kexec": Machine.kexec,
}


def perform(machine: Machine, operation: Operation) -> OpResult:
    """One recorded operation on a machine."""
    if (method := _WITHOUT_ARGUMENTS.get(str(operation["op"]))) is not None:
        return method(machine)
    match operation:
        case {"op": "init", "callers": int(callers)}:
            return machine.tdx_init(callers)
        case {"op": "cpu_online", "cpu": int(cpu)}:
            return machine.cpu_online(cpu)
        case {"op": "cpu_offline", "cpu": int(cpu)}:
            return machine.cpu_offline(cpu)
        case {"op": "memory_online", "start": int(start), "end": int(end)}:
            return machine.memory_online(start, end)
        case {"op": "fault_set", "fault": dict(fault)}:
            return machine.set_fault(built_one_of(RuntimeFault, fault, canonical=True))
        case {"op": "module_update", "force": bool(force), **more}:
            image = _image(more["image"]) if "image" in more else None
            version = str(more["version"]) if "version" in more else None
            return machine.update_module(version, image=image, force=force)
        case {"op": "guest_keyid", "action": str(action)}:
            return machine.guest_keyid(action)
        case {"op": "pamt", "action": str(action), "pa": str(pa)}:
            return machine.pamt(action, int(pa, 16))
        case {"op": "hotplug", "what": str(what), "start": int(start), "end": int(end)}:
            return machine.hotplug(what, start, end)
        case _:
            return _behind_the_kernel(machine, operation)


def _behind_the_kernel(machine: Machine, operation: Operation) -> OpResult:
    match operation:
        case {"op": "seamcall", "cpu": int(cpu), "registers": list(words), **more}:
            registers = Registers(*(int(word, 16) for word in words))
            until = int(str(more["until"]), 16) if "until" in more else None
            return machine.seamcall(cpu, registers, until)
        case {"op": "memory_write", "at": str(at), "data": str(data)}:
            return machine.write_memory(int(at, 16), bytes.fromhex(data))
        case {"op": "memory_read", "at": str(at), "length": int(length)}:
            return machine.read_memory(int(at, 16), length)
        case _:
            raise StateError(f"an operation that this tdxctl does not know: {operation.get('op')}")


def _image(image: object) -> UpdateImage:
    from tdxctl.linux.parts import UpdateImage

    match image:
        case {"header": str(header), "size": int(size)}:
            return UpdateImage(bytes.fromhex(header), size)
        case _:
            raise StateError("an update image that this tdxctl does not know")


def set_fault(fault: RuntimeFault) -> Operation:
    """The operation that scripts fault."""
    return {"op": "fault_set", "fault": plain(fault)}
