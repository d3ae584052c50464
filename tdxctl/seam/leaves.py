# SPDX-License-Identifier: Apache-2.0
"""SEAMCALL leaf numbers of the host side (TDX module ABI) and of P-SEAMLDR."""

from __future__ import annotations

from enum import IntEnum

_P_SEAMLDR = 1 << 63


class Leaf(IntEnum):
    """RAX bits 15:0 of a SEAMCALL; P-SEAMLDR's leaves have bit 63 set.

    Those of the bring-up; `codes` has every leaf that a module knows.
    """

    TDH_MNG_CREATE = 9
    TDH_PHYMEM_PAGE_RDMD = 24
    TDH_SYS_KEY_CONFIG = 31
    TDH_SYS_INFO = 32
    TDH_SYS_INIT = 33
    TDH_SYS_RD = 34
    TDH_SYS_LP_INIT = 35
    TDH_SYS_TDMR_INIT = 36
    TDH_SYS_RDALL = 37
    TDH_PHYMEM_CACHE_WB = 40
    TDH_PHYMEM_PAGE_WBINVD = 41
    TDH_SYS_LP_SHUTDOWN = 44
    TDH_SYS_CONFIG = 45
    TDH_SYS_SHUTDOWN = 52
    TDH_SYS_UPDATE = 53
    TDH_SYS_S4_END = 54
    TDH_PHYMEM_PAMT_ADD = 58
    TDH_PHYMEM_PAMT_REMOVE = 59
    TDH_EXT_INIT = 60
    TDH_EXT_MEM_ADD = 61
    TDH_SYS_DISABLE = 69
    SEAMLDR_INFO = _P_SEAMLDR
    SEAMLDR_INSTALL = _P_SEAMLDR + 1
    SEAMLDR_SHUTDOWN = _P_SEAMLDR + 2
    SEAMLDR_SEAMINFO = _P_SEAMLDR + 3
    SEAMLDR_CLEANUP = _P_SEAMLDR + 4

    @property
    def title(self) -> str:
        """The name as the specification writes it: `TDH.SYS.LP.INIT`."""
        return self.name.replace("_", ".")

    @classmethod
    def parse(cls, value: int | str) -> Leaf:
        """A leaf from its number or its name, `TDH.` optional. Raises ValueError."""
        if isinstance(value, str):
            name = value.strip().upper().replace(".", "_")
            for candidate in (name, f"TDH_{name}"):
                if candidate in cls.__members__:
                    return cls[candidate]
            try:
                value = int(value, 0)
            except ValueError:
                raise ValueError("is not the name of a SEAMCALL leaf") from None
        try:
            return cls(value)
        except ValueError:
            raise ValueError("is not the number of a SEAMCALL leaf that tdxctl knows") from None


def leaf_title(number: int) -> str:
    """The leaf's name, or its number in hex where it has none.

    P-SEAMLDR's leaves also as events have them: 0x80000000 + n.
    """
    if number >> 31 == 1:
        number = number & 0x7FFFFFFF | _P_SEAMLDR
    try:
        return Leaf(number).title
    except ValueError:
        pass
    from tdxctl.seam.codes import leaves

    known = next(iter(leaves(number)), None)
    return hex(number) if known is None or known.is_of_the_guest else known.name
