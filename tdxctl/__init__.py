# SPDX-License-Identifier: Apache-2.0
"""tdxctl: what Linux's bring-up of Intel TDX does on a described platform."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.machine import Machine
    from tdxctl.platform.description import Platform

__all__ = ("Machine", "Platform", "__version__")


def __getattr__(name: str) -> object:
    # PEP 562: importing the package imports nothing.
    if name == "Machine":
        from tdxctl.machine import Machine

        return Machine
    if name == "Platform":
        from tdxctl.platform.description import Platform

        return Platform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
