# SPDX-License-Identifier: Apache-2.0
"""What a kernel's TDX status means."""

from __future__ import annotations

#: Of v5's states. The series itself knows no way on but a reboot; its design says of a module that
#: is updated that it needs to be initialized again.
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

# "its result is cached for ever, success or failure" [linux-host 2.3]: no later call asks
# the module again.
_KEPT = "not initialized, and what TDH.SYS.INIT answered is kept; final until reboot"
#: The bring-up went well, and a failure is KVM's.
_NOT_USED = "the TDX module is initialized, and KVM cannot use it"
_OFF = "TDX is off, as the kernel found at boot; final until reboot"


def explain_cause_state(status: str, cause_id: str | None, step: str | None) -> str:
    """What status means after a failure of the cause of that id, in that step."""
    if cause_id is not None:
        if status == "INITIALIZED":
            return _NOT_USED
        # Only where something failed: what `status` tells of a good machine needs no causes.
        from tdxctl.causes import BootCause

        if cause_id in {cause.id for cause in BootCause.__args__}:
            return _OFF
    return _KEPT if (status, step) == ("UNINITIALIZED", "global-init") else STATES[status]
