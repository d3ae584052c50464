# SPDX-License-Identifier: Apache-2.0
"""The faults that a description or a running machine can script, one record each.

The first key of a record tells it apart from the others. A new kind of fault is a record here, in
the union of those that it is one of, and what it does: `Machine` for one that can be set on a
running machine, `assembly` for one of the boot.
"""

from typing import Annotated

from msgspec import Struct

from tdxctl.platform.fields import (
    CALL,
    CPU,
    ERRNO,
    FLAG,
    LEAF,
    PCONFIG,
    STATUS,
    U16,
    MSR_0x87,
    one_of,
)
from tdxctl.platform.keys import Key, branches_of, fields_of

_CALL = Key("The first that it happens to, counted from 1 whether or not it does.", CALL)
_TIMES = Key("To how many, one after the other, it happens.", CALL)


class SeamcallFault(Struct, frozen=True):
    """Calls of a SEAMCALL leaf that return a status, and do not reach the module."""

    leaf: Annotated[int, Key("The SEAMCALL leaf, by its name or number.", LEAF)]
    status: Annotated[
        int, Key("What the call returns in RAX, by its name (details zero) or as a number.", STATUS)
    ]
    cpu: Annotated[
        int | None, Key("The logical CPU whose calls are counted and fail; without it any.", CPU)
    ] = None
    call: Annotated[int, _CALL] = 1
    times: Annotated[int, _TIMES] = 1


class AllocationFault(Struct, frozen=True):
    """Allocations of the kernel that fail."""

    allocation: Annotated[
        str,
        Key(
            "What is allocated: pamt (alloc_contig_pages returns NULL) or kernel (any other).",
            one_of("pamt", "kernel"),
        ),
    ]
    call: Annotated[int, _CALL] = 1
    times: Annotated[int, _TIMES] = 1


class BootFault(Struct, frozen=True):
    """A registration at boot that fails."""

    boot: Annotated[str, Key("Which registration fails.", one_of("memory_notifier"))]
    errno: Annotated[
        int, Key("The errno it fails with, by its name or a number of either sign.", ERRNO)
    ]


class MsrReadFault(Struct, frozen=True):
    """An MSR that cannot be read: RDMSR raises #GP."""

    msr: Annotated[int, Key("The MSR; 0x87 is the only one whose fault is modelled.", MSR_0x87)]
    fault: Annotated[bool, Key("Whether reading it raises #GP.", FLAG)] = True


class PconfigFault(Struct, frozen=True):
    """PCONFIGs of the module that complete with another code than success."""

    pconfig: Annotated[int, Key("The completion code, by its name or number.", PCONFIG)]
    call: Annotated[int, _CALL] = 1
    times: Annotated[int, _TIMES] = 1


class RdrandFault(Struct, frozen=True):
    """RDRANDs of the module, and of P-SEAMLDR, that have no entropy."""

    rdrand: Annotated[str, Key("What RDRAND gives.", one_of("no_entropy"))]
    call: Annotated[int, _CALL] = 1
    times: Annotated[int, _TIMES] = 1


class GlobalLock(Struct, frozen=True):
    """The module's global lock, held by another CPU."""

    global_lock: Annotated[str, Key("How the lock is held.", one_of("exclusive", "shared"))]


class TdmrLock(Struct, frozen=True):
    """The lock of a TDMR, held by another CPU."""

    tdmr_lock: Annotated[int, Key("The index of the TDMR.", U16)]


class BusyCpu(Struct, frozen=True):
    """A CPU that is inside the module."""

    busy_cpu: Annotated[int, Key("The logical CPU.", CPU)]


class HaltedModule(Struct, frozen=True):
    """A module that shut itself down on a fatal error."""

    module: Annotated[str, Key("What the module is.", one_of("halted"))]


ModuleFault = PconfigFault | RdrandFault | GlobalLock | TdmrLock | BusyCpu | HaltedModule
#: What can be scripted on a running machine.
RuntimeFault = SeamcallFault | AllocationFault | ModuleFault
Fault = SeamcallFault | AllocationFault | BootFault | MsrReadFault | ModuleFault

#: The keys that tell faults apart, and those of the ones that are over once a machine runs.
FAULT_KEYS = tuple(branches_of(Fault))
BOOT_FAULT_KEYS = frozenset(FAULT_KEYS) - branches_of(RuntimeFault).keys()


def cpus_of(fault: Fault) -> list[int]:
    """The logical CPUs that a fault names."""
    named = (field.attribute for field in fields_of(type(fault)) if field.key.value is CPU)
    return [cpu for attribute in named if (cpu := getattr(fault, attribute)) is not None]
