# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.RD, TDH.SYS.RDALL [tdx-module 1.5, 3.7]."""

from __future__ import annotations

import struct
from functools import cache
from itertools import pairwise

from msgspec import Struct

from tdxctl.seam import cpuid_config, global_fields
from tdxctl.seam.metadata import FIELDS, NOT_A_FIELD_ID, NOT_IN_EVERY_RELEASE, code_of
from tdxctl.seam.port import Registers
from tdxctl.seam.state import ModuleState
from tdxctl.seam.status import Operand, Status, with_operand
from tdxctl.units import SZ_4K, U64_MASK

_NONE = U64_MASK
_CONTEXT_BITS = 0x7 << 52


class Field(Struct, frozen=True):
    """A field or an array of them: canonical id of the first element, values of all."""

    id: int
    name: str
    fields: int
    elements: int
    values: tuple[int, ...]
    next: int

    @property
    def count(self) -> int:
        """Elements in all."""
        return self.fields * self.elements


@cache
def fields_of(has: frozenset[str]) -> tuple[Field, ...]:
    """The fields of a release in walk order; has: those that it has of NOT_IN_EVERY_RELEASE."""
    rows = [row for row in FIELDS if row[1] in has or row[1] not in NOT_IN_EVERY_RELEASE]
    following = [row[0] for row in rows[1:]] + [_NONE]
    return tuple(
        Field(
            field_id,
            name,
            fields,
            elements,
            values + values[-1:] * (fields * elements - len(values)),
            following[i],
        )
        for i, (field_id, name, fields, elements, values) in enumerate(rows)
    )


@cache
def _by_code(has: frozenset[str]) -> dict[int, tuple[Field, int]]:
    # (class, field code) of every element -> its field and its index there.
    return {
        code_of(field.id) + i: (field, i) for field in fields_of(has) for i in range(field.count)
    }


def sys_rd(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.RD. RDX: field id; out: RDX next field id or -1, R8 value."""
    # "RDX=-1,R8=0 first"
    out = registers._replace(rdx=_NONE, r8=0)
    if cpu not in state.initialized_lps:
        return out._replace(rax=Status.TDX_SYS_LP_INIT_NOT_DONE)
    field_id = registers.rdx
    has = state.fields
    if field_id == _NONE:
        first = fields_of(has)[0].id
        return out._replace(rax=Status.TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT, rdx=first)
    found = _by_code(has).get(code_of(field_id))
    if field_id & NOT_A_FIELD_ID or found is None:
        return out._replace(rax=Status.TDX_METADATA_FIELD_ID_INCORRECT)
    field, index = found
    # "if the id is an element, not the last one, of an array ..., next = input id with bits 54:52
    # cleared, plus 1, ...; in every other case ... next = the canonical id of the next field"
    last = index == field.count - 1
    following = field.next if last else (field_id & ~_CONTEXT_BITS) + 1
    return out._replace(rax=Status.TDX_SUCCESS, rdx=following, r8=_value(state, field, index))


def sys_rdall(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.RDALL. RDX: a 4 KiB page, R8: first field id or -1; out: R8 = -1."""
    out = registers._replace(r8=_NONE)
    if cpu not in state.initialized_lps:
        return out._replace(rax=Status.TDX_SYS_LP_INIT_NOT_DONE)
    if not state.is_shared_hpa(registers.rdx, SZ_4K, SZ_4K):
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RDX))
    fields = fields_of(state.fields)
    start = (0, 0)
    if registers.r8 != _NONE:
        found = _start(fields, registers.r8)
        if found is None:
            return out._replace(rax=Status.TDX_METADATA_FIELD_ID_INCORRECT)
        start = found
    data = _metadata_list(state, fields[start[0] :], start[1])
    state.memory.write(state.without_hkid(registers.rdx), data)
    return out._replace(rax=Status.TDX_SUCCESS)


def _start(fields: tuple[Field, ...], field_id: int) -> tuple[int, int] | None:
    # "A good start id has a known class ... and field code ..., the right size code (33:32) and is
    # the first element of its field ...; all other bits of R8 are ignored". Which row, and which of
    # its fields.
    for i, field in enumerate(fields):
        element = code_of(field_id) - code_of(field.id)
        if 0 <= element < field.count and (field.id ^ field_id) >> 32 & 3 == 0:
            number, rest = divmod(element, field.elements)
            return None if rest else (i, number)
    return None


def _metadata_list(state: ModuleState, fields: tuple[Field, ...], skip: int) -> bytes:
    # skip: how many fields of the first row are left out.
    sequences: list[list[Field]] = []
    for previous, field in pairwise((None, *fields)):
        assert field is not None
        if previous is not None and _continues(previous, field):
            sequences[-1].append(field)
        else:
            sequences.append([field])
    words: list[int] = []
    for sequence in sequences:
        first = sequence[0]
        count = sum(field.fields for field in sequence) - skip
        head = (first.id + skip * first.elements) | (count - 1) << 38 | (first.elements - 1) << 34
        values = [_value(state, field, i) for field in sequence for i in range(field.count)]
        words += [head, *values[skip * first.elements :]]
        skip = 0
    # "bits 15:0 size of the list in bytes incl. this word, bits 31:16 number of sequences"
    size = 8 * (len(words) + 1)
    return struct.pack(f"<{len(words) + 1}Q", size | len(sequences) << 16, *words)


def _continues(previous: Field, field: Field) -> bool:
    # "the same class, the same size code, the same number of elements per field and a field code
    # that continues without a gap ...; bit 63 does not matter"
    same_kind = (previous.id ^ field.id) >> 32 & 3 == 0 and previous.elements == field.elements
    return same_kind and code_of(field.id) == code_of(previous.id) + previous.count


def _value(state: ModuleState, field: Field, index: int) -> int:
    match field.name:
        case "CMR_BASE" | "CMR_SIZE":
            cmrs = state.platform.cmrs
            return cmrs[index][field.name == "CMR_SIZE"] if index < len(cmrs) else 0
        case "CPUID_CONFIG_LEAVES":
            entries = state.profile.cpuid_config
            return cpuid_config.leaf_and_subleaf(entries[index]) if index < len(entries) else _NONE
        case "CPUID_CONFIG_VALUES":
            return _cpuid_config(state, index)
        case name if field.count == 1:
            return global_fields.value(state, name)
        case _:
            return field.values[index]


def _cpuid_config(state: ModuleState, index: int) -> int:
    # "CPUID_CONFIG_VALUES[i][0] = EBX:EAX, [i][1] = EDX:ECX" [tdx-module 8]
    entries = state.profile.cpuid_config
    number, half = divmod(index, 2)
    if number >= len(entries):
        return 0
    # "only [01] leaves the OR to SYS.INFO" [tdx-module-releases C]
    entry = entries[number]
    native = state.profile.sys_rd_has_native_cpuid
    registers = cpuid_config.with_native(state, entry) if native else entry.configurable
    return registers[2 * half] | registers[2 * half + 1] << 32
