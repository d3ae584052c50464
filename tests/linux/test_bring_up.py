# SPDX-License-Identifier: Apache-2.0
"""What the kernels from 6.8 on do where an allocation, a call or the bring-up goes another way."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import NotModelledError
from tdxctl.events import OpResult, PamtRow, StepEvent
from tdxctl.linux.own import of_class
from tdxctl.linux.v6_8 import V6_8
from tests.machines import booted, small


def _trace(result: OpResult, leaf: int) -> list[dict[str, Any]]:
    return [event for e in result.trace if (event := e.to_dict()).get("leaf") == leaf]


@pytest.mark.parametrize("kernel", ["v5", "6.8"])
def test_a_pamt_counts_for_the_node_that_it_was_got_from(kernel: str) -> None:
    """
    memory  |----- 2 GiB, node 0 -----|2 MiB, node 1|
            4GiB                     6GiB
    TDMR    [-------- 8212 KiB -------)[---- 4108 KiB ----)
    PAMT    of node 0                  asked of node 1, which has no room: of node 0

    Expect both PAMTs in node 0: 8192 + 16 + 4 KiB and 4096 + 8 + 4 KiB.
    """
    memory = [
        {"start": "4GiB", "end": "6GiB", "node": 0},
        {"start": "6GiB", "size": "2MiB", "node": 1},
    ]
    description = {"cpus": {"madt": [{"apic_id": 0}]}, "memory": {"ranges": memory}}
    machine = Machine.boot(Platform.from_dict(description), kernel)
    assert machine.tdx_init().returned == 0
    assert machine.summary().pamt.by_node == ((0, (8212 + 4108) << 10),)


def _no_entropy(call: int, times: int) -> dict[str, object]:
    return {
        "leaf": "TDH.SYS.TDMR.INIT",
        "call": call,
        "times": times,
        "status": "TDX_RND_NO_ENTROPY",
    }


def test_a_call_that_went_well_starts_the_count_of_entropy_retries_anew() -> None:
    """
    TDMR.INIT  1 ... 9     10     11 ... 19    20 ...
               no entropy  well   no entropy   well

    Expect 18 calls without entropy to do no harm: never are 10 of them one call's tries.
    """
    result = booted("6.8", faults=[_no_entropy(1, 9), _no_entropy(11, 9)]).tdx_init()
    assert result.returned == 0
    counts = [(call.get("n", 1), call["ret"]) for call in _trace(result, 36)]
    assert counts[:4] == [
        (9, "0x8000020300000000"),
        (1, "0x0"),
        (9, "0x8000020300000000"),
        (511, "0x0"),
    ]


def test_the_tenth_try_without_entropy_is_the_last_after_calls_that_went_well_too() -> None:
    result = booted("6.8", faults=[_no_entropy(3, 11)]).tdx_init()
    assert (result.returned, result.status) == (-5, "ERROR")
    counts = [(call.get("n", 1), call["ret"]) for call in _trace(result, 36)]
    assert counts == [(2, "0x0"), (10, "0x8000020300000000")]


def test_there_are_as_many_guest_keyids_as_private_ones_but_the_first() -> None:
    """Of KeyIDs 32, 33 and 34 the first is the module's: a third TD gets -ENOSPC."""
    machine = booted("6.8", firmware={"mktme_keyids": 31, "tdx_keyids": 3})
    assert machine.tdx_init().returned == 0
    assert [machine.guest_keyid("alloc").returned for _ in range(3)] == [0, 0, -28]
    assert machine.guest_keyid("free").returned == 0
    assert [machine.guest_keyid("alloc").returned for _ in range(2)] == [0, -28]


def test_the_page_pair_of_a_range_that_no_td_uses_is_free_for_another() -> None:
    """Expect PHYMEM.PAMT.ADD of a second range to be given the pages that the first gave back."""
    machine = booted("7.2+dynamic-pamt")
    assert machine.pamt("get", 5 << 30).returned == 0
    assert machine.pamt("put", 5 << 30).returned == 0
    assert machine.pamt("get", 6 << 30).returned == 0
    first, second = _pairs(machine)
    assert (first["rcx"], second["rcx"]) == ("0x140000001", "0x180000001")
    assert (first["rdx"], first["r8"]) == ("0x100015000", "0x100016000")
    assert (second["rdx"], second["r8"]) == ("0x100015000", "0x100016000")


def test_the_page_pair_that_the_module_did_not_take_is_free_again() -> None:
    fault = {"leaf": "TDH.PHYMEM.PAMT.ADD", "status": "TDX_OPERAND_BUSY"}
    machine = booted("7.2+dynamic-pamt", faults=[fault])
    assert [machine.pamt("get", 5 << 30).returned for _ in range(2)] == [-5, 0]
    failed, taken = _pairs(machine)
    assert (failed["rdx"], failed["r8"]) == ("0x100015000", "0x100016000")
    assert (taken["rdx"], taken["r8"]) == ("0x100015000", "0x100016000")


def _pairs(machine: Machine) -> list[dict[str, Any]]:
    return [event for e in machine.trace if (event := e.to_dict()).get("leaf") == 58]


def test_after_a_failed_bring_up_no_cpu_is_kept_for_the_sake_of_tds() -> None:
    """Expect no -EBUSY for package 1, CPUs 2 and 3: the callback went with the bring-up."""
    fault = {"leaf": "TDH.SYS.KEY.CONFIG", "status": "TDX_KEY_GENERATION_FAILED"}
    machine = booted("7.2+dynamic-pamt", faults=[fault])
    assert machine.status == "NOT_INITIALIZED"
    assert machine.guest_keyid("alloc").returned == 0
    assert [machine.cpu_offline(cpu).returned for cpu in (2, 3)] == [0, 0]


def test_a_kexec_writes_back_the_caches_of_cpus_that_made_seamcalls_only() -> None:
    """6.18, LP.INIT fails on CPU 2 of 4: CPU 3 came to no call; one that fails counts too."""
    fault = {"leaf": "TDH.SYS.LP.INIT", "cpu": 2, "status": "TDX_SYS_BUSY"}
    machine = booted("6.18", faults=[fault])
    assert machine.tdx_init().returned == -5
    left = machine.kexec()
    assert left.returned == 0
    assert [event.to_dict() for event in left.trace] == [
        {"ev": "wbinvd", "cpu": 0},
        {"ev": "wbinvd", "cpu": 1},
        {"ev": "wbinvd", "cpu": 2},
    ]


@pytest.mark.parametrize(
    ("faults", "returned"),
    [([], 0), ([{"msr": 0x87}], -19), ([{"msr": 0x87, "fault": False}], 0)],
)
def test_without_the_msr_of_keyids_there_is_no_tdx(
    faults: list[dict[str, object]], returned: int
) -> None:
    """Expect -ENODEV where reading IA32_MKTME_KEYID_PARTITIONING raises #GP, as it says it does."""
    assert booted("6.16", faults=faults).tdx_init().returned == returned


@pytest.mark.parametrize(
    ("kernel", "model", "returned"),
    [
        # No kexec beside TDX; with the partial-write erratum of these CPUs refused; there it is.
        ("6.16", "sapphire-rapids", -38),
        ("6.18", "sapphire-rapids", -95),
        ("6.18", "emerald-rapids", -95),
        ("6.18", "granite-rapids", 0),
        ("7.2", "sapphire-rapids", 0),
    ],
)
def test_whether_a_host_of_tdx_can_be_left_by_kexec(kernel: str, model: str, returned: int) -> None:
    machine = booted(kernel, cpus={"model": model})
    assert machine.kexec().returned == returned


@pytest.mark.parametrize("kernel", ["v5", "6.8", "6.18", "7.2"])
def test_a_kernel_that_was_not_built_for_tdx_says_nothing(kernel: str) -> None:
    """Expect no line and no SEAMCALL, and whoever asks for TDX to be told -ENODEV."""
    described = booted(kernel).platform.to_dict()
    described["kernel"] = {"tdx_host": False}
    machine = Machine.boot(Platform.from_canonical(described), kernel)
    assert (machine.boot_result.returned, machine.dmesg) == (0, ())
    result = machine.tdx_init()
    assert (result.returned, machine.dmesg, machine.trace) == (-19, (), ())
    assert result.failure is not None
    assert result.failure.cause.id == "not-built-for-tdx"
    assert machine.cpu_offline(1).returned == machine.cpu_online(1).returned == 0


@pytest.mark.parametrize(
    ("kernel", "pages", "enumerated"),
    [("v5", 66693, "2 CMRs"), ("6.8", 66693, None), ("7.2+dynamic-pamt", 653, None)],
)
def test_what_each_step_found(kernel: str, pages: int, enumerated: str | None) -> None:
    """
    memory  |--- 2 GiB ---|  |------ 31 GiB ------|------ 32 GiB ------|
    TDMRs          0                   1                    2

    Expect PAMTs of 2^18 entries of 16 bytes for a GiB, 512 entries and one: 66560 + 130 + 3 pages;
    with a bitmap of one bit for a page in place of the first 520, of 2 GiB 16 pages for one.
    """
    result = booted(kernel).tdx_init()
    details = {step.name: step.detail for step in result.steps if step.name != "precondition"}
    assert details == {
        "global-init": None,
        "cpu-init": "4 CPUs in 2 packages",
        "enumerate": enumerated,
        "configure": None,
        "key-config": "2 packages",
        "memory-init": "3 TDMRs, 65 GiB",
    }
    [configure] = [step for step in result.steps if step.name == "configure"]
    found = {sub.name: sub.detail for sub in configure.substeps}
    assert {name: detail for name, detail in found.items() if detail} == {
        "create-tdmrs": "3 of 64 TDMRs",
        "allocate-pamts": f"{pages} pages",
        "reserved-areas": "at most 2 of 16 in a TDMR",
        "sys-config": "global KeyID 32",
    }


@pytest.mark.parametrize("firmware", [{}, {"mktme_keyids": 31, "tdx_keyids": 1}])
def test_the_boot_of_6_8_returns_nothing(firmware: dict[str, int]) -> None:
    """Expect 0, with TDX and without: whoever asks for it is told."""
    assert booted("6.8", firmware=firmware).boot_result.returned == 0


@pytest.mark.parametrize(
    ("kernel", "enumerate_", "leaf"),
    [
        ("v5", "Enumerate module and CMRs", "TDH.SYS.INFO"),
        ("6.8", "Enumerate module", "TDH.SYS.RD"),
        ("7.2", "Enumerate module", "TDH.SYS.RD"),
    ],
)
def test_the_six_steps(kernel: str, enumerate_: str, leaf: str) -> None:
    steps = booted(kernel).tdx_init().steps
    six = [step for step in steps if step.number is not None]
    assert [(step.number, step.name, step.title, step.leaf) for step in six] == [
        (1, "global-init", "Global initialization", "TDH.SYS.INIT"),
        (2, "cpu-init", "Per-CPU initialization", "TDH.SYS.LP.INIT"),
        (3, "enumerate", enumerate_, leaf),
        (4, "configure", "Configure memory and global KeyID", "TDH.SYS.CONFIG"),
        (5, "key-config", "Configure key per package", "TDH.SYS.KEY.CONFIG"),
        (6, "memory-init", "Initialize memory", "TDH.SYS.TDMR.INIT"),
    ]


@pytest.mark.parametrize("kernel", ["v5", "6.8", "7.2"])
def test_the_first_private_keyid_is_the_modules_and_the_others_are_for_guests(kernel: str) -> None:
    summary = booted(kernel).summary()
    assert (summary.global_keyid, summary.guest_keyids) == (32, 31)
    without = booted(kernel, firmware={"mktme_keyids": 31, "tdx_keyids": 1}).summary()
    assert (without.global_keyid, without.guest_keyids) == (None, 0)


def test_a_refused_kexec_is_told_once_in_a_boot() -> None:
    machine = booted("6.18", cpus={"model": "sapphire-rapids"})
    left = [machine.kexec() for _ in range(2)]
    assert [result.returned for result in left] == [-95, -95]
    assert [len(result.log) for result in left] == [1, 0]


def test_memory_outside_cmrs_is_told_in_pages_of_pages() -> None:
    """
    CMRs     1 MiB .. 1952 MiB   4 GiB .. 5 GiB
    memory   1 MiB .. 1952 MiB   4 GiB .. 35 GiB

    Expect 2^32 >> 24 and 35 * 2^30 >> 24, as the change has them, and the error it then makes.
    """
    cmrs = [{"base": "1MiB", "size": "1951MiB"}, {"base": "4GiB", "size": "1GiB"}]
    result = booted("6.8+cmr-walk", memory={"cmrs": cmrs}).tdx_init()
    assert result.returned == -22
    assert [line.text for line in result.log][-2:] == [
        "virt/tdx: memory region [0x100, 0x8c0) is not TDX convertible memory.",
        "virt/tdx: module initialization failed (-22)",
    ]


def test_v5_wants_memory_to_begin_in_a_cmr_as_well() -> None:
    """
    MiB     1       2       3               6
    memory  |---------------|
    CMR             |-----------------------|
    """
    memory = {
        "ranges": [{"start": "1MiB", "end": "3MiB"}],
        "cmrs": [{"base": "2MiB", "size": "4MiB"}],
    }
    result = booted("v5", memory=memory).tdx_init()
    assert result.returned == -14
    assert "tdx: [0x100000, 0x300000) is not fully convertible memory" in [
        line.text for line in result.log
    ]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (
            "add-memory",
            "Unable to add memory [0x100000000, 0x200000000) on TDX enabled platform.",
        ),
        (
            "cpu-add",
            "[BIOS bug]: Platform doesn't support ACPI CPU hotplug.  New CPU ignored.",
        ),
        (
            "memory-add",
            "[BIOS bug]: Platform doesn't support ACPI memory hotplug. New memory device ignored.",
        ),
    ],
)
def test_v5_refuses_hotplug_where_bios_enabled_tdx(what: str, line: str) -> None:
    machine = booted("v5")
    added = machine.hotplug(what, 4 << 30, 8 << 30)
    assert (added.returned, [said.text for said in added.log]) == (-22, [line])
    without = booted("v5", firmware={"mktme_keyids": 31, "tdx_keyids": 1})
    assert without.hotplug("add-memory", 4 << 30, 8 << 30).returned == 0


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("cpu-remove", "Platform doesn't support ACPI CPU hotplug. BUG()."),
        ("memory-remove", "Platform doesn't support ACPI memory hotplug. BUG()."),
    ],
)
def test_v5_dies_of_what_is_removed(what: str, said: str) -> None:
    with pytest.raises(NotModelledError) as error:
        booted("v5").hotplug(what)
    assert error.value.message == f"this kernel says '{said}' and dies"


@pytest.mark.parametrize(
    ("leaf", "output"),
    [
        # Of TDH.SYS.INFO the addresses of its buffers are not told, and their sizes are.
        (
            "TDH.SYS.INFO",
            "rcx 0x0, rdx 0x400, r8 0x0, r9 0x20, r10 0x0, r11 0x0.",
        ),
        ("TDH.SYS.TDMR.INIT", "rcx 0x0, rdx 0x0, r8 0x0, r9 0x0, r10 0x0, r11 0x0."),
        ("TDH.SYS.CONFIG", None),
    ],
)
def test_what_v5_tells_of_a_seamcall_that_failed(leaf: str, output: str | None) -> None:
    result = booted("v5", faults=[{"leaf": leaf, "status": "TDX_OPERAND_INVALID"}]).tdx_init()
    told = [line.text for line in result.log if "additional output" in line.text]
    assert told == ([] if output is None else [f"tdx: SEAMCALL additional output: {output}"])


def test_where_the_boot_found_no_tdx_the_first_step_says_so() -> None:
    """Expect -ENODEV of the preconditions, and not a SEAMCALL."""
    result = booted("6.8", firmware={"tdx_keyids": 0}).tdx_init()
    step, *others = result.steps
    assert {other.outcome for other in others} == {"skipped"}
    assert (result.returned, step.name, step.outcome, step.seamcalls) == (
        *(-19, "precondition", "failed", 0),
    )
    assert step.detail == "TDX was not enabled at boot"


@pytest.mark.parametrize("kernel", ["v5", "6.8"])
def test_memory_and_pamts_are_told_of_the_tdmrs_that_were_made(kernel: str) -> None:
    """
    GiB     0        2     4                   35                67
    TDMR    |-- 0 ---|     |-------- 1 --------|------- 2 -------|
    PAMT                   [0][--1--]          [--2--]

    Expect a chunk for each, of 1/256 of it, and what of each node is usable.
    """
    machine = booted(kernel)
    events = [
        event.to_dict() for event in machine.tdx_init().events if isinstance(event, StepEvent)
    ]
    (memory,) = [event["memory"] for event in events if "memory" in event]
    assert isinstance(memory, dict)
    assert memory["usable"] == {"0": 35331768320, "1": 34359738368}
    assert [row.pamt for row in machine.tdmrs] == [
        PamtRow(0x100000000, 0x805000),
        PamtRow(0x107C3F000, 0x7C3F000),
        PamtRow(0x8C0000000, 0x8041000),
    ]


def test_before_the_module_is_initialized_no_page_of_a_td_is_counted() -> None:
    """Expect 0, without a SEAMCALL."""
    taken = booted("7.2+dynamic-pamt", firmware={"tdx_keyids": 0}).pamt("get", 4 << 30)
    assert (taken.returned, taken.trace) == (0, ())


class _Counting(V6_8):
    """6.8 that counts the CPUs that it enables one by one."""

    RELEASE = "6.8"
    enabled: ClassVar[list[int]] = []

    def tdx_cpu_enable(self, cpu: int) -> None:
        self.enabled.append(cpu)
        super().tdx_cpu_enable(cpu)


def test_what_a_kernel_of_ones_own_overrides_is_called_for_each_cpu() -> None:
    _Counting.enabled.clear()
    assert Machine.boot(small(), of_class(_Counting)).tdx_init().returned == 0
    assert _Counting.enabled == [0, 1, 2, 3]


def test_sys_config_is_given_the_first_private_keyid() -> None:
    (config,) = _trace(booted("6.8", firmware={"mktme_keyids": 7, "tdx_keyids": 8}).tdx_init(), 45)
    assert config["r8"] == 8


def test_a_bring_up_keeps_no_more_than_it_needs() -> None:
    """Expect the mask of packages and the pointers to TDMRs to be given back."""
    machine = booted("6.8")
    assert machine.tdx_init().returned == 0
    assert not {"the package cpumask", "the TDMR pointer array"} & machine.still_allocated.keys()


def test_from_6_14_on_a_module_that_may_clobber_rbp_is_refused() -> None:
    """Expect -EINVAL and a line where TDX_FEATURES0 lacks bit 18, and 6.8 not to look at it."""
    module = {"features": 0}
    refused = booted("6.14", module=module)
    assert refused.tdx_init().returned == -22
    assert refused.dmesg[-2].text == (
        "virt/tdx: frame pointer (RBP) clobber bug present, upgrade TDX module"
    )
    assert booted("6.8", module=module).tdx_init().returned == 0


def test_without_vmx_kvm_does_not_come_as_far_as_tdx() -> None:
    with pytest.raises(NotModelledError, match="KVM does not come as far as TDX"):
        booted("6.8", cpus={"features": {"vmx": False}}).tdx_init()


def test_while_a_td_runs_the_last_cpu_of_its_package_stays_online() -> None:
    machine = booted("6.16")
    assert machine.kvm_load().returned == 0
    assert machine.guest_keyid("alloc").returned == 0
    assert [machine.cpu_offline(cpu).returned for cpu in (2, 3)] == [0, -16]
    assert machine.guest_keyid("free").returned == 0
    assert machine.cpu_offline(3).returned == 0


def test_a_page_pair_that_cannot_be_had_or_given_back_is_an_errno() -> None:
    """Expect -EINVAL for a page of no node or no TD, -EIO where the module keeps the pair."""
    fault = {"leaf": "TDH.PHYMEM.PAMT.REMOVE", "status": "TDX_OPERAND_BUSY"}
    machine = booted("7.2+dynamic-pamt", faults=[fault])
    assert machine.pamt("get", 1 << 40).returned == -22
    assert machine.pamt("put", 5 << 30).returned == -22
    assert machine.pamt("get", 5 << 30).returned == 0
    assert [machine.pamt("put", 5 << 30).returned for _ in range(2)] == [-5, 0]
