# SPDX-License-Identifier: Apache-2.0
"""SEAMCALL raises #GP while SEAMRR is not enabled, and #UD on a CPU without SEAM.

What Linux makes of it: "Return codes" [linux-host 3, 8].
"""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl import Machine
from tdxctl.errors import NotModelledError
from tdxctl.seam.cpu_models import has_seam
from tdxctl.seam.port import Registers
from tests.machines import booted

LATER = ("6.8", "6.8+cmr-walk", "6.18", "7.2+dynamic-pamt")
GP, UD = 0x8000FF00_0000000D, 0x8000FF00_00000006
SYS_INIT = {"ev": "seamcall", "leaf": 33, "cpu": 0, "rcx": "0x0", "rdx": "0x0", "r8": "0x0"}


def _not_initialized(kernel: str) -> str:
    return "NOT_INITIALIZED" if kernel == "7.2+dynamic-pamt" else "UNINITIALIZED"


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("seamrr", ["disabled", "absent"])
@pytest.mark.parametrize("kernel", LATER)
def test_seamrr_that_is_not_enabled_ends_the_first_seamcall(
    kernel: str, seamrr: str, loaded: bool
) -> None:
    """Expect -EOPNOTSUPP and no line, whether or not a module is described as loaded.

    Golden results with KVM as the caller say the same: one TDH.SYS.INIT, #GP, -95.
    """
    machine = booted(kernel, firmware={"seamrr": seamrr}, module={"loaded": loaded})
    result = machine.tdx_init()
    assert (result.returned, result.status) == (-95, _not_initialized(kernel))
    assert [event.to_dict() for event in machine.trace] == [
        SYS_INIT | {"ret": "0x8000ff000000000d"}
    ]
    said = [line.text.removeprefix("virt/tdx: ") for line in machine.dmesg]
    assert said == [
        "BIOS enabled: private KeyID range [32, 64)",
        "Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.",
    ]
    # "its result is cached for ever" [linux-host 2.3]: nothing is asked again, nor when
    # a CPU comes online.
    assert machine.tdx_init().returned == -95
    assert machine.cpu_offline(3).returned == machine.cpu_online(3).returned == 0
    assert len(machine.trace) == 1


@pytest.mark.parametrize("model", ["skylake-x", "ice-lake-x", {"family": 6, "model": 0x4F}])
@pytest.mark.parametrize("kernel", LATER)
def test_a_cpu_without_seam_has_no_seamcall(kernel: str, model: Any) -> None:
    """Expect -EACCES and no line, whatever the firmware is described to have done."""
    machine = booted(kernel, cpus={"model": model})
    result = machine.tdx_init()
    assert (result.returned, result.status) == (-13, _not_initialized(kernel))
    assert [event.to_dict() for event in machine.trace] == [
        SYS_INIT | {"ret": "0x8000ff0000000006"}
    ]
    assert [line.text for line in machine.dmesg if "SEAMCALL" in line.text] == []


@pytest.mark.parametrize("kernel", ["v5", "v5-posted"])
def test_v5_finds_no_seamrr_and_does_not_survive_a_cpu_without_seam(kernel: str) -> None:
    off = booted(kernel, firmware={"seamrr": "disabled"})
    assert (off.tdx_init().returned, off.status, off.trace, off.dmesg) == (-19, "UNKNOWN", (), ())
    with pytest.raises(NotModelledError, match="SEAMCALL raises #UD on CPU 0: a v5 kernel"):
        booted(kernel, cpus={"model": "skylake-x"}).tdx_init()
    # An exception that a fault scripts is hypothetical there, and answered as the vectors have it.
    scripted = booted(kernel, faults=[{"leaf": "TDH.SYS.INIT", "status": "UD"}])
    assert (scripted.tdx_init().returned, scripted.status) == (-14, "SHUTDOWN")


def test_an_exception_comes_before_a_scripted_status() -> None:
    fault = {"leaf": "TDH.SYS.INIT", "status": 0}
    machine = booted("6.8", firmware={"seamrr": "disabled"}, faults=[fault])
    assert machine.tdx_init().returned == -95


def test_seamrr_of_one_cpu_alone() -> None:
    """Expect LP.INIT of CPU 2, whose SEAMRR mask has bit 11 clear, to raise #GP."""
    mask = {"msr": "IA32_SEAMRR_PHYS_MASK", "value": "0xFFFFFFFE000400", "cpu": 2}
    machine = booted("6.8", firmware={"msrs": [mask]})
    result = machine.tdx_init()
    assert result.returned == -95
    assert result.failure is not None
    assert (result.failure.step, result.failure.cpu) == ("cpu-init", 2)
    with pytest.raises(NotModelledError, match="SEAMCALL raises #GP on CPU 2"):
        booted("v5", firmware={"msrs": [mask]}).tdx_init()


@pytest.mark.parametrize("leaf", [0, 31, 33, 34, 36, 45, 99, 0x8000000000000000, 1 << 63 | 1])
@pytest.mark.parametrize(
    ("sections", "status"),
    [
        ({"firmware": {"seamrr": "disabled"}}, GP),
        ({"firmware": {"seamrr": "absent"}, "module": {"loaded": False}}, GP),
        ({"cpus": {"model": "skylake-x"}}, UD),
        ({"cpus": {"features": {"vmx": False}}}, UD),
    ],
)
def test_every_leaf_raises_and_leaves_the_registers(
    sections: dict[str, Any], status: int, leaf: int
) -> None:
    """Expect P-SEAMLDR's leaves to raise too, and a leaf that no module knows."""
    machine: Machine = booted(**sections)
    registers = Registers(leaf, 1, 2, 3, 4, 5, 6)
    [event] = machine.seamcall(3, registers).events
    assert event.to_dict()["out"] == [hex(value) for value in (status, 1, 2, 3, 4, 5, 6)]
    [repeated] = machine.seamcall(3, registers, until=1 << 40).events
    assert "n" not in repeated.to_dict()
    assert machine.sys_state is None


@pytest.mark.parametrize(
    ("family", "model", "known"),
    [
        (6, 0x8F, True),  # Sapphire Rapids
        (6, 0xCF, True),  # Emerald Rapids
        (6, 0xAD, True),  # Granite Rapids
        (6, 0xAE, True),  # Granite Rapids-D
        (6, 0xAF, True),  # Sierra Forest
        (6, 0xDD, True),  # Clearwater Forest
        (6, 0x55, False),  # Skylake, Cascade Lake
        (6, 0x6A, False),  # Ice Lake
        (6, 0x9E, False),  # Kaby Lake, a client
        (0x19, 0x01, False),  # AMD
        (6, 0xFE, None),
        (0x13, 0x01, None),
    ],
)
def test_which_cpus_have_seam(family: int, model: int, known: bool | None) -> None:
    """Expect a CPU that is not known here to be taken at its description's word."""
    assert has_seam(family, model) is known
    machine = booted("6.8", cpus={"model": {"family": family, "model": model}})
    assert machine.tdx_init().returned == (-13 if known is False else 0)
