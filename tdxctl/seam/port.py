# SPDX-License-Identifier: Apache-2.0
"""The port between a kernel and the TDX module: SEAMCALL, until done, and on each of many CPUs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Registers(NamedTuple):
    """RAX (leaf in, completion status out) and the argument registers, 64 bits each."""

    rax: int = 0
    rcx: int = 0
    rdx: int = 0
    r8: int = 0
    r9: int = 0
    r10: int = 0
    r11: int = 0


class SeamcallPort(Protocol):
    """What a kernel sees of the TDX module."""

    def seamcall(self, cpu: int, registers: Registers) -> Registers:
        """One SEAMCALL on logical CPU cpu: the registers after it."""
        ...

    def seamcall_repeat(self, cpu: int, registers: Registers, until: int) -> tuple[Registers, int]:
        """The same SEAMCALL again while it returns 0 and RDX < until.

        Returns the registers after the last call and the number of calls, at least 1.
        """
        ...

    def seamcall_each(self, cpus: Sequence[int], registers: Registers) -> tuple[Registers, int]:
        """The same SEAMCALL on each of cpus in turn while it returns 0.

        cpus: at least one, all different. Returns the registers after the last call and the number
        of calls, at least 1.
        """
        ...


class PhysicalMemory(Protocol):
    """Physical memory as both sides see it. Addresses and lengths in bytes."""

    def read(self, pa: int, length: int) -> bytes:
        """length bytes at pa; memory that nobody wrote reads as 0."""
        ...

    def write(self, pa: int, data: bytes) -> None:
        """Store data at pa."""
        ...


def seamcall_loop(
    port: SeamcallPort, cpu: int, registers: Registers, until: int
) -> tuple[Registers, int]:
    """seamcall_repeat as the loop it stands for, one call after the other."""
    calls = 0
    while True:
        out = port.seamcall(cpu, registers)
        calls += 1
        if out.rax != 0 or out.rdx >= until:
            return out, calls


def seamcall_loop_each(
    port: SeamcallPort, cpus: Sequence[int], registers: Registers
) -> tuple[Registers, int]:
    """seamcall_each as the loop it stands for, one call after the other."""
    out, calls = registers, 0
    for cpu in cpus:
        out = port.seamcall(cpu, registers)
        calls += 1
        if out.rax != 0:
            break
    return out, calls
