# SPDX-License-Identifier: Apache-2.0
"""What a kernel's TDX status means."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.events import Failure

STATES = {
    "UNKNOWN": "not initialized, and nothing is decided: tdx_init() may be called again",
    "NONE": "there is no TDX module; final until reboot",
    "INITIALIZED": "the TDX module is initialized and ready to run TDs",
    "SHUTDOWN": "initialization failed and the TDX module was shut down; final until reboot",
}

# Found at boot: no later call can change them.
BOOT_CAUSES = frozenset(
    {"no-mtrr", "seamrr-absent", "seamrr-disabled", "too-few-keyids", "keyid-start-wraps"}
)
_OFF = "TDX is off, as the kernel found at boot; final until reboot"


def explain_cause_state(status: str, cause: str | None) -> str:
    """What status means after a failure of that cause."""
    return _OFF if cause in BOOT_CAUSES else STATES[status]


def explain_state(status: str, failure: Failure | None) -> str:
    """What status means after that failure."""
    return explain_cause_state(status, failure.cause if failure is not None else None)
