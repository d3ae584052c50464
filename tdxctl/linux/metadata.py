# SPDX-License-Identifier: Apache-2.0
"""Which metadata a kernel reads of the module, in which order, and what it keeps of it.

A group is a function of tdx_global_metadata.c: get_tdx_sys_info_<name>(). A release has a tuple of
them: what it reads before its memory list, and what after.
"""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """The fields that one function reads, in order."""

    name: str
    fields: tuple[int, ...]


class Metadata(NamedTuple):
    """What a release reads before it builds the list of memory, and after it."""

    before_memlist: tuple[Group, ...] = ()
    after_memlist: tuple[Group, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups, in the order of their reads."""
        return (*self.before_memlist, *self.after_memlist)

    @property
    def fields(self) -> tuple[int, ...]:
        """The fields, in the order of their reads."""
        return tuple(field for group in self.groups for field in group.fields)


TDX_FEATURES0 = 0x0A00000300000008
MAX_TDMRS, MAX_RESERVED_PER_TDMR = 0x9100000100000008, 0x9100000100000009
PAMT_4K_ENTRY_SIZE = 0x9100000100000010
PAMT_2M_ENTRY_SIZE, PAMT_1G_ENTRY_SIZE = 0x9100000100000011, 0x9100000100000012
NUM_CPUID_CONFIG, MAX_VCPUS_PER_TD = 0x9900000100000004, 0x9900000100000008
#: The first of as many as NUM_CPUID_CONFIG says, and of twice as many.
CPUID_CONFIG_LEAVES, CPUID_CONFIG_VALUES = 0x9900000300000400, 0x9900000300000500
MINOR_VERSION, MAJOR_VERSION, UPDATE_VERSION = (
    *(0x0800000100000003, 0x0800000100000004),
    0x0800000100000005,
)
INTERNAL_VERSION = 0x0800000100000006
BUILD_DATE, BUILD_NUM = 0x8800000200000001, 0x8800000100000002
PAMT_PAGE_BITMAP_ENTRY_BITS = 0x9100000000000013
NUM_CMRS, CMR_BASE, CMR_SIZE = 0x9000000100000000, 0x9000000300000080, 0x9000000300000100
MODULE_HV = 0x8900000100000000

VERSION = Group("version", (MINOR_VERSION, MAJOR_VERSION, UPDATE_VERSION))
FEATURES = Group("features", (TDX_FEATURES0,))
TDMR = Group(
    "tdmr",
    (
        *(MAX_TDMRS, MAX_RESERVED_PER_TDMR),
        *(PAMT_4K_ENTRY_SIZE, PAMT_2M_ENTRY_SIZE, PAMT_1G_ENTRY_SIZE),
    ),
)
#: Sizes of TDR, TDCS and TDVPS, for KVM.
TD_CTRL = Group("td_ctrl", (0x9800000100000000, 0x9800000100000100, 0x9800000100000200))
#: FIXED0 and FIXED1 of what a TD can have.
ATTRIBUTES_FIXED = (0x1900000300000000, 0x1900000300000001)
XFAM_FIXED = (0x1900000300000002, 0x1900000300000003)
#: ATTRIBUTES and XFAM, fixed 0 and 1; then what CPUID a TD can be given, for KVM.
TD_CONF = Group(
    "td_conf",
    (
        *(*ATTRIBUTES_FIXED, *XFAM_FIXED),
        *(NUM_CPUID_CONFIG, MAX_VCPUS_PER_TD),
    ),
)


class TdxSysInfo:
    """struct tdx_sys_info: the fields that were read, by their ids; one not read is 0."""

    def __init__(self) -> None:
        self.fields: dict[int, int] = {}

    @property
    def features0(self) -> int:
        """TDX_FEATURES0."""
        return self.fields.get(TDX_FEATURES0, 0)

    @property
    def max_tdmrs(self) -> int:
        """How many TDMRs the module takes."""
        return self.fields[MAX_TDMRS]

    @property
    def max_reserved_per_tdmr(self) -> int:
        """How many reserved areas a TDMR can have."""
        return self.fields[MAX_RESERVED_PER_TDMR]

    @property
    def pamt_entry_sizes(self) -> tuple[int, int, int]:
        """Bytes of a PAMT entry for 4K, 2M and 1G pages."""
        return (
            self.fields[PAMT_4K_ENTRY_SIZE],
            self.fields[PAMT_2M_ENTRY_SIZE],
            self.fields[PAMT_1G_ENTRY_SIZE],
        )

    @property
    def pamt_page_bitmap_entry_bits(self) -> int:
        """Bits for a 4K page in the bitmap of Dynamic PAMT."""
        return self.fields.get(PAMT_PAGE_BITMAP_ENTRY_BITS, 0)

    @property
    def version(self) -> tuple[int, int, int]:
        """Major, minor, update."""
        major, minor, update = MAJOR_VERSION, MINOR_VERSION, UPDATE_VERSION
        return self.fields.get(major, 0), self.fields.get(minor, 0), self.fields.get(update, 0)
