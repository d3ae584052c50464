# SPDX-License-Identifier: Apache-2.0
"""TDH.SYS.INFO: TDSYSINFO_STRUCT and the CMR array [tdx-module 1.5, 3.6]."""

from __future__ import annotations

import struct

from tdxctl.seam import cpuid_config, global_fields
from tdxctl.seam.port import Registers
from tdxctl.seam.state import MAX_CMRS, ModuleState
from tdxctl.seam.status import Operand, Status, with_operand

SYSINFO_SIZE = 1024
_CMR_INFO = struct.Struct("<QQ")
_CMR_ARRAY_SIZE = MAX_CMRS * _CMR_INFO.size
_CMR_ARRAY_ALIGNMENT = 512

_HEAD = struct.Struct(
    "<"
    "I"  # ATTRIBUTES
    "I"  # VENDOR_ID
    "I"  # BUILD_DATE, decimal yyyymmdd
    "H"  # BUILD_NUM
    "H"  # MINOR_VERSION
    "H"  # MAJOR_VERSION
    "B13x"  # SYS_RD
    "H"  # MAX_TDMRS
    "H"  # MAX_RESERVED_PER_TDMR
    "H10x"  # PAMT_ENTRY_SIZE
    "H2x"  # TDCS_BASE_SIZE
    "H"  # TDVPS_BASE_SIZE
    "B9x"  # TDVPS_XFAM_DEPENDENT
    "Q"  # ATTRIBUTES_FIXED0
    "Q"  # ATTRIBUTES_FIXED1
    "Q"  # XFAM_FIXED0
    "Q32x"  # XFAM_FIXED1
    "I"  # NUM_CPUID_CONFIG
)
# leaf, subleaf, EAX, EBX, ECX, EDX
_CPUID_CONFIG_ENTRY = struct.Struct("<6I")


def sys_info(state: ModuleState, cpu: int, registers: Registers) -> Registers:
    """TDH.SYS.INFO. RCX: 1 KB buffer, RDX: its size, R8: CMR array, R9: its entries."""
    out = registers._replace(rdx=0, r9=0)
    if cpu not in state.initialized_lps:
        return out._replace(rax=Status.TDX_SYS_LP_INIT_NOT_DONE)
    if not state.is_shared_hpa(registers.rcx, SYSINFO_SIZE, SYSINFO_SIZE):
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RCX))
    if registers.rdx < SYSINFO_SIZE:
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.RDX))
    # "buffer is zeroed here already", before the checks of R8 and R9
    sysinfo_pa = state.without_hkid(registers.rcx)
    state.memory.write(sysinfo_pa, bytes(SYSINFO_SIZE))
    if not state.is_shared_hpa(registers.r8, _CMR_ARRAY_ALIGNMENT, _CMR_ARRAY_SIZE):
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.R8))
    if registers.r9 < MAX_CMRS:
        return out._replace(rax=with_operand(Status.TDX_OPERAND_INVALID, Operand.R9))
    state.memory.write(sysinfo_pa, sysinfo_struct(state))
    cmrs = [*state.platform.cmrs, *[(0, 0)] * MAX_CMRS][:MAX_CMRS]
    state.memory.write(
        state.without_hkid(registers.r8), b"".join(_CMR_INFO.pack(*cmr) for cmr in cmrs)
    )
    return out._replace(rax=Status.TDX_SUCCESS, rdx=SYSINFO_SIZE, r9=state.info.sysinfo_cmr_entries)


def sysinfo_struct(state: ModuleState) -> bytes:
    """TDSYSINFO_STRUCT, 1024 bytes."""
    info = state.info
    head = _HEAD.pack(
        0,
        info.vendor_id,
        info.build_date,
        info.build_num,
        info.version.minor,
        info.version.major,
        1,
        info.max_tdmrs,
        info.max_reserved_per_tdmr,
        info.pamt_entry_sizes[0],
        global_fields.value(state, "TDCS_BASE_SIZE"),
        global_fields.value(state, "TDVPS_BASE_SIZE"),
        0,
        global_fields.value(state, "ATTRIBUTES_FIXED0"),
        global_fields.value(state, "ATTRIBUTES_FIXED1"),
        global_fields.value(state, "XFAM_FIXED0"),
        global_fields.value(state, "XFAM_FIXED1"),
        info.num_cpuid_config,
    )
    config = b"".join(
        _CPUID_CONFIG_ENTRY.pack(
            entry.leaf, cpuid_config.subleaf(entry), *cpuid_config.with_native(state, entry)
        )
        for entry in state.profile.cpuid_config[: info.num_cpuid_config]
    )
    return (head + config).ljust(SYSINFO_SIZE, b"\0")
