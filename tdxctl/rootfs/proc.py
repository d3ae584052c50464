# SPDX-License-Identifier: Apache-2.0
"""/proc, and firmware's memory map, as a booted kernel has them."""

from __future__ import annotations

from collections.abc import Iterator

from tdxctl.platform.description import Seamrr
from tdxctl.rootfs.host import Cpu, Host
from tdxctl.rootfs.topology import memory_use
from tdxctl.rootfs.tree import SECRET, Files, one, text
from tdxctl.seam.cpu_models import model_name
from tdxctl.units import SZ_1M, SZ_4K

#: Flags that every server of these generations has, in the kernel's order, and those that the
#: description decides: flag -> feature.
_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush dts acpi mmx "
    "fxsr sse sse2 ss ht tm pbe syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon pebs bts "
    "rep_good nopl xtopology nonstop_tsc cpuid aperfmperf pni pclmulqdq dtes64 monitor ds_cpl vmx "
    "smx est tm2 ssse3 sdbg fma cx16 xtpr pdcm pcid dca sse4_1 sse4_2 x2apic movbe popcnt "
    "tsc_deadline_timer aes xsave avx f16c rdrand lahf_lm abm 3dnowprefetch tdx_host_platform "
    "ept vpid ept_ad fsgsbase tsc_adjust bmi1 avx2 smep bmi2 erms invpcid avx512f avx512dq rdseed "
    "adx smap clflushopt clwb sha_ni xsaveopt xsavec xgetbv1 xsaves tme movdiri movdir64b"
)
_OF_FEATURE = {"mtrr": "mtrr", "vmx": "vmx", "xsave": "xsave", "ss": "self_snoop"}
_OF_FEATURE |= {"movdir64b": "movdir64b"}
_WITH_VMX = ("ept", "vpid", "ept_ad")
_VMX_FLAGS = (
    "vnmi preemption_timer posted_intr invvpid ept_x_only ept_ad ept_1gb flexpriority apicv "
    "tsc_offset vtpr mtf vapic ept vpid unrestricted_guest vapic_reg vid ple"
)
_BUGS = "spectre_v1 spectre_v2 spec_store_bypass swapgs"
#: Between a key of /proc/cpuinfo and its value: two where the key is short.
_TABS, _LONGEST_BEFORE_TWO_TABS = ("\t\t", "\t"), 7
#: Partial writes of TDX private memory raise machine checks on these [linux-host 1.3].
_PW_MCE_MODELS = ((6, 0x8F), (6, 0xCF))


def proc_files(host: Host) -> Iterator[Files]:
    """/proc, and /sys/firmware/memmap."""
    yield one(
        "proc/cpuinfo",
        _processors(host),
        "the CPUs that are online; `tdx_host_platform` where the boot found KeyIDs",
        "cpus.model",
        "cpus.features",
        "cpus.madt",
        "firmware.tdx_keyids",
        taken="flags that the bring-up does not look at are those of any such server",
    )
    yield one(
        "proc/iomem",
        "".join(f"{start:08x}-{end - 1:08x} : {name}\n" for start, end, name in _iomem(host)),
        "RAM as firmware reported it, without nodes",
        "memory.ranges",
        "firmware.seamrr_range",
        mode=SECRET,
    )
    yield _memory_map(host)
    yield one("proc/version", f"{version(host)}\n", "which kernel runs", "the kernel")
    yield one("proc/sys/kernel/osrelease", f"{host.uname}\n", "which kernel runs", "the kernel")
    yield one(
        "proc/cmdline",
        f"{command_line(host)}\n",
        "how it was started",
        "kvm.tdx",
        "kernel.hibernation",
    )
    uses = dict(memory_use(host))
    lines = {
        "MemTotal": uses["MemTotal"],
        "MemFree": uses["MemFree"],
        "MemAvailable": uses["MemFree"],
        "Buffers": 0,
        "Cached": 0,
        "SwapTotal": 0,
        "SwapFree": 0,
        "HugePages_Total": None,
        "HugePages_Free": None,
        "Hugepagesize": 2048,
    }
    yield one(
        "proc/meminfo",
        "".join(
            f"{key + ':':<15} {kib or 0:>8}{'' if kib is None else ' kB'}\n"
            for key, kib in lines.items()
        ),
        "memory, and what of it is free: the PAMTs are not",
        "memory.ranges",
        "the PAMTs",
    )
    modules = []
    if host.kvm_is_loaded:
        modules = ["kvm_intel 499712 0 - Live 0x0000000000000000"]
        modules += ["kvm 1404928 1 kvm_intel, Live 0x0000000000000000"]
    yield one(
        "proc/modules",
        "".join(f"{line}\n" for line in modules),
        "kvm_intel is there where its load returned 0",
        "what KVM made of the bring-up",
        taken="KVM is built as modules",
    )


def version(host: Host) -> str:
    """What a kernel prints first, and /proc/version."""
    return f"Linux version {host.uname} (tdxctl) #1 SMP PREEMPT_DYNAMIC"


def command_line(host: Host) -> str:
    """The kernel's command line: what the description says of how it was started."""
    words = ["root=/dev/vda1", "ro"]
    if host.kvm_asks and host.platform.kvm.tdx:
        words.append("kvm_intel.tdx=1")
    if not host.platform.kernel.hibernation:
        words.append("nohibernate")
    return " ".join(words)


def usable(host: Host) -> list[tuple[int, int]]:
    """RAM [start, end) as firmware reports it: touching ranges are one, whatever their nodes."""
    ranges: list[tuple[int, int]] = []
    for r in host.memory:
        if ranges and ranges[-1][1] == r.start:
            ranges[-1] = (ranges[-1][0], r.end)
        else:
            ranges.append((r.start, r.end))
    return ranges


def firmware_map(host: Host) -> list[tuple[int, int, bool]]:
    """(start, end, usable) of firmware's memory map; the SEAM range is reserved."""
    known = [(start, end, True) for start, end in usable(host)]
    base, size = host.platform.firmware.seamrr_range.base, host.platform.firmware.seamrr_range.size
    free = all(end <= base or base + size <= start for start, end, _ in known)
    if host.platform.firmware.seamrr is Seamrr.ENABLED and free:
        known.append((base, base + size, False))
    if known and known[0][0] == SZ_4K:
        known.append((0, SZ_4K, False))
    if not any(start < SZ_1M and end > 0xA0000 for start, end, _ in known):
        known.append((0xA0000, SZ_1M, False))
    return sorted(known)


def _iomem(host: Host) -> Iterator[tuple[int, int, str]]:
    for start, end, is_usable in firmware_map(host):
        yield start, end, "System RAM" if is_usable else "Reserved"


def _memory_map(host: Host) -> Files:
    base = "sys/firmware/memmap"
    entries = []
    for number, (start, end, is_usable) in enumerate(firmware_map(host)):
        entries += [
            text(f"{base}/{number}/start", f"{start:#x}", SECRET),
            text(f"{base}/{number}/end", f"{end - 1:#x}", SECRET),
            text(f"{base}/{number}/type", "System RAM" if is_usable else "Reserved", SECRET),
        ]
    says = "firmware's memory map, before the kernel changed it"
    return Files(f"{base}/*/*", says, ("memory.ranges", "firmware.seamrr_range"), tuple(entries))


def _processors(host: Host) -> str:
    # Packages and flags are looked at once.
    of_package = {}
    for package in {cpu.package for cpu in host.cpus}:
        cpus = [cpu for cpu in host.online if cpu.package == package]
        of_package[package] = len(cpus), len({cpu.core for cpu in cpus})
    shown, bugs = " ".join(flags(host)), " ".join(_bugs(host))
    return "\n".join(_processor(host, cpu, of_package, shown, bugs) for cpu in host.online)


def _processor(
    host: Host, cpu: Cpu, of_package: dict[int, tuple[int, int]], shown: str, bugs: str
) -> str:
    family, model = host.platform.cpus.model.family, host.platform.cpus.model.model
    name = model_name(family, model) or f"family {family}, model {model}"
    siblings, cores = of_package[cpu.package]
    rows = (
        ("processor", cpu.number),
        ("vendor_id", "GenuineIntel"),
        ("cpu family", family),
        ("model", model),
        ("model name", f"Intel(R) Xeon(R) Processor, described as {name}"),
        ("stepping", 0),
        ("microcode", "0x1"),
        ("cpu MHz", "2000.000"),
        ("cache size", "32768 KB"),
        ("physical id", cpu.package),
        ("siblings", siblings),
        ("core id", cpu.core),
        ("cpu cores", cores),
        ("apicid", cpu.apic_id),
        ("initial apicid", cpu.apic_id),
        ("fpu", "yes"),
        ("fpu_exception", "yes"),
        ("cpuid level", 32),
        ("wp", "yes"),
        ("flags", shown),
        *((("vmx flags", _VMX_FLAGS),) if host.platform.cpus.features.vmx else ()),
        ("bugs", bugs),
        ("bogomips", "4000.00"),
        ("clflush size", 64),
        ("cache_alignment", 64),
        ("address sizes", "52 bits physical, 57 bits virtual"),
    )
    lines = [f"{key}{_TABS[len(key) > _LONGEST_BEFORE_TWO_TABS]}: {value}\n" for key, value in rows]
    return "".join([*lines, "power management:\n"])


def flags(host: Host) -> list[str]:
    """The flags of /proc/cpuinfo."""
    features = host.platform.cpus.features
    absent = {flag for flag, name in _OF_FEATURE.items() if not getattr(features, name)}
    if not features.vmx:
        absent |= set(_WITH_VMX)
    if not host.is_enabled or host.machine.kernel_id.release.engine == "v5":
        absent.add("tdx_host_platform")
    return [flag for flag in _FLAGS.split() if flag not in absent]


def _bugs(host: Host) -> list[str]:
    model = host.platform.cpus.model
    has_erratum = host.is_enabled and (model.family, model.model) in _PW_MCE_MODELS
    if has_erratum and host.machine.kernel_id.release.engine != "v5":
        return [*_BUGS.split(), "tdx_pw_mce"]
    return _BUGS.split()
