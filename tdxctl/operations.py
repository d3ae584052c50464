# SPDX-License-Identifier: Apache-2.0
"""Operations on a machine, one record each: what it does, what it is called, how it is stored.

A new operation is a record here, whose fields are of types that have a form below. The stored form
is `{"op": ..., field: ...}` in the order of the fields; a field that is None is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import index
from typing import Annotated, Any, get_args, get_type_hints

from msgspec import Struct

from tdxctl.errors import StateError
from tdxctl.events import OpResult
from tdxctl.linux.parts import UpdateImage
from tdxctl.platform.canonical import built_one_of, plain
from tdxctl.platform.faults import RuntimeFault
from tdxctl.seam.port import Registers
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.machine import Machine


class _Form(Struct, frozen=True):
    """How a value is stored. read raises where it finds something else."""

    write: Callable[[Any], object]
    read: Callable[[Any], Any]


def _from_hex(text: str) -> int:
    return int(text, 16)


Hex = Annotated[int, _Form(hex, _from_hex)]
HexBytes = Annotated[bytes, _Form(bytes.hex, bytes.fromhex)]
HexRegisters = Annotated[
    Registers,
    _Form(lambda words: [*map(hex, words)], lambda words: Registers(*map(_from_hex, words))),
]
Image = Annotated[
    UpdateImage,
    _Form(
        lambda image: {"header": image.header.hex(), "size": image.size},
        lambda image: UpdateImage(bytes.fromhex(image["header"]), index(image["size"])),
    ),
]
Fault = Annotated[
    RuntimeFault,
    _Form(plain, lambda fault: built_one_of(RuntimeFault, fault, canonical=True)),
]


class Operation(Struct, frozen=True):
    """Something that is done to a running machine.

    op: what it is called where it is stored. words: what it is called where it is shown, by
    default the same; fields stand in braces.
    """

    op = ""
    words = ""

    def perform(self, machine: Machine) -> OpResult:
        """Do it to machine. Raises what the machine's method raises."""
        return self._on(machine)

    def _on(self, machine: Machine) -> OpResult:
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What commands call it: `cpu 3 offline`."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return (self.words or self.op.replace("_", " ")).format(**fields)

    def to_dict(self) -> dict[str, object]:
        """The stored form."""
        given = ((name, form, getattr(self, name)) for name, form in _forms(type(self)).items())
        fields = {name: form.write(value) for name, form, value in given if value is not None}
        return {"op": self.op, **fields}

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Operation:
        """The operation of a stored form. Raises StateError for what is none."""
        op = str(stored.get("op"))
        given = {name: value for name, value in stored.items() if name != "op"}
        try:
            kind = _kinds()[op]
            forms = _forms(kind)
            return kind(**{name: forms[name].read(value) for name, value in given.items()})
        except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
            raise StateError(
                f"an operation that this tdxctl does not know: {printable(op)}"
            ) from None


class Boot(Operation, frozen=True):
    """The boot that a running machine has had: the first of its operations."""

    op = "boot"

    def _on(self, machine: Machine) -> OpResult:
        return machine.boot_result


class Init(Operation, frozen=True):
    """So many callers of tdx_init() at once."""

    op = "init"
    callers: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.tdx_init(self.callers)


class InitHost(Operation, frozen=True):
    """So many callers at once, the last of which is the load of kvm_intel."""

    op = "init_host"
    callers: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.init_host(self.callers)


class KvmLoad(Operation, frozen=True):
    """kvm_intel is inserted, with that parameter or as the description has it."""

    op = "kvm_load"
    tdx: bool | None = None

    def _on(self, machine: Machine) -> OpResult:
        return machine.kvm_load(self.tdx)


class KvmUnload(Operation, frozen=True):
    """kvm_intel is removed."""

    op = "kvm_unload"

    def _on(self, machine: Machine) -> OpResult:
        return machine.kvm_unload()


class Enable(Operation, frozen=True):
    """tdx_enable() without the CPUs first."""

    op = "enable"

    def _on(self, machine: Machine) -> OpResult:
        return machine.tdx_enable()


class CpuOnline(Operation, frozen=True):
    """A logical CPU comes up."""

    op, words = "cpu_online", "cpu {cpu} online"
    cpu: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.cpu_online(self.cpu)


class CpuOffline(Operation, frozen=True):
    """A logical CPU goes down."""

    op, words = "cpu_offline", "cpu {cpu} offline"
    cpu: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.cpu_offline(self.cpu)


class MemoryOnline(Operation, frozen=True):
    """The memory [start, end) comes online."""

    op, words = "memory_online", "memory {start:#x}-{end:#x} online"
    start: int
    end: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.memory_online(self.start, self.end)


class Hotplug(Operation, frozen=True):
    """CPUs or the memory [start, end) are added or removed; what as in Machine.hotplug."""

    op, words = "hotplug", "hotplug {what}"
    what: str
    start: int
    end: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.hotplug(self.what, self.start, self.end)


class ModuleLoad(Operation, frozen=True):
    """A fresh TDX module is put in place."""

    op = "module_load"

    def _on(self, machine: Machine) -> OpResult:
        return machine.load_module()


class ModuleUnload(Operation, frozen=True):
    """The TDX module is taken away."""

    op = "module_unload"

    def _on(self, machine: Machine) -> OpResult:
        return machine.unload_module()


class ModuleShutdown(Operation, frozen=True):
    """The TDX module is shut down by hand."""

    op = "module_shutdown"

    def _on(self, machine: Machine) -> OpResult:
        return machine.shut_down_module()


class ModuleUpdate(Operation, frozen=True):
    """The TDX module is updated; the fields are the arguments of Machine.update_module."""

    op = "module_update"
    force: bool = False
    version: str | None = None
    image: Image | None = None

    def _on(self, machine: Machine) -> OpResult:
        return machine.update_module(self.version, image=self.image, force=self.force)


class GuestKeyid(Operation, frozen=True):
    """A guest KeyID is taken (alloc) or given back (free)."""

    op, words = "guest_keyid", "keyid {action}"
    action: str

    def _on(self, machine: Machine) -> OpResult:
        return machine.guest_keyid(self.action)


class Pamt(Operation, frozen=True):
    """A TD takes (get) or gives back (put) the page at pa."""

    op, words = "pamt", "pamt {action} {pa:#x}"
    action: str
    pa: Hex

    def _on(self, machine: Machine) -> OpResult:
        return machine.pamt(self.action, self.pa)


class Kexec(Operation, frozen=True):
    """The kernel is left for itself."""

    op = "kexec"

    def _on(self, machine: Machine) -> OpResult:
        return machine.kexec()


class FaultSet(Operation, frozen=True):
    """One more fault is scripted."""

    op = "fault_set"
    fault: Fault

    def _on(self, machine: Machine) -> OpResult:
        return machine.set_fault(self.fault)


class FaultClear(Operation, frozen=True):
    """All scripted faults are forgotten."""

    op = "fault_clear"

    def _on(self, machine: Machine) -> OpResult:
        return machine.clear_faults()


class Seamcall(Operation, frozen=True):
    """A SEAMCALL behind the kernel's back; until as in SeamcallPort.seamcall_repeat."""

    op = "seamcall"
    cpu: int
    registers: HexRegisters
    until: Hex | None = None

    def _on(self, machine: Machine) -> OpResult:
        return machine.seamcall(self.cpu, self.registers, self.until)


class MemoryWrite(Operation, frozen=True):
    """data is stored at physical address at, behind the kernel's back."""

    op = "memory_write"
    at: Hex
    data: HexBytes

    def _on(self, machine: Machine) -> OpResult:
        return machine.write_memory(self.at, self.data)


class MemoryRead(Operation, frozen=True):
    """length bytes at physical address at are looked at."""

    op = "memory_read"
    at: Hex
    length: int

    def _on(self, machine: Machine) -> OpResult:
        return machine.read_memory(self.at, self.length)


@cache
def _kinds() -> dict[str, type[Operation]]:
    return {kind.op: kind for kind in Operation.__subclasses__()}


@cache
def _forms(kind: type[Operation]) -> dict[str, _Form]:
    # The form of each field's type, which for a number, a word or a flag is itself.
    hints = get_type_hints(kind, include_extras=True)
    return {name: _form(hints[name]) for name in kind.__struct_fields__}


def _form(hint: Any) -> _Form:
    if hasattr(hint, "__metadata__"):
        return next(form for form in hint.__metadata__ if isinstance(form, _Form))
    if options := get_args(hint):
        return _form(options[0])

    def read(value: object) -> object:
        if type(value) is not hint:
            raise TypeError(hint)
        return value

    return _Form(lambda value: value, read)
