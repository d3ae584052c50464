# SPDX-License-Identifier: Apache-2.0
"""What can be scripted around the module: entropy, key generation, locks, other LPs inside."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from msgspec import Struct


class Pconfig(IntEnum):
    """Completion codes of PCONFIG that the module tells apart."""

    SUCCESS = 0
    ENTROPY_ERROR = 2
    DEVICE_BUSY = 5


class GlobalLock(StrEnum):
    """How another LP holds the module's global lock."""

    FREE = "none"
    SHARED = "shared"
    EXCLUSIVE = "exclusive"


class Halt(Exception):
    """The module shuts itself down on a fatal error; every later SEAMCALL is VMfailInvalid."""


class Conditions(Struct):
    """pconfig: codes of the next PCONFIGs, SUCCESS when used up. rdrand_failures: how many
    RDRANDs fail from now on. busy_lps: LPs that are inside the module.

    pconfig_faults: (code, call, times), rdrand_faults: (call, times), calls counted from 1 since
    the machine was booted; of several that would fire the first does.
    """

    pconfig: list[int] = []
    rdrand_failures: int = 0
    pconfig_faults: list[tuple[int, int, int]] = []
    rdrand_faults: list[tuple[int, int]] = []
    pconfigs: int = 0
    rdrands: int = 0
    global_lock: GlobalLock = GlobalLock.FREE
    locked_tdmrs: set[int] = set()
    busy_lps: set[int] = set()

    @property
    def rdrand_is_scripted(self) -> bool:
        """Whether one of the next RDRANDs may have no entropy."""
        return bool(self.rdrand_failures or self.rdrand_faults)

    def rdrand(self) -> bool:
        """Whether the next RDRAND has entropy."""
        self.rdrands += 1
        if self.rdrand_failures:
            self.rdrand_failures -= 1
            return False
        return not any(call <= self.rdrands < call + times for call, times in self.rdrand_faults)

    def next_pconfig(self) -> int:
        """The completion code of the next PCONFIG."""
        self.pconfigs += 1
        if self.pconfig:
            return self.pconfig.pop(0)
        codes = (c for c, call, n in self.pconfig_faults if call <= self.pconfigs < call + n)
        return next(codes, Pconfig.SUCCESS)

    def clear(self) -> None:
        """Nothing is scripted any more; the calls counted stay."""
        self.pconfig.clear()
        self.rdrand_failures = 0
        self.pconfig_faults.clear()
        self.rdrand_faults.clear()
        self.global_lock = GlobalLock.FREE
        self.locked_tdmrs.clear()
        self.busy_lps.clear()

    @property
    def exclusive_lock(self) -> bool:
        """Whether the global lock can be had exclusively."""
        return self.global_lock is GlobalLock.FREE

    @property
    def shared_lock(self) -> bool:
        """Whether the global lock can be had shared."""
        return self.global_lock is not GlobalLock.EXCLUSIVE
