# SPDX-License-Identifier: Apache-2.0
"""The kernel's side of P-SEAMLDR: runtime update, its image and SEAMLDR_PARAMS.

arch/x86/virt/vmx/tdx/seamldr.c of 7.2 on [linux-host 7] [linux-releases 4].
"""

from __future__ import annotations

import struct
from typing import Protocol

from tdxctl.causes import (
    BadImage,
    Cause,
    ImageFormat,
    ModuleNotLoaded,
    UpdateCpuOffline,
    UpdateNotInitialized,
    UpdateNotPreserving,
    UpdateSeamretErratum,
)
from tdxctl.errnos import Errno
from tdxctl.events import Failure, Journal, StepEvent
from tdxctl.linux.metadata import TdxSysInfo
from tdxctl.linux.mm import Mm
from tdxctl.linux.parts import UpdateImage
from tdxctl.linux.protocols import CpuTopology
from tdxctl.linux.steps import KernelErrno
from tdxctl.messages.message import Source
from tdxctl.seam.features import FEATURES0
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.port import PhysicalMemory, Registers
from tdxctl.units import SZ_4K

HEADER_SIZE = SZ_4K
_HEADER = struct.Struct("<HH8sII")
_VERSION, _SIGNATURE = 0x200, b"TDX-BLOB"
_MAX_SIGSTRUCT_PAGES, _MAX_MODULE_PAGES = 1, 496
_SCENARIO_UPDATE = 1
_TD_PRESERVING = 1 << FEATURES0["TD_PRESERVING"]
_PARAMS = struct.Struct(f"<IIQ104xQ{_MAX_MODULE_PAGES}Q")


#: An image of one signature page and one module page, for who has none at hand.
SAMPLE_IMAGE = UpdateImage(_HEADER.pack(_VERSION, 0, _SIGNATURE, 1, 1), 3 * SZ_4K)


def image_pages(image: UpdateImage) -> int:
    """How many module pages image has. Raises KernelErrno for a bad header."""
    # "4096-byte header {u16 version 0x200, u16 checksum (not checked), 8 bytes TDX-BLOB, u32
    # sigstruct pages <= 1, u32 module pages <= 496, 4076 zero bytes}, then pages; any mismatch of
    # sizes or fields -> -EINVAL"
    header = image.header[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
    version, _, signature, sigstruct_pages, module_pages = _HEADER.unpack_from(header)
    wrong = {
        "its size": image.size < HEADER_SIZE,
        "the signature in its header": signature != _SIGNATURE,
        "its signature pages": sigstruct_pages > _MAX_SIGSTRUCT_PAGES,
        "its module pages": module_pages > _MAX_MODULE_PAGES,
        "what should be zero in its header": any(header[_HEADER.size :]),
        "its size against its header": image.size
        != HEADER_SIZE + SZ_4K * (sigstruct_pages + module_pages),
    }
    if image.size >= HEADER_SIZE and signature == _SIGNATURE and version != _VERSION:
        raise KernelErrno(Errno.EINVAL, ImageFormat(version, _VERSION))
    first = next((what for what, is_wrong in wrong.items() if is_wrong), None)
    if first is not None:
        raise KernelErrno(Errno.EINVAL, BadImage(first))
    return int(module_pages)


def seamldr_params(sigstruct_pa: int, page_pas: list[int]) -> bytes:
    """SEAMLDR_PARAMS of an update, 4096 bytes."""
    padding = [0] * (_MAX_MODULE_PAGES - len(page_pas))
    return _PARAMS.pack(0, _SCENARIO_UPDATE, sigstruct_pa, len(page_pas), *page_pas, *padding)


class _Tdx(Protocol):
    # What of tdx.c it uses.
    cpus: CpuTopology
    mm: Mm
    memory: PhysicalMemory
    journal: Journal
    sysinfo: TdxSysInfo
    failure: Failure | None

    @property
    def status(self) -> str: ...
    def tdx_cpu_enable(self, cpu: int) -> None: ...
    def tdx_module_shutdown(self) -> None: ...
    def tdx_module_run_update(self) -> None: ...
    def sc_retry_prerr(
        self, cpu: int, leaf: Leaf, *, source: Source | None = None, rcx: int
    ) -> Registers: ...


class Seamldr:
    """Runtime update of the module through P-SEAMLDR."""

    def __init__(self, tdx: _Tdx) -> None:
        self._tdx = tdx

    def why_not_offered(self) -> Cause | None:
        """Why there is no upload device; None where there is one."""
        if self._tdx.status != "INITIALIZED":
            return UpdateNotInitialized()
        if not self._tdx.sysinfo.features0 & _TD_PRESERVING:
            return UpdateNotPreserving()
        if not self._tdx.cpus.features.no_seamret_invd_vmcs:
            return UpdateSeamretErratum()
        return None

    def update(self, image: UpdateImage, *, force: bool) -> int:
        """What writing image to the upload device does; force: even where there is none."""
        tdx = self._tdx
        tdx.failure = None
        why_not = self.why_not_offered()
        if why_not is not None and not force:
            tdx.failure = KernelErrno(Errno.ENODEV, why_not).failure(None, Errno.ENODEV)
            return -Errno.ENODEV
        stage = "update-image"
        try:
            params = self.init_seamldr_params(image)
            # "stop_machine over online CPUs, each state acknowledged by all before the next"
            for stage, run in (
                ("update-shutdown", tdx.tdx_module_shutdown),
                ("update-install", lambda: self.seamldr_install(params)),
                ("update-cpu-init", self.cpu_init),
                ("update-run", tdx.tdx_module_run_update),
            ):
                tdx.journal.record(StepEvent(stage))
                run()
                tdx.journal.record(StepEvent(stage, "passed"))
        except KernelErrno as error:
            tdx.journal.record(StepEvent(stage, "failed"))
            tdx.failure = self._because(error).failure(stage, error.errno)
            return -error.errno
        return 0

    def _because(self, error: KernelErrno) -> KernelErrno:
        # "or a listed CPU was offline (no module until all have called INSTALL)"
        cpus = self._tdx.cpus
        offline = tuple(cpu for cpu in range(cpus.present) if not cpus.is_online(cpu))
        if offline and isinstance(error.cause, ModuleNotLoaded):
            return KernelErrno(error.errno, UpdateCpuOffline(offline, cpus.present))
        return error

    def init_seamldr_params(self, image: UpdateImage) -> int:
        """SEAMLDR_PARAMS and the pages that it names, in memory; returns its address."""
        mm = self._tdx.mm
        module_pages = image_pages(image)
        pages = [mm.kernel_alloc(SZ_4K) for _ in range(1 + module_pages)]
        params_pa = mm.kernel_alloc(SZ_4K)
        self._tdx.memory.write(params_pa, seamldr_params(pages[0], pages[1:]))
        return params_pa

    def seamldr_install(self, params_pa: int) -> None:
        """Let "every CPU" call P-SEAMLDR INSTALL, one after the other."""
        for cpu in self._tdx.cpus.online():
            # "The error line of a P-SEAMLDR call comes from seamldr.c and has **its** prefix"
            leaf = Leaf.SEAMLDR_INSTALL
            self._tdx.sc_retry_prerr(cpu, leaf, source=Source.SEAMLDR, rcx=params_pa)

    def cpu_init(self) -> None:
        """On "every CPU tdx_cpu_enable: SYS.INIT once, LP.INIT each"."""
        for cpu in self._tdx.cpus.online():
            self._tdx.tdx_cpu_enable(cpu)
