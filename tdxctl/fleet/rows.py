# SPDX-License-Identifier: Apache-2.0
"""A row of hosts and a row of verdicts, declared once: `arrow` makes columns of them.

Their JSON Schemas are those of a line of JSON.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from tdxctl.document import Count, Hex, one_of


class Memory(Struct, frozen=True):
    """A range of memblock.memory: bytes, end exclusive, and its NUMA node."""

    start: Count
    end: Count
    node: Count = 0


class Reserved(Struct, frozen=True):
    """Memory in use, where no PAMT can be placed: bytes, end exclusive."""

    start: Count
    end: Count


class Cmr(Struct, frozen=True):
    """A Convertible Memory Range: bytes."""

    base: Count
    size: Count


class Cpus(Struct, frozen=True, kw_only=True):
    """CPUs of a package that follow each other: enabled in the MADT, so many of them online (the
    first ones), and so many slots beside them that are not enabled.
    """

    package: Count = 0
    cpus: Count
    online: Count
    not_enabled: Count = 0


class Host(Struct, frozen=True):
    """A host: what a platform description says of it, in columns.

    memory is needed, null in another column is the default of a description, and a column of nulls
    may be left out. cmrs null: as real firmware makes them of the memory (`auto`). cpus null: one
    CPU. kvm: the parameter kvm_intel.tdx. settings: what has no column, as a JSON object with the
    keys of a description: {"module": {"max_tdmrs": 32}, "kvm": {"apicv": false}}.
    """

    memory: tuple[Memory, ...]
    host: str | None = None
    reserved: tuple[Reserved, ...] | None = None
    cmrs: tuple[Cmr, ...] | None = None
    cpus: tuple[Cpus, ...] | None = None
    cpu_model: str | None = None
    mktme_keyids: Count | None = None
    tdx_keyids: Count | None = None
    seamrr: Annotated[str, one_of("enabled", "disabled", "absent")] | None = None
    module: str | None = None
    build_date: Count | None = None
    build_num: Count | None = None
    kvm: bool | None = None
    settings: str | None = None


class NodeBytes(Struct, frozen=True):
    """Bytes of a NUMA node."""

    node: Count
    bytes: Count


class Verdict(Struct, frozen=True):
    """What becomes of a host under a kernel: a row for each of both.

    row: the number of the host's row, from 0 on. initializes: its module is initialized. kvm:
    what the load of kvm_intel leaves the host with (ready, tdx-off, kvm-does-not-load, no-
    capacity), null where KVM is not asked. status, errno, cause, seamcall_status: as `tdxctl
    init` says; cause not-modelled: the real kernel would do something that tdxctl does not
    model. Numbers are null where the layout was never reached. tdmrs: needed, and tdmrs_left:
    how many more the module has, below 0 where it has fewer; reserved_areas and reserved_left:
    the same of the TDMR that needs the most, of those that the kernel came to. pamt_bytes: of
    the PAMTs that were had. memory_lost: bytes that no kernel can use for TDX. guests: KeyIDs
    for TDs of an initialized module. error: what is wrong with the row, whose other columns are
    null then.
    """

    row: Count
    host: str | None
    kernel: str
    initializes: bool | None
    kvm: str | None
    status: str | None
    errno: str | None
    cause: str | None
    seamcall_status: Hex | None
    tdmrs: Count | None
    tdmrs_left: int | None
    reserved_areas: Count | None
    reserved_left: int | None
    pamt_bytes: Count | None
    pamt_by_node: tuple[NodeBytes, ...] | None
    memory_lost: Count | None
    guests: Count | None
    error: str | None
