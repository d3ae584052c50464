# SPDX-License-Identifier: Apache-2.0
"""What the load of kvm_intel makes of a bring-up, beyond what the golden results hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tdxctl import Machine, Platform
from tdxctl.causes import (
    KvmAttributes,
    KvmLacks,
    KvmLoadedWithoutTdx,
    KvmXfam,
    NoMovdir64b,
    NoSelfSnoop,
    NoTopologyEnum,
    TooFewKeyids,
    TooManyCpusForTd,
    VmxOff,
)
from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.verdicts import KvmDoesNotLoad, ModuleLost, NoCapacity, ReadyToRunTds, TdxOff


def _platform(faults: Sequence[object], **parts: Mapping[str, object]) -> Platform:
    described: dict[str, object] = {
        "cpus": {"madt": [{"apic_id": "0-3"}], "features": parts.get("features", {})},
        "memory": {"ranges": [{"start": "1MiB", "end": "1GiB"}]},
        "firmware": parts.get("firmware", {}),
        "module": parts.get("module", {}),
        "kvm": parts.get("kvm", {}),
        "faults": faults,
    }
    return Platform.from_dict(described)


def _booted(
    kernel: str, *, faults: Sequence[object] = (), **parts: Mapping[str, object]
) -> Machine:
    return Machine.boot(_platform([*faults], **parts), kernel=kernel)


@pytest.mark.parametrize("kernel", ["6.16", "6.18", "7.1", "7.2", "7.2+dynamic-pamt"])
def test_a_good_host_is_ready_to_run_a_td_on_each_guest_keyid(kernel: str) -> None:
    """Expect 31 TDs: 32 KeyIDs, one of which is the module's own."""
    machine = _booted(kernel)
    assert machine.kvm_load().returned == 0
    assert machine.kvm is not None
    assert machine.kvm.verdict == ReadyToRunTds(31)


@pytest.mark.parametrize(
    ("kernel", "verdict"),
    [
        ("6.16", KvmDoesNotLoad(Errno.EOPNOTSUPP)),
        ("6.18", KvmDoesNotLoad(Errno.EOPNOTSUPP)),
        ("7.1", TdxOff()),
        ("7.2", TdxOff()),
    ],
)
def test_without_seamrr_kvm_is_gone_until_7_0(kernel: str, verdict: object) -> None:
    """Expect no line from the load, and no KVM at all where the load makes the first SEAMCALL."""
    machine = _booted(kernel, firmware={"seamrr": "disabled"})
    loaded = machine.kvm_load()
    assert machine.kvm is not None
    assert machine.kvm.verdict == verdict
    assert loaded.log == ()


def test_an_update_that_fails_under_kvm_leaves_no_td_to_run() -> None:
    """Expect KVM to say tdx=Y and 31 TDs as before, and the host not to be called ready."""
    machine = _booted("7.2", faults=[{"leaf": "SEAMLDR.INSTALL", "status": "SEAMLDR_ENOENTROPY"}])
    assert machine.kvm_load().returned == 0
    assert machine.update_module().returned == -Errno.EIO
    assert machine.kvm is not None
    assert (machine.kvm.tdx, machine.kvm.capacity) == (True, 31)
    assert machine.kvm.verdict == ModuleLost()
    assert machine.init_host().host == ModuleLost()


def test_a_silent_refusal_of_6_16_leaves_a_host_that_dies_at_unload() -> None:
    """Expect tdx=Y without capacity, then a BUG, and nothing more of that machine."""
    machine = _booted("6.16", module={"attributes_fixed1": 1})
    loaded = machine.kvm_load()
    assert loaded.returned == 0
    assert loaded.failure is not None
    assert loaded.failure.cause == KvmAttributes(0x8000000070010001, 1)
    assert machine.kvm is not None
    assert (machine.kvm.tdx, machine.kvm.verdict) == (True, NoCapacity())
    assert machine.kvm_unload().log[-1].level == "BUG"
    with pytest.raises(NotModelledError, match="died in the CPU hotplug core"):
        machine.kvm_load()


def test_the_same_refusal_is_an_errno_with_the_change_of_6_17_4() -> None:
    """Expect -EINVAL and no KVM."""
    machine = _booted("6.16+kvm-refusals-fail", module={"attributes_fixed1": 1})
    assert machine.kvm_load().returned == -22
    assert machine.kvm is not None
    assert machine.kvm.verdict == KvmDoesNotLoad(Errno.EINVAL)


def test_a_td_must_be_able_to_have_a_virtual_cpu_for_each_cpu() -> None:
    """Expect a refusal for four CPUs where three are allowed, and none for four."""
    refused = _booted("7.2", module={"max_vcpus_per_td": 3}).kvm_load()
    assert refused.failure is not None
    assert refused.failure.cause == TooManyCpusForTd(3, 4)
    assert _booted("7.2", module={"max_vcpus_per_td": 4}).kvm_load().returned == 0


def test_a_module_without_max_vcpus_per_td_is_not_initialized_from_6_16_on() -> None:
    """Expect -EIO of the load on 6.16: the kernel has no fallback for the missing field."""
    machine = _booted("6.16", module={"max_vcpus_per_td": None})
    assert machine.kvm_load().returned == -5
    assert Machine.boot(machine.platform, kernel="6.14").tdx_init().returned == 0


@pytest.mark.parametrize("kernel", ["6.16", "7.2"])
def test_kvm_needs_vmx(kernel: str) -> None:
    """Expect no KVM on a CPU without VMX."""
    loaded = _booted(kernel, features={"vmx": False}).kvm_load()
    assert (loaded.returned, loaded.failure and loaded.failure.cause) == (-95, VmxOff())


def test_kexec_leaves_kvm_behind() -> None:
    """Expect a kernel whose kvm_intel is not loaded."""
    machine = _booted("7.2")
    machine.kvm_load()
    machine.kexec()
    assert machine.kvm is not None
    assert (machine.kvm.loaded, machine.kvm.verdict) == (False, None)


@pytest.mark.parametrize("kernel", ["v5", "6.8", "6.14"])
def test_before_6_16_no_kvm_of_mainline_asks_for_tdx(kernel: str) -> None:
    """Expect no KVM layer, and an answer that names the releases that have one."""
    machine = _booted(kernel)
    assert machine.kvm is None
    with pytest.raises(UsageError, match="no KVM that asks for TDX") as error:
        machine.kvm_load()
    assert "6.16" in (error.value.hint or "")


@pytest.mark.parametrize("kernel", ["6.16", "7.2"])
@pytest.mark.parametrize(
    ("fact", "lacks", "prefix"),
    [
        ("ept", "EPT", "kvm_intel: "),
        ("tdp_mmu", "TDP MMU and MMIO caching and EPT A/D bit", "kvm_intel: "),
        ("mmio_caching", "TDP MMU and MMIO caching and EPT A/D bit", "kvm_intel: "),
        ("ept_ad", "TDP MMU and MMIO caching and EPT A/D bit", "kvm_intel: "),
        ("apicv", "APICv", "kvm_intel: "),
        ("osxsave", "OSXSAVE", "kvm_intel: tdx: "),
    ],
)
def test_what_kvm_lacks_it_says_in_a_line_and_does_without_tdx(
    kernel: str, fact: str, lacks: str, prefix: str
) -> None:
    """Expect kvm_intel to load, TDX to be off, and no SEAMCALL for it."""
    machine = _booted(kernel, kvm={fact: False})
    calls = len(machine.trace)
    loaded = machine.kvm_load()
    assert loaded.returned == 0
    assert [line.text for line in loaded.log] == [f"{prefix}{lacks} is required for TDX"]
    assert loaded.failure is not None
    assert loaded.failure.cause == KvmLacks(lacks)
    assert machine.kvm is not None
    assert (machine.kvm.loaded, machine.kvm.tdx, machine.kvm.verdict) == (True, False, TdxOff())
    assert len(machine.trace) == calls


@pytest.mark.parametrize(
    ("parts", "cause", "line"),
    [
        (
            {"features": {"movdir64b": False}},
            NoMovdir64b(),
            "kvm_intel: tdx: MOVDIR64B is required for TDX",
        ),
        (
            {"features": {"self_snoop": False}},
            NoSelfSnoop(),
            "kvm_intel: Self-snoop is required for TDX",
        ),
        (
            {"firmware": {"mktme_keyids": 31, "tdx_keyids": 1}},
            TooFewKeyids(1),
            "kvm_intel: tdx: no TDX private KeyIDs available",
        ),
        (
            {"kvm": {"enable_virt_at_load": False}},
            KvmLacks("kvm.enable_virt_at_load=1"),
            "kvm_intel: tdx: tdx requires kvm.enable_virt_at_load=1",
        ),
    ],
)
def test_until_7_0_kvm_looks_at_the_cpu_and_its_parameters_too(
    parts: dict[str, Any], cause: object, line: str
) -> None:
    """Expect 6.16 to say one line, and 7.1, whose boot has looked, not that one."""
    loaded = _booted("6.16", **parts).kvm_load()
    assert (loaded.returned, [said.text for said in loaded.log]) == (0, [line])
    assert loaded.failure is not None
    assert loaded.failure.cause == cause
    assert line not in [said.text for said in _booted("7.1", **parts).kvm_load().log]


def test_of_several_things_that_kvm_lacks_it_names_the_first() -> None:
    loaded = _booted("6.16", kvm={"osxsave": False, "apicv": False}).kvm_load()
    assert [line.text for line in loaded.log] == ["kvm_intel: APICv is required for TDX"]


def test_from_7_1_on_the_load_says_only_that_the_host_has_no_tdx() -> None:
    loaded = _booted("7.2", firmware={"mktme_keyids": 31, "tdx_keyids": 1}).kvm_load()
    assert [line.text for line in loaded.log] == [
        "kvm_intel: TDX not supported by the host platform"
    ]
    # Its core holds VMX on for TDX: the parameter is no matter.
    assert _booted("7.2", kvm={"enable_virt_at_load": False}).kvm_load().log == ()


@pytest.mark.parametrize("kernel", ["6.16", "7.2"])
def test_kvm_that_is_not_asked_for_tdx_loads_without_a_word(kernel: str) -> None:
    machine = _booted(kernel)
    loaded = machine.kvm_load(tdx=False)
    assert (loaded.returned, loaded.log) == (0, ())
    assert loaded.failure is not None
    assert loaded.failure.cause == KvmLoadedWithoutTdx()
    assert machine.kvm is not None
    assert (machine.kvm.tdx, machine.kvm.capacity) == (False, None)
    # It is loaded: a second load is refused, and changes nothing.
    assert machine.kvm_load().returned == -17
    assert machine.kvm.tdx is False


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        # TDs may have SEPT_VE_DISABLE, bit 28, and must be able to.
        ({"attributes_fixed0": 0x80000000}, KvmAttributes(0x80000000, 0)),
        ({"attributes_fixed1": 1 << 28 | 1}, KvmAttributes(0x8000000070010001, 1 << 28 | 1)),
        # XCR0 of the host is 0x602e7: bit 8 is not of it; and one of its bits has to be there.
        ({"xfam_fixed1": 0x103}, KvmXfam(0x6DBE7, 0x103, 0x602E7)),
        ({"xfam_fixed0": 0x100}, KvmXfam(0x100, 3, 0x602E7)),
        ({"features": 0x5AD9326F3F0FBF & ~(1 << 20)}, NoTopologyEnum()),
    ],
)
def test_a_module_that_kvm_cannot_serve_is_refused_in_silence(
    module: dict[str, object], cause: object
) -> None:
    loaded = _booted("7.2", module=module).kvm_load()
    assert (loaded.returned, loaded.log) == (-22, ())
    assert loaded.failure is not None
    assert loaded.failure.cause == cause
    assert _booted("7.2", module={"attributes_fixed1": 1 << 28}).kvm_load().returned == 0


def test_kvm_until_7_1_writes_back_the_cache_of_a_cpu_that_it_lets_go() -> None:
    """
    CPU 3   goes    comes   goes    comes   updates the module   goes
            WBINVD          -                                    WBINVD

    Expect WBINVD only where it made a SEAMCALL since the last one.
    """
    machine = _booted("7.1+runtime-update")
    assert machine.kvm_load().returned == 0
    flushed = [{"ev": "wbinvd", "cpu": 3}]
    assert [event.to_dict() for event in machine.cpu_offline(3).trace] == flushed
    assert machine.cpu_online(3).returned == 0
    assert machine.cpu_offline(3).trace == ()
    assert machine.cpu_online(3).returned == 0
    assert machine.update_module().returned == 0
    assert [event.to_dict() for event in machine.cpu_offline(3).trace] == flushed


def test_kvm_of_6_18_writes_back_all_caches_when_it_is_removed() -> None:
    machine = _booted("6.18")
    machine.kvm_load()
    gone = machine.kvm_unload()
    assert [event.to_dict() for event in gone.trace] == [
        {"ev": "wbinvd", "cpu": cpu} for cpu in range(4)
    ]
    assert machine.kvm is not None
    assert (machine.kvm.loaded, machine.kvm.tdx, machine.kvm.capacity) == (False, None, None)
    assert machine.kvm_unload().returned == -2
    # KVM holds VMX on no CPU any more.
    assert machine.cpu_offline(3).trace == ()
