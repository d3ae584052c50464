# SPDX-License-Identifier: Apache-2.0
"""The fake TDX module by itself, for those who want to talk SEAMCALL to it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.seam.module import ModulePlatform, TdxModule
    from tdxctl.seam.port import Registers

__all__ = ("ModulePlatform", "Registers", "TdxModule")


def __getattr__(name: str) -> object:
    # PEP 562: NumPy is imported when the module is, not when its tables are.
    if name == "Registers":
        from tdxctl.seam import port

        return port.Registers
    if name in ("ModulePlatform", "TdxModule"):
        from tdxctl.seam import module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
