# SPDX-License-Identifier: Apache-2.0
"""What user space can read of TDX itself: KVM's, the module's device, MSRs [kvm 4]."""

from __future__ import annotations

from collections.abc import Iterator

from tdxctl.hardware.firmware import FirmwareRegisters
from tdxctl.platform.description import Seamrr
from tdxctl.platform.faults import MsrReadFault
from tdxctl.rootfs.host import Host
from tdxctl.rootfs.tree import SECRET, File, Files, one
from tdxctl.seam.msrs import (
    MSR_IA32_MKTME_KEYID_PARTITIONING,
    MSR_IA32_SEAMRR_PHYS_MASK,
    MSR_IA32_TME_ACTIVATE,
    MSR_IA32_TME_CAPABILITY,
    MSR_MTRRCAP,
    MSRS,
)
from tdxctl.seam.platform_tables import tme_activate, tme_capability

#: IA32_MTRRCAP of a server but for SEAMRR: 10 variable ranges, SMRR that can be locked.
_MTRRCAP = 0x5D0A
#: That the SEAM range is configured.
_CONFIGURED = 1 << 3
#: Where the MSRs stand, as text: a flat file cannot be the device, as two MSRs are a byte apart.
MSR_FILE = "msr"
_DEVICE = "sys/devices/faux/tdx_host"


def tdx_files(host: Host) -> Iterator[Files]:
    """/sys/module/kvm_intel, misc.capacity, the device tdx_host, /dev/kvm, MSRs."""
    yield from _kvm(host)
    yield from _device(host)
    yield one(
        MSR_FILE,
        "".join(f"MSR {number:#x}: {value:#x}\n" for number, value in msrs(host).items()),
        "MSRs of the boot CPU, for `rdmsr`; one that is not here raises #GP",
        "firmware",
        "faults",
        taken="of TME, what firmware that passes the module's checks sets",
    )
    yield Files(
        "dev/cpu/*/msr",
        "that the driver msr is loaded: empty, so that who opens it reads nothing rather than "
        "something wrong",
        ("cpus.online",),
        tuple(File(f"dev/cpu/{cpu.number}/msr", b"", 0o600) for cpu in host.online),
    )


def _kvm(host: Host) -> Iterator[Files]:
    setup, state = host.platform.kvm, host.machine.kvm
    after = "what KVM made of the bring-up"
    if host.kvm_is_loaded:
        base = "sys/module/kvm_intel"
        yield one(f"{base}/initstate", "live\n", "kvm_intel is loaded", after)
        for name, value in (
            ("ept", setup.ept),
            ("eptad", setup.ept_ad),
            ("enable_apicv", setup.apicv),
        ):
            yield one(f"{base}/parameters/{name}", _flag(value), "how it is loaded", "kvm")
        if state is not None:
            yield one(
                f"{base}/parameters/tdx",
                _flag(bool(state.tdx)),
                "whether KVM offers TDX: N where it was not asked for, or failed",
                "kvm.tdx",
                after,
            )
        for name, value in (
            ("tdp_mmu", setup.tdp_mmu),
            ("mmio_caching", setup.mmio_caching),
            ("enable_virt_at_load", setup.enable_virt_at_load),
        ):
            says = "how kvm is loaded"
            yield one(f"sys/module/kvm/parameters/{name}", _flag(value), says, "kvm")
        yield one(
            "dev/kvm",
            "",
            "virtual machines can be made: a file here, a device on the host",
            after,
            mode=0o666,
        )
    capacity = None if state is None else state.capacity
    line = "" if capacity is None else f"tdx {capacity}\n"
    cgroup = "sys/fs/cgroup"
    yield one(
        f"{cgroup}/misc.capacity",
        line,
        "how many TDs can run: a line only where TDX is ready",
        "firmware.tdx_keyids",
        after,
    )
    current = "" if capacity is None else "tdx 0\n"
    yield one(f"{cgroup}/misc.current", current, "how many run: none", after)
    yield one(
        f"{cgroup}/cgroup.controllers",
        "cpuset cpu io memory hugetlb pids rdma misc\n",
        "that the controller misc is built in",
    )


def _device(host: Host) -> Iterator[Files]:
    if not host.has_device:
        return
    version = host.summary.module.version
    yield one(f"{_DEVICE}/version", f"{_whole(version)}\n", "the module", "module.version")
    loader = host.machine.seamldr
    if loader is None:
        return
    yield one(
        f"{_DEVICE}/seamldr_version",
        f"{loader.version}\n",
        "P-SEAMLDR",
        mode=SECRET,
        taken="which P-SEAMLDR there is",
    )
    yield one(
        f"{_DEVICE}/num_remaining_updates",
        f"{loader.remaining_updates}\n",
        "how many updates of the module P-SEAMLDR takes before a reboot",
        "module.version",
        mode=SECRET,
    )


def _whole(version: str) -> str:
    # `%u.%u.%02u`; of 1.5 the update is 0.
    major, minor, *update = version.split(".")
    return f"{major}.{minor}.{int(update[0]) if update else 0:02}"


def msrs(host: Host) -> dict[int, int]:
    """MSR -> value on the boot CPU, ascending; what raises #GP is left out."""
    firmware = host.platform.firmware
    faulting = {f.msr for f in host.platform.faults if isinstance(f, MsrReadFault) and f.fault}
    registers = FirmwareRegisters(firmware)
    plain = firmware.tdx_without_integrity
    values = {
        MSR_IA32_MKTME_KEYID_PARTITIONING: registers.rdmsr(MSR_IA32_MKTME_KEYID_PARTITIONING),
        MSR_MTRRCAP: _MTRRCAP | registers.rdmsr(MSR_MTRRCAP),
        MSR_IA32_TME_CAPABILITY: tme_capability(firmware.keyid_bits, plain=plain),
        MSR_IA32_TME_ACTIVATE: tme_activate(firmware.keyid_bits, plain=plain),
    }
    if firmware.seamrr is not Seamrr.ABSENT:
        enabled = firmware.seamrr is Seamrr.ENABLED
        values[MSRS["IA32_SEAMRR_PHYS_BASE"]] = (
            firmware.seamrr_range.base | _CONFIGURED if enabled else 0
        )
        values[MSR_IA32_SEAMRR_PHYS_MASK] = registers.rdmsr(MSR_IA32_SEAMRR_PHYS_MASK)
    values |= {msr.msr: msr.value for msr in firmware.msrs if msr.cpu in (None, 0)}
    return {msr: value for msr, value in sorted(values.items()) if msr not in faulting}


def _flag(value: bool) -> str:
    return "Y\n" if value else "N\n"
