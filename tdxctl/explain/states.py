# SPDX-License-Identifier: Apache-2.0
"""What a kernel's TDX status means."""

from __future__ import annotations

STATES = {
    "UNKNOWN": "not initialized, and nothing is decided: tdx_init() may be called again",
    "NONE": "there is no TDX module; final until reboot",
    "INITIALIZED": "the TDX module is initialized and ready to run TDs",
    "SHUTDOWN": "initialization failed and the TDX module was shut down; final until reboot",
}
