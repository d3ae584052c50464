# SPDX-License-Identifier: Apache-2.0
"""P-SEAMLDR, which puts TDX modules in place [tdx-module 6].

Written from its published source as read, not executed. The signature structure is not parsed:
what P-SEAMLDR finds in an image is described by a ModuleImage. SEAMINFO and CLEANUP are not
modelled.
"""

from __future__ import annotations

import struct
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.errors import NotModelledError
from tdxctl.seam.handoff import HEADER_SIZE
from tdxctl.seam.leaves import Leaf, leaf_title
from tdxctl.seam.module import TdxModule
from tdxctl.seam.port import Registers
from tdxctl.seam.state import INTEL_VENDOR_ID, ModuleInfo
from tdxctl.seam.status import Status
from tdxctl.units import SZ_4K

INFO_SIZE = INFO_ALIGNMENT = 256
PARAMS_SIZE = SZ_4K
MAX_MODULE_PAGES = 496
SCENARIO_LOAD, SCENARIO_UPDATE = 0, 1
# "{version u32=0, scenario u32 (0 LOAD, 1 UPDATE), sigstruct_pa u64, rsvd[104]=0, num_module_pages
# u64 (1..496), pa_list[496]}"
_PARAMS = struct.Struct(f"<IIQ104sQ{MAX_MODULE_PAGES}Q")
# "version u32, attributes u32 ..., vendor u32, build_date u32, build_num u16, minor u16, major
# u16, update u16 ..., acm_x2apicid u32 @24, num_remaining_updates u32 @28, SEAMEXTEND copy 136
# bytes @32 (seam_ready @160, seam_debug @161, p_seamldr_ready @162), features0 u64 @168"
_INFO = struct.Struct("<IIIIHHHHII128xBBB5xQ80x")
_ON_ERROR_RECOVERABLE, _ON_ERROR_UNRECOVERABLE = 0, 1


class Flaw(Enum):
    """What can be wrong with an image, each found by a check of its own."""

    SIGSTRUCT = auto()  # a field, the signer, or a debug signature
    CPU_NOT_LISTED = auto()
    SIGNATURE = auto()
    TOO_LARGE = auto()
    HASH = auto()
    RELOCATION = auto()


class ModuleImage(Struct, frozen=True):
    """A module image as its signature structure has it.

    module_hv, no_downgrade: as of ModulePlatform, None is what the version has built in.
    minor_svn: None is not known. updates: how often an image may be updated after it was loaded;
    the default is tdxctl's own.
    """

    info: ModuleInfo
    module_hv: int | None = None
    min_update_hv: int = 0
    no_downgrade: int | None = None
    major_svn: int = 1
    minor_svn: int | None = 0
    updates: int = 64
    flaws: frozenset[Flaw] = frozenset()

    @classmethod
    def of(cls, info: ModuleInfo, cpu: tuple[int, int] | None = None) -> ModuleImage:
        """The image of a release, on a CPU of that family and model where it is known."""
        released = info.of_release
        major, minor = released.svn or (1, None)
        unlisted = cpu is not None and released.is_signed_for(*cpu) is False
        flaws = {Flaw.CPU_NOT_LISTED} if unlisted else ()
        return cls(info, major_svn=major, minor_svn=minor, flaws=frozenset(flaws))

    @property
    def hv(self) -> int:
        """The handoff version."""
        return self.info.profile.module_hv if self.module_hv is None else self.module_hv


class SeamldrVersion(Struct, frozen=True):
    """What INFO says of P-SEAMLDR itself; the defaults are illustrative."""

    version: int = 0
    attributes: int = 0
    vendor_id: int = INTEL_VENDOR_ID
    build_date: int = 20240101
    build_num: int = 0
    minor: int = 5
    major: int = 1
    update: int = 0
    features0: int = 0


class _Flow(Enum):
    NONE = auto()
    INSTALL = auto()
    SHUTDOWN = auto()


class _Refused(Exception):
    def __init__(self, status: Status, rdx: int = _ON_ERROR_RECOVERABLE) -> None:
        super().__init__(status)
        self.status = status
        self.rdx = rdx


class PSeamldr:
    """P-SEAMLDR with a module in place (seam_ready) or with an empty module range.

    image is what INSTALL finds at the addresses that it is given, by default the image that is
    in place. dirty: keys or caches hold something of a module; inferred to be so once one was
    installed. acm_lp: the LP that launched P-SEAMLDR.
    """

    def __init__(
        self,
        module: TdxModule,
        *,
        seam_ready: bool = True,
        dirty: bool | None = None,
        acm_lp: int = 0,
        version: SeamldrVersion | None = None,
    ) -> None:
        platform = module.state.platform
        self.module = module
        self.seam_ready = seam_ready
        self.dirty = seam_ready if dirty is None else dirty
        self.installed = replace(
            ModuleImage.of(module.state.info),
            module_hv=platform.module_hv,
            min_update_hv=platform.min_update_hv,
            no_downgrade=platform.no_downgrade,
        )
        self.image = self.installed
        self.remaining_updates = self.installed.updates
        self.gone = False
        self._acm_lp = acm_lp
        self._version = version if version is not None else SeamldrVersion()
        self._flow = _Flow.NONE
        self._done: set[int] = set()
        self._was_ready = seam_ready

    def seamcall(self, cpu: int, registers: Registers) -> Registers:
        """One SEAMCALL with RAX bit 63 on logical processor cpu: the registers after it.

        Raises NotModelledError for SEAMINFO and CLEANUP.
        """
        if self.gone:
            return registers._replace(rax=Status.VMFAILINVALID)
        try:
            match registers.rax:
                case Leaf.SEAMLDR_INFO:
                    self._info(registers.rcx)
                case Leaf.SEAMLDR_INSTALL:
                    self._install(cpu, registers.rcx)
                case Leaf.SEAMLDR_SHUTDOWN:
                    self._shutdown(cpu)
                case Leaf.SEAMLDR_SEAMINFO | Leaf.SEAMLDR_CLEANUP:
                    raise NotModelledError(f"{leaf_title(registers.rax)} is not modelled")
                case _:
                    return registers._replace(rax=Status.SEAMLDR_EBADPARAM)
        except _Refused as refused:
            # "RDX = 0 recoverable / 1 unrecoverable on error", of INSTALL only.
            if registers.rax == Leaf.SEAMLDR_INSTALL:
                return registers._replace(rax=refused.status, rdx=refused.rdx)
            return registers._replace(rax=refused.status)
        return registers._replace(rax=Status.TDX_SUCCESS)

    def _info(self, rcx: int) -> None:
        # "RCX = 256-byte aligned shared HPA -> 256-byte SEAMLDR_INFO"
        if not self._is_shared(rcx, INFO_ALIGNMENT, INFO_SIZE):
            raise _Refused(Status.SEAMLDR_EBADPARAM)
        state, version = self.module.state, self._version
        data = _INFO.pack(
            version.version,
            version.attributes,
            version.vendor_id,
            version.build_date,
            version.build_num,
            version.minor,
            version.major,
            version.update,
            state.platform.x2apic_id(self._acm_lp),
            self.remaining_updates,
            self.seam_ready,
            0,  # seam_debug
            1,  # p_seamldr_ready
            version.features0,
        )
        self.module.memory.write(state.without_hkid(rcx), data)

    def _install(self, cpu: int, rcx: int) -> None:
        # "shutdown session open -> EBADCALL; other flow active -> EBADCALL; same LP twice in a
        # session -> EBADCALL; first LP clears SEAM_READY"
        last = self._enter(_Flow.INSTALL, cpu)
        if not last:
            return  # "non-last LPs return 0 without looking at RCX"
        # "The session bitmap clears after the last LP in every case."
        self._end_session()
        try:
            self._install_last(rcx)
        except _Refused as refused:
            self.seam_ready = self._was_ready and refused.rdx == _ON_ERROR_RECOVERABLE
            raise

    def _install_last(self, rcx: int) -> None:
        image, state = self.image, self.module.state
        scenario = self._scenario(rcx)
        update = scenario == SCENARIO_UPDATE
        # "sigstruct fields/signer/debug/HV order -> EBADSIG"
        self._refuse(Flaw.SIGSTRUCT, Status.SEAMLDR_EBADSIG)
        if image.min_update_hv > image.hv:
            raise _Refused(Status.SEAMLDR_EBADSIG)
        # "major SVN 0 or (UPDATE) different major -> EUNSUPPORTED; UPDATE with lower minor SVN ->
        # EBADSIG; LOAD with dirty keys and downgrade -> ECLEANUPREQ"
        before = self.installed
        if image.major_svn == 0 or (update and image.major_svn != before.major_svn):
            raise _Refused(Status.SEAMLDR_EUNSUPPORTED)
        if update and _is_below(image, before):
            raise _Refused(Status.SEAMLDR_EBADSIG)
        if not update and self.dirty and _is_below(image, before):
            raise _Refused(Status.SEAMLDR_ECLEANUPREQ)
        # "CPU not in list -> EUNSUPCPU; signature -> EBADSIG; no RDRAND -> ENOENTROPY; range too
        # small -> ENOMEM"
        self._refuse(Flaw.CPU_NOT_LISTED, Status.SEAMLDR_EUNSUPCPU)
        self._refuse(Flaw.SIGNATURE, Status.SEAMLDR_EBADSIG)
        if not state.conditions.rdrand():
            raise _Refused(Status.SEAMLDR_ENOENTROPY)
        self._refuse(Flaw.TOO_LARGE, Status.SEAMLDR_ENOMEM)
        if update:
            self._check_handoff()
        # "from here unrecoverable: hash -> EBADHASH, relocation -> EBADPARAM"
        self._refuse(Flaw.HASH, Status.SEAMLDR_EBADHASH, _ON_ERROR_UNRECOVERABLE)
        self._refuse(Flaw.RELOCATION, Status.SEAMLDR_EBADPARAM, _ON_ERROR_UNRECOVERABLE)
        # "LOAD wipes the whole module range and resets the counter; UPDATE wipes all but handoff."
        if not update:
            self.remaining_updates = image.updates
        # "Success: SEAM_READY=1, new module in SYSINIT_PENDING, num_remaining_updates -= 1"
        platform = replace(
            state.platform,
            module_hv=image.module_hv,
            min_update_hv=image.min_update_hv,
            no_downgrade=image.no_downgrade,
            num_handoff_pages=image.info.num_handoff_pages,
        )
        self.module.install(image.info, platform=platform, keep_handoff=update)
        self.remaining_updates -= 1
        self.installed = image
        self.seam_ready = self.dirty = True

    def _scenario(self, rcx: int) -> int:
        # "RCX bad, version/reserved/scenario/page count/page addresses/sigstruct address bad,
        # UPDATE while no module was ready -> EBADPARAM"
        if not self._is_shared(rcx, SZ_4K, PARAMS_SIZE):
            raise _Refused(Status.SEAMLDR_EBADPARAM)
        data = self.module.memory.read(self.module.state.without_hkid(rcx), PARAMS_SIZE)
        version, scenario, sigstruct, reserved, pages, *addresses = _PARAMS.unpack(data)
        good = (
            version == 0
            and not any(reserved)
            and scenario in (SCENARIO_LOAD, SCENARIO_UPDATE)
            and 1 <= pages <= MAX_MODULE_PAGES
            and all(self._is_shared(pa, SZ_4K, SZ_4K) for pa in (*addresses[:pages], sigstruct))
        )
        if not good or (scenario == SCENARIO_UPDATE and not self._was_ready):
            raise _Refused(Status.SEAMLDR_EBADPARAM)
        return int(scenario)

    def _check_handoff(self) -> None:
        # "UPDATE: no remaining updates -> EBADCALL, handoff header invalid / too big / hv outside
        # new module's [min_update_hv, module_hv] -> EBADHANDOFF"
        if self.remaining_updates == 0:
            raise _Refused(Status.SEAMLDR_EBADCALL)
        handoff, image = self.module.handoff, self.image
        area = (self.module.state.platform.num_handoff_pages + 1) * SZ_4K - HEADER_SIZE
        in_range = image.min_update_hv <= handoff.hv <= image.hv
        if not handoff.valid or handoff.size > area or not in_range:
            raise _Refused(Status.SEAMLDR_EBADHANDOFF)

    def _shutdown(self, cpu: int) -> None:
        # "dirty keys/caches -> ECLEANUPREQ ... until CLEANUP done; first LP clears SEAM_READY;
        # last LP must be the ACM launch LP else EBADCALL; then P-SEAMLDR itself is gone"
        if self.dirty:
            raise _Refused(Status.SEAMLDR_ECLEANUPREQ)
        is_last = len(self._done | {cpu}) == self.module.state.platform.lps
        if is_last and cpu not in self._done and cpu != self._acm_lp:
            raise _Refused(Status.SEAMLDR_EBADCALL)
        if self._enter(_Flow.SHUTDOWN, cpu):
            self._end_session()
            self.gone = True

    def _enter(self, flow: _Flow, cpu: int) -> bool:
        # Notes that cpu made its call of the flow's session; whether it was the last one.
        if self._flow not in (_Flow.NONE, flow) or cpu in self._done:
            raise _Refused(Status.SEAMLDR_EBADCALL)
        if self._flow is _Flow.NONE:
            self._flow = flow
            self._was_ready = self.seam_ready
            self.seam_ready = False
        self._done.add(cpu)
        return len(self._done) == self.module.state.platform.lps

    def _end_session(self) -> None:
        self._flow = _Flow.NONE
        self._done.clear()

    def _refuse(self, flaw: Flaw, status: Status, rdx: int = _ON_ERROR_RECOVERABLE) -> None:
        if flaw in self.image.flaws:
            raise _Refused(status, rdx)

    def _is_shared(self, pa: int, alignment: int, size: int) -> bool:
        return self.module.state.is_shared_hpa(pa, alignment, size)


def _is_below(image: ModuleImage, before: ModuleImage) -> bool:
    # Whether the image's security version is below that of the one before.
    if image.major_svn != before.major_svn:
        return image.major_svn < before.major_svn
    if image.info.version.release == before.info.version.release:
        return (image.minor_svn or 0) < (before.minor_svn or 0)
    if image.minor_svn is None or before.minor_svn is None:
        versions = f"{before.info.version.release} to {image.info.version.release}"
        raise NotModelledError(
            f"whether P-SEAMLDR takes an update from {versions} is not known: it compares their "
            "security versions, and not both are published",
            hint="`tdxctl modules` lists what is known of each release",
        )
    return image.minor_svn < before.minor_svn
