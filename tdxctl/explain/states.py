# SPDX-License-Identifier: Apache-2.0
"""What a kernel's TDX status means."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.events import Failure

#: Of v5's states. The series itself knows no way on but a reboot; its design says of a module that
#: is updated that "it needs to be initialized again".
V5_FINAL = "final until reboot or an update of the module"

STATES = {
    "UNKNOWN": "not initialized, and nothing is decided: tdx_init() may be called again",
    "NONE": f"there is no TDX module; {V5_FINAL}",
    "INITIALIZED": "the TDX module is initialized and ready to run TDs",
    "UNINITIALIZED": "not initialized: KVM goes on without TDX, and may try again",
    "ERROR": "initialization failed; final until reboot",
    "NOT_INITIALIZED": "initialization failed at boot, or an update did; final until reboot",
    "SHUTDOWN": f"the TDX module was shut down; {V5_FINAL}",
}

# Found at boot: no later call can change them.
BOOT_CAUSES = frozenset(
    {
        *("no-mtrr", "seamrr-absent", "seamrr-disabled", "too-few-keyids", "keyid-start-wraps"),
        *("no-keyids", "keyid-msr-faults", "hibernation-possible", "memory-notifier"),
        *("no-xsave", "no-movdir64b", "no-self-snoop"),
    }
)
# "its result is cached for ever, success or failure": no later call asks the module again.
_KEPT = "not initialized, and what TDH.SYS.INIT answered is kept; final until reboot"
_OFF = "TDX is off, as the kernel found at boot; final until reboot"


def explain_cause_state(status: str, cause: str | None, step: str | None) -> str:
    """What status means after a failure of that cause, in that step."""
    if cause in BOOT_CAUSES:
        return _OFF
    return _KEPT if (status, step) == ("UNINITIALIZED", "global-init") else STATES[status]


def explain_state(status: str, failure: Failure | None) -> str:
    """What status means after that failure."""
    if failure is None:
        return STATES[status]
    return explain_cause_state(status, failure.cause, failure.step)
