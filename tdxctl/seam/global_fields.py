# SPDX-License-Identifier: Apache-2.0
"""What single global metadata fields hold [tdx-module 3.6, 3.7].

SYS.RD and SYS.RDALL read them one and all; of SYS.INFO "All other fields equal the metadata field
of that name".
"""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.seam import cpuid_config
from tdxctl.seam.metadata import FIELDS
from tdxctl.seam.state import ModuleState

_LASS = 1 << 27
# CPUID 7.1 EAX.
_CPUID_LASS = 1 << 6
_MIN_HKID_START_BIT = 48


def value(state: ModuleState, name: str) -> int:
    """The value of a single field: from the platform or the image, else as the release has it."""
    described = state.info.reports.get(name)
    if described is not None:
        return described
    follow = _FOLLOWING.get(name)
    return _of_the_release(state, name) if follow is None else follow(state)


def _of_the_release(state: ModuleState, name: str) -> int:
    return state.profile.values.get(name, _DEFAULTS[name])


def _attributes_fixed0(state: ModuleState) -> int:
    # From [05] "LASS sets ATTRIBUTES_FIXED0 bit 27" [tdx-module-releases A.2].
    fixed = _of_the_release(state, "ATTRIBUTES_FIXED0")
    has_lass = bool(cpuid_config.native(state, 7, 1)[0] & _CPUID_LASS)
    return fixed | _LASS if state.profile.lass_is_fixed and has_lass else fixed


_DEFAULTS = {name: values[0] for _, name, _, _, values in FIELDS if values}
_FOLLOWING: dict[str, Callable[[ModuleState], int]] = {
    "NUM_PKGS": lambda state: state.platform.packages,
    "VENDOR_ID": lambda state: state.info.vendor_id,
    "BUILD_DATE": lambda state: state.info.build_date,
    "BUILD_NUM": lambda state: state.info.build_num,
    "MINOR_VERSION": lambda state: state.info.version.minor,
    "MAJOR_VERSION": lambda state: state.info.version.major,
    "UPDATE_VERSION": lambda state: state.info.version.update,
    "MODULE_HV": lambda state: state.module_hv,
    "MIN_UPDATE_HV": lambda state: state.platform.min_update_hv,
    "NO_DOWNGRADE": lambda state: state.no_downgrade,
    "NUM_HANDOFF_PAGES": lambda state: state.platform.num_handoff_pages,
    "HANDOFF_DATA_VALID": lambda state: int(state.handoff.valid),
    "HANDOFF_DATA_HV": lambda state: state.handoff.hv,
    "HANDOFF_DATA_SIZE": lambda state: state.handoff.size,
    "TDX_FEATURES0": lambda state: state.info.features0,
    "MAX_TDMRS": lambda state: state.info.max_tdmrs,
    "MAX_RESERVED_PER_TDMR": lambda state: state.info.max_reserved_per_tdmr,
    "PAMT_4K_ENTRY_SIZE": lambda state: state.info.pamt_entry_sizes[0],
    "PAMT_2M_ENTRY_SIZE": lambda state: state.info.pamt_entry_sizes[1],
    "PAMT_1G_ENTRY_SIZE": lambda state: state.info.pamt_entry_sizes[2],
    "PAMT_PAGE_BITMAP_ENTRY_BITS": lambda state: state.info.pamt_page_bitmap_entry_bits,
    "MIN_DYNAMIC_PAMT_NUM_HKID_BITS": lambda state: max(0, state.maxpa - _MIN_HKID_START_BIT),
    "NUM_CPUID_CONFIG": lambda state: state.info.num_cpuid_config,
    "ATTRIBUTES_FIXED0": _attributes_fixed0,
}
