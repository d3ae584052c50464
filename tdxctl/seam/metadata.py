# SPDX-License-Identifier: Apache-2.0
"""Global metadata fields in walk order [tdx-module 3.7, tdx-module-releases C].

Rows: canonical id of the first element, name, fields, elements per field, values of all in the
first release that has the field; trailing elements equal to the last one given are left out.
What differs later on stands in a release's profile; of what follows the platform, the description
or CPUID, which is filled in by `sys_rd`, there are none.
"""

from __future__ import annotations

Row = tuple[int, str, int, int, tuple[int, ...]]

# "bits 33:32 (size), 50, 51, 54:52, 63 are ignored" [tdx-module 1.5]: what is left is class and
# field code.
_CLASS_AND_CODE = 0x3F << 56 | 0xFFFFFF
# "reserved bits (31:24, 49:47, 55, 62), last-element bits 37:34 and last-field bits 46:38 must be
# 0" [tdx-module 1.5]
NOT_A_FIELD_ID = 0xFF << 24 | 0x7 << 47 | 1 << 55 | 1 << 62 | 0xF << 34 | 0x1FF << 38

#: id, name, fields, elements per field, values: the fields of every release.
FIELDS: tuple[Row, ...] = (
    (0x0000000200000000, "NUM_PKGS", 1, 1, ()),
    (0x0000000200000001, "PKG_FMS", 8, 1, (0x806F8,)),
    (0x0800000200000000, "VENDOR_ID", 1, 1, ()),
    (0x8800000200000001, "BUILD_DATE", 1, 1, ()),
    (0x8800000100000002, "BUILD_NUM", 1, 1, ()),
    (0x0800000100000003, "MINOR_VERSION", 1, 1, ()),
    (0x0800000100000004, "MAJOR_VERSION", 1, 1, ()),
    (0x0800000100000005, "UPDATE_VERSION", 1, 1, ()),
    (0x0800000100000006, "INTERNAL_VERSION", 1, 1, (0,)),
    (0x8900000100000000, "MODULE_HV", 1, 1, ()),
    (0x8900000100000001, "MIN_UPDATE_HV", 1, 1, ()),
    (0x8900000000000002, "NO_DOWNGRADE", 1, 1, ()),
    (0x8900000100000003, "NUM_HANDOFF_PAGES", 1, 1, ()),
    (0x8900000000000004, "HANDOFF_DATA_VALID", 1, 1, ()),
    (0x8900000100000005, "HANDOFF_DATA_HV", 1, 1, ()),
    (0x8900000200000006, "HANDOFF_DATA_SIZE", 1, 1, ()),
    (0x0A00000200000000, "SYS_ATTRIBUTES", 1, 1, (0,)),
    (0x0A00000000000001, "NUM_TDX_FEATURES", 1, 1, (1,)),
    (0x0A00000300000008, "TDX_FEATURES0", 1, 1, ()),
    (0x9000000100000000, "NUM_CMRS", 1, 1, (0x20,)),
    (0x9000000300000080, "CMR_BASE", 32, 1, ()),
    (0x9000000300000100, "CMR_SIZE", 32, 1, ()),
    (0x9100000100000008, "MAX_TDMRS", 1, 1, ()),
    (0x9100000100000009, "MAX_RESERVED_PER_TDMR", 1, 1, ()),
    (0x9100000100000010, "PAMT_4K_ENTRY_SIZE", 1, 1, ()),
    (0x9100000100000011, "PAMT_2M_ENTRY_SIZE", 1, 1, ()),
    (0x9100000100000012, "PAMT_1G_ENTRY_SIZE", 1, 1, ()),
    (0x9100000000000013, "PAMT_PAGE_BITMAP_ENTRY_BITS", 1, 1, ()),
    (0x9100000000000014, "MIN_DYNAMIC_PAMT_NUM_HKID_BITS", 1, 1, ()),
    (0x9800000100000000, "TDR_BASE_SIZE", 1, 1, (0x1000,)),
    (0x9800000100000100, "TDCS_BASE_SIZE", 1, 1, (0x6000,)),
    (0x9800000100000101, "TDCS_SIZE_PER_L2_VM", 1, 1, (0x1000,)),
    (0x9800000100000200, "TDVPS_BASE_SIZE", 1, 1, (0x6000,)),
    (0x9800000100000201, "TDVPS_SIZE_PER_L2_VM", 1, 1, (0x3000,)),
    (0x1900000300000000, "ATTRIBUTES_FIXED0", 1, 1, (0x8000000070000001,)),
    (0x1900000300000001, "ATTRIBUTES_FIXED1", 1, 1, (0,)),
    (0x1900000300000002, "XFAM_FIXED0", 1, 1, (0x6DBE7,)),
    (0x1900000300000003, "XFAM_FIXED1", 1, 1, (3,)),
    (0x9900000100000004, "NUM_CPUID_CONFIG", 1, 1, ()),
    (0x9900000300000006, "CONFIG_FLAGS_FIXED0", 1, 1, (7,)),
    (0x9900000300000007, "CONFIG_FLAGS_FIXED1", 1, 1, (0,)),
    (0x9900000100000008, "MAX_VCPUS_PER_TD", 1, 1, (0x240,)),
    (0x9900000000000009, "MIN_VIRT_MAXPA", 1, 1, (0x2D,)),
    (0x990000010000000A, "MAX_EVENT_FILTERS", 1, 1, (0x200,)),
    (0x9900000300000400, "CPUID_CONFIG_LEAVES", 32, 1, ()),
    (0x9900000300000500, "CPUID_CONFIG_VALUES", 32, 2, ()),
    (0x9900000300000600, "IA32_ARCH_CAPABILITIES_CONFIG_MASK", 1, 1, (0x1180010,)),
    (0x9900000100000800, "NUM_ALLOWED_FMS", 1, 1, (1,)),
    (0x9900000100000801, "NUM_DISALLOWED_FMS", 1, 1, (0,)),
    (0x9900000300000810, "ALLOWED_FMS", 64, 1, (0x806F8, 0)),
    (0x9900000300000850, "DISALLOWED_FMS", 64, 1, (0,)),
    (0x9A00000300000000, "GUEST_GPA_ATTR_MASK", 1, 1, (0,)),
    (0xA000000300000000, "MIG_ATTRIBUTES", 1, 1, (0,)),
    (0x2000000100000001, "MIN_EXPORT_VERSION", 1, 1, (0,)),
    (0x2000000100000002, "MAX_EXPORT_VERSION", 1, 1, (0,)),
    (0x2000000100000003, "MIN_IMPORT_VERSION", 1, 1, (0,)),
    (0x2000000100000004, "MAX_IMPORT_VERSION", 1, 1, (0,)),
    (0xA000000100000010, "MAX_MIGS", 1, 1, (0x200,)),
    (0xA000000000000020, "NUM_IMMUTABLE_STATE_PAGES", 1, 1, (3,)),
    (0xA000000000000021, "NUM_TD_STATE_PAGES", 1, 1, (2,)),
    (0xA000000000000022, "NUM_VP_STATE_PAGES", 1, 1, (5,)),
    (0xA000000000000030, "NUM_MEM_SCAN_CONTROL_PAGES", 1, 1, (0,)),
    (0xA000000100000031, "MAX_MEM_SCAN_RANGES", 1, 1, (0x80,)),
    (0xA000000100000032, "NUM_MEM_SCAN_CONTEXTS", 1, 1, (0x100,)),
    (0xA100000100000000, "MAX_SERV_TDS", 1, 1, (1,)),
    (0xA100000300000001, "SERVTD_ATTR_FIXED0", 1, 1, (0x7FF00000001,)),
    (0xA100000300000002, "SERVTD_ATTR_FIXED1", 1, 1, (0,)),
    (0xA200000100000000, "GUEST_L2_GPA_ATTR_MASK", 1, 1, (0x807F,)),
    (0xA200000300000001, "VM_CTLS_FIXED0", 1, 1, (1,)),
    (0xA200000300000002, "VM_CTLS_FIXED1", 1, 1, (0,)),
    (0xA200000300000003, "VPCU_L2_CTLS_FIXED0", 1, 1, (3,)),
    (0xA200000300000004, "VCPU_L2_CTLS_FIXED1", 1, 1, (0,)),
    (0xA200000300000005, "VPCU_L2_DEBUG_CTLS_FIXED0", 1, 1, (7,)),
    (0xA200000300000006, "VCPU_L2_DEBUG_CTLS_FIXED1", 1, 1, (0,)),
    (0x3000000300000000, "TDX_CONNECT_FEATURES", 1, 1, (0,)),
)

#: Fields that a release has only where its profile names them.
NOT_IN_EVERY_RELEASE = frozenset(
    {
        "PAMT_PAGE_BITMAP_ENTRY_BITS",
        "MIN_DYNAMIC_PAMT_NUM_HKID_BITS",
        "MAX_VCPUS_PER_TD",
        "MIN_VIRT_MAXPA",
        "MAX_EVENT_FILTERS",
        "GUEST_GPA_ATTR_MASK",
        "NUM_MEM_SCAN_CONTROL_PAGES",
        "MAX_MEM_SCAN_RANGES",
        "NUM_MEM_SCAN_CONTEXTS",
        "TDX_CONNECT_FEATURES",
    }
)


MAX_VCPUS_PER_TD = "MAX_VCPUS_PER_TD"


def code_of(field_id: int) -> int:
    """Class and field code of an id: what tells fields apart."""
    return field_id & _CLASS_AND_CODE


def field_with(field_id: int) -> tuple[Row, int] | None:
    """The field that TDH.SYS.RD reads by an id, and the index of the element."""
    if field_id & NOT_A_FIELD_ID:
        return None
    code = code_of(field_id)
    for row in FIELDS:
        first, _, fields, elements, _ = row
        index = code - code_of(first)
        if 0 <= index < fields * elements:
            return row, index
    return None


def field_named(name: str) -> Row | None:
    """The field of that name."""
    return next((row for row in FIELDS if row[1] == name), None)


def bits_of(field_id: int) -> int:
    """The width of an element, from its canonical id."""
    return 8 << (field_id >> 32 & 3)
