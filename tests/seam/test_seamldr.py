# SPDX-License-Identifier: Apache-2.0
"""P-SEAMLDR: sessions over every LP, the checks of INSTALL in their order, what INFO reports.

Expectations are those of [tdx-module 6], in its words; nothing here was measured.
"""

from __future__ import annotations

import struct

import pytest
from msgspec.structs import replace

from tdxctl.errors import NotModelledError
from tdxctl.seam import ModulePlatform, Registers, TdxModule
from tdxctl.seam.faults import FaultScript
from tdxctl.seam.seamcall import SeamcallInstruction
from tdxctl.seam.seamldr import Flaw, ModuleImage, PSeamldr
from tdxctl.seam.state import ModuleInfo

INFO, INSTALL, SHUTDOWN = 0x8000000000000000, 0x8000000000000001, 0x8000000000000002
EBADPARAM, EBADCALL, EBADHANDOFF = 0x8000000000000000, 0x8000000000000003, 0x8000000000000004
ECLEANUPREQ, EUNSUPPORTED = 0x8000000000000005, 0x8000000000000006
ENOMEM, EUNSUPCPU = 0x8000000000010002, 0x8000000000010004
EBADSIG, EBADHASH, ENOENTROPY = 0x8000000000020000, 0x8000000000020001, 0x8000000000030001
VMFAILINVALID = 0x8000FF00FFFF0000
SYS_SHUTDOWN = 0xC000050600000000
LOAD, UPDATE = 0, 1
PARAMS_PA, SIGSTRUCT_PA, PAGE_PA, INFO_PA, SEAMRR = 0x3000, 0x4000, 0x5000, 0x6100, 0x3FFE000000
FIRST_PRIVATE_KEYID = 32 << 46


class Host:
    """Two LPs of one package, an update image, and SEAMCALLs as the machine makes them."""

    def __init__(self, lps: int = 2) -> None:
        self.module = TdxModule(
            ModulePlatform(
                lps=lps,
                packages=1,
                keyid_bits=6,
                mktme_keyids=31,
                tdx_keyids=32,
                cmrs=[(0x100000, 0x7FF00000)],
                seamrr=(SEAMRR, 0x2000000),
            ),
            version="1.5.25",
        )
        self.port = SeamcallInstruction(self.module, FaultScript())
        seamldr = self.port.seamldr
        assert seamldr is not None
        self.seamldr: PSeamldr = seamldr
        self.write_params(LOAD)

    def write_params(self, scenario: int, **changed: int) -> None:
        """SEAMLDR_PARAMS of an image of one page, with fields changed."""
        fields = {"version": 0, "sigstruct": SIGSTRUCT_PA, "reserved": 0, "pages": 1}
        fields |= {"page": PAGE_PA} | changed
        data = struct.pack("<IIQ", fields["version"], scenario, fields["sigstruct"])
        data += fields["reserved"].to_bytes(104, "little")
        data += struct.pack("<QQ", fields["pages"], fields["page"])
        self.module.memory.write(PARAMS_PA, data.ljust(4096, b"\0"))

    def call(self, leaf: int, cpu: int = 0, rcx: int = 0, **registers: int) -> tuple[int, int]:
        """RAX and RDX after a SEAMCALL; RDX goes in as 7."""
        out = self.port.seamcall(cpu, Registers(rax=leaf, rcx=rcx, rdx=7)._replace(**registers))
        return out.rax, out.rdx

    def bring_up(self) -> None:
        """SYS_READY, with nothing configured but the key."""
        tdmr = (0x40000000, 0x40000000, 0x102000, 0x1000, 0x103000, 0x2000, 0x105000, 0x400000)
        self.module.memory.write(0x8000, struct.pack("<8Q", *tdmr))
        self.module.memory.write(0x3600, struct.pack("<Q", 0x8000))
        assert self.port.seamcall(0, Registers(rax=33)).rax == 0
        for cpu in (0, 1):
            assert self.port.seamcall(cpu, Registers(rax=35)).rax == 0
        config = self.port.seamcall(0, Registers(rax=45, rcx=0x3600, rdx=1, r8=32))
        assert (config.rax, self.port.seamcall(0, Registers(rax=31)).rax) == (0, 0)
        assert self.module.sys_state == "SYS_READY"

    def shut_down(self) -> None:
        """SYS_SHUTDOWN, with handoff data of version 1."""
        self.bring_up()
        assert self.port.seamcall(0, Registers(rax=52, rcx=1)).rax == 0
        self.write_params(UPDATE)

    def install(self, rcx: int = PARAMS_PA) -> tuple[int, int]:
        """INSTALL on both LPs: what the last one gets."""
        assert self.call(INSTALL, 0, rcx) == (0, 7)
        return self.call(INSTALL, 1, rcx)


def test_a_module_is_put_in_place_by_the_last_lp() -> None:
    """LP 0 clears SEAM_READY, LP 1 does the work: a module in SYSINIT_PENDING."""
    host = Host()
    host.bring_up()
    assert host.call(INSTALL, 0, rcx=0xDEAD) == (0, 7)  # "without looking at RCX"
    assert host.call(34, 0)[0] == VMFAILINVALID
    assert host.call(INSTALL, 1, rcx=PARAMS_PA) == (0, 7)
    assert host.module.sys_state == "SYSINIT_PENDING"
    assert host.call(33, 0, rdx=0)[0] == 0


def test_one_lp_calls_once_in_a_session() -> None:
    host = Host()
    assert host.call(INSTALL, 0, PARAMS_PA) == (0, 7)
    assert host.call(INSTALL, 0, PARAMS_PA) == (EBADCALL, 0)
    assert host.call(INSTALL, 1, PARAMS_PA) == (0, 7)
    assert host.call(INSTALL, 1, PARAMS_PA) == (0, 7)  # a session of its own


def test_an_update_hands_over_and_a_load_does_not() -> None:
    """SHUTDOWN -> INSTALL -> SYS.INIT, LP.INIT -> SYS.UPDATE, which a LOAD leaves without data."""
    for scenario, update_status in ((UPDATE, 0), (LOAD, 0xC000050900000000)):
        host = Host()
        host.shut_down()
        host.write_params(scenario)
        assert host.install() == (0, 7)
        assert host.call(33, 0)[0] == 0
        assert [host.call(35, cpu)[0] for cpu in (0, 1)] == [0, 0]
        assert host.call(53, 0)[0] == update_status


def test_the_new_image_is_another_version() -> None:
    host = Host()
    host.seamldr.image = ModuleImage.of(ModuleInfo.of_version("1.5.01"))
    host.seamldr.dirty = False
    assert host.install() == (0, 7)
    assert host.module.state.info.version.update == 1
    assert host.module.state.module_hv == 0


@pytest.mark.parametrize(
    ("version", "svn"), [("1.0", (1, None)), ("1.5.25", (1, 13)), ("2.0.18", (3, None))]
)
def test_an_image_has_the_security_version_of_its_release(
    version: str, svn: tuple[int, int | None]
) -> None:
    """Expect major version 1 where a release is not known to have one [tdx-module-releases]."""
    image = ModuleImage.of(ModuleInfo.of_version(version))
    assert (image.major_svn, image.minor_svn) == svn


def test_each_installation_uses_up_an_update_and_a_load_resets_them() -> None:
    host = Host()
    host.shut_down()
    host.seamldr.remaining_updates = 1
    assert host.install() == (0, 7)
    assert host.seamldr.remaining_updates == 0
    # The old image's data was consumed by nobody: the header is still valid.
    assert host.install() == (EBADCALL, 0)
    host.write_params(LOAD)
    assert host.install() == (0, 7)
    assert host.seamldr.remaining_updates == 63


@pytest.mark.parametrize(
    ("changed", "rcx"),
    [
        ({"version": 1}, PARAMS_PA),
        ({"reserved": 1}, PARAMS_PA),
        ({"reserved": 1 << 831}, PARAMS_PA),
        ({"scenario": 2}, PARAMS_PA),
        ({"pages": 0}, PARAMS_PA),
        ({"pages": 497}, PARAMS_PA),
        ({"page": PAGE_PA + 1}, PARAMS_PA),
        ({"page": SEAMRR}, PARAMS_PA),
        ({"page": PAGE_PA | FIRST_PRIVATE_KEYID}, PARAMS_PA),
        ({"sigstruct": SIGSTRUCT_PA + 0x800}, PARAMS_PA),
        ({"sigstruct": 1 << 52}, PARAMS_PA),
        ({}, PARAMS_PA + 0x800),
        ({}, PARAMS_PA | FIRST_PRIVATE_KEYID),
        ({}, SEAMRR),
    ],
)
def test_bad_parameters(changed: dict[str, int], rcx: int) -> None:
    """Expect EBADPARAM, recoverable: the module in place goes on."""
    host = Host()
    scenario = changed.pop("scenario", LOAD)
    host.write_params(scenario, **changed)
    assert host.install(rcx) == (EBADPARAM, 0)
    assert host.call(33, 0)[0] == 0
    host.write_params(LOAD)
    assert host.install() == (0, 7)


def test_a_shared_keyid_in_an_address_is_no_error() -> None:
    host = Host()
    assert host.install(PARAMS_PA | 1 << 46) == (0, 7)


IMAGE = ModuleImage.of(ModuleInfo.of_version("1.5.25"))


@pytest.mark.parametrize(
    ("scenario", "image", "answer"),
    [
        # In the order of the checks: each flaw stands before the next one's.
        (LOAD, replace(IMAGE, flaws=frozenset(Flaw)), (EBADSIG, 0)),
        (LOAD, replace(IMAGE, min_update_hv=2), (EBADSIG, 0)),
        (LOAD, replace(IMAGE, major_svn=0, flaws=frozenset({Flaw.SIGNATURE})), (EUNSUPPORTED, 0)),
        (UPDATE, replace(IMAGE, major_svn=2, minor_svn=0), (EUNSUPPORTED, 0)),
        (LOAD, replace(IMAGE, major_svn=2), (0, 7)),
        (UPDATE, replace(IMAGE, minor_svn=3), (EBADSIG, 0)),
        (LOAD, replace(IMAGE, minor_svn=3), (ECLEANUPREQ, 0)),
        (
            LOAD,
            replace(
                IMAGE,
                minor_svn=4,
                flaws=frozenset({Flaw.CPU_NOT_LISTED, Flaw.SIGNATURE, Flaw.TOO_LARGE}),
            ),
            (EUNSUPCPU, 0),
        ),
        (
            LOAD,
            replace(IMAGE, minor_svn=4, flaws=frozenset({Flaw.SIGNATURE, Flaw.TOO_LARGE})),
            (EBADSIG, 0),
        ),
        (
            LOAD,
            replace(IMAGE, minor_svn=4, flaws=frozenset({Flaw.TOO_LARGE, Flaw.HASH})),
            (ENOMEM, 0),
        ),
        (UPDATE, replace(IMAGE, minor_svn=4, module_hv=0), (EBADHANDOFF, 0)),
        (
            LOAD,
            replace(IMAGE, minor_svn=4, flaws=frozenset({Flaw.HASH, Flaw.RELOCATION})),
            (EBADHASH, 1),
        ),
        (LOAD, replace(IMAGE, minor_svn=4, flaws=frozenset({Flaw.RELOCATION})), (EBADPARAM, 1)),
        (UPDATE, replace(IMAGE, minor_svn=5), (0, 7)),
    ],
)
def test_an_image_is_checked_in_this_order(
    scenario: int, image: ModuleImage, answer: tuple[int, int]
) -> None:
    """Recoverable: the old module is still there, shut down. Unrecoverable: there is none."""
    host = Host()
    host.shut_down()
    host.seamldr.installed = replace(IMAGE, minor_svn=4)
    host.write_params(scenario)
    host.seamldr.image = image
    assert host.install() == answer
    after = {(0, 7): 0xC000050500000000}.get(answer, VMFAILINVALID if answer[1] else SYS_SHUTDOWN)
    assert host.call(36, 0)[0] == after


def test_no_entropy_comes_between_the_signature_and_the_range() -> None:
    host = Host()
    host.seamldr.image = replace(IMAGE, flaws=frozenset({Flaw.TOO_LARGE}))
    host.module.conditions.rdrand_failures = 1
    assert host.install() == (ENOENTROPY, 0)
    assert host.install() == (ENOMEM, 0)


@pytest.mark.parametrize(
    ("valid", "hv", "size"),
    [(False, 1, 53391), (True, 2, 53391), (True, 1, 57337)],
    ids=["no header", "a later version", "too big"],
)
def test_handoff_data_that_does_not_suit(valid: bool, hv: int, size: int) -> None:
    """The data area of 14 pages is 57,336 bytes."""
    host = Host()
    host.shut_down()
    handoff = host.module.handoff
    handoff.valid, handoff.hv, handoff.size = valid, hv, size
    assert host.install() == (EBADHANDOFF, 0)
    handoff.valid, handoff.hv, handoff.size = True, 1, 57336
    assert host.install() == (0, 7)


def test_an_update_needs_a_module_in_place() -> None:
    """After an unrecoverable error only a LOAD helps."""
    host = Host()
    host.seamldr.image = replace(IMAGE, flaws=frozenset({Flaw.HASH}))
    assert host.install() == (EBADHASH, 1)
    host.seamldr.image = IMAGE
    host.write_params(UPDATE)
    assert host.install() == (EBADPARAM, 0)
    host.write_params(LOAD)
    assert host.install() == (0, 7)


def test_info_says_what_is_in_place() -> None:
    """acm_x2apicid at 24, remaining updates at 28, seam_ready at 160, p_seamldr_ready at 162."""
    host = Host()
    host.module.memory.write(INFO_PA, b"\xff" * 256)
    assert host.call(INFO, 0, INFO_PA) == (0, 7)
    data = host.module.memory.read(INFO_PA, 256)
    assert struct.unpack_from("<III", data, 0) == (0, 0, 0x8086)
    assert struct.unpack_from("<HHHHII", data, 16) == (0, 5, 1, 0, 0, 64)
    assert (data[160], data[161], data[162]) == (1, 0, 1)
    assert data[32:160] == bytes(128)
    assert data[163:] == bytes(93)
    host.call(INSTALL, 0)
    host.call(INFO, 0, INFO_PA)
    assert host.module.memory.read(INFO_PA + 160, 1) == b"\0"


@pytest.mark.parametrize("rcx", [INFO_PA + 128, SEAMRR, 1 << 52, INFO_PA | FIRST_PRIVATE_KEYID])
def test_info_wants_an_aligned_shared_buffer(rcx: int) -> None:
    host = Host()
    assert host.call(INFO, 0, rcx) == (EBADPARAM, 7)


def test_shutdown_wants_clean_keys() -> None:
    """ECLEANUPREQ "after any successful INSTALL"; the module goes on."""
    host = Host()
    assert host.call(SHUTDOWN, 0) == (ECLEANUPREQ, 7)
    assert host.call(33, 0)[0] == 0


def test_shutdown_ends_p_seamldr_on_the_lp_that_launched_it() -> None:
    """LP 1, then LP 0, the ACM launch LP: afterwards there is no P-SEAMLDR."""
    host = Host()
    host.seamldr.dirty = False
    assert host.call(SHUTDOWN, 1) == (0, 7)
    assert host.call(33, 0)[0] == VMFAILINVALID
    assert host.call(SHUTDOWN, 1) == (EBADCALL, 7)
    assert host.call(INSTALL, 0, PARAMS_PA) == (EBADCALL, 0)
    assert host.call(SHUTDOWN, 0) == (0, 7)
    assert host.call(INFO, 0, INFO_PA)[0] == VMFAILINVALID


def test_shutdown_ends_on_no_other_lp() -> None:
    host = Host()
    host.seamldr.dirty = False
    assert host.call(SHUTDOWN, 0) == (0, 7)
    assert host.call(SHUTDOWN, 1) == (EBADCALL, 7)


def test_no_shutdown_in_an_installation() -> None:
    host = Host()
    host.seamldr.dirty = False
    assert host.call(INSTALL, 0, PARAMS_PA) == (0, 7)
    assert host.call(SHUTDOWN, 1) == (EBADCALL, 7)


def test_what_p_seamldr_does_not_know_and_what_tdxctl_does_not() -> None:
    host = Host()
    assert host.call(0x8000000000000005) == (EBADPARAM, 7)
    assert host.call(0x8000000000010000) == (EBADPARAM, 7)
    for leaf, name in ((0x8000000000000003, "SEAMINFO"), (0x8000000000000004, "CLEANUP")):
        with pytest.raises(NotModelledError, match=f"SEAMLDR.{name} is not modelled"):
            host.call(leaf)


def test_without_a_module_there_is_no_p_seamldr() -> None:
    port = SeamcallInstruction(None, FaultScript())
    assert port.seamcall(0, Registers(rax=INFO)).rax == VMFAILINVALID
