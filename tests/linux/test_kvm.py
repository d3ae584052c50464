# SPDX-License-Identifier: Apache-2.0
"""What the load of kvm_intel makes of a bring-up, beyond what the golden results hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tdxctl import Machine, Platform
from tdxctl.causes import KvmAttributes, TooManyCpusForTd, VmxOff
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
