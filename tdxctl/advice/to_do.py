# SPDX-License-Identifier: Apache-2.0
"""What to do, each said once: what several causes, statuses, errnos and checks share."""

from __future__ import annotations

# Hardware and firmware
USE_A_CPU_WITH_TDX = "use a CPU with TDX"
NOTHING_HELPS_THIS_CPU = (
    f"nothing in the firmware or on the command line helps: {USE_A_CPU_WITH_TDX}, or ignore it"
)
TURN_ON_VIRTUALIZATION = "enable virtualization (VT-x) in the BIOS"
TURN_ON_SGX = "enable SGX in the BIOS"
TURN_ON_X2APIC = "enable x2APIC in the BIOS"
REGISTER_SGX_ANEW = "set SGX Factory Reset in the BIOS, once, and reboot"
RAISE_THE_KEY_SPLIT = "raise the number of TDX KeyIDs in the BIOS (TME-MT/TDX key split)"
UPDATE_THE_FIRMWARE = "update BIOS and microcode to a release meant for this TDX module"
MATCH_FIRMWARE_AND_MODULE = f"{UPDATE_THE_FIRMWARE}, or use the module that came with the BIOS"
UPDATE_FOR_ITS_CMRS = "update the BIOS; the kernel log shows the list"
TELL_THE_VENDOR = "report it to the firmware vendor"
LEAVE_SLOTS_OUT = (
    "have the BIOS leave unused slots out of the MADT, or use a later kernel: 6.8 dropped the check"
)

# The module
LOAD_A_MODULE = "see that the firmware carries and loads a TDX module, then reboot"
MATCH_MODULE_AND_KERNEL = (
    "use a module and a kernel that match: update the BIOS or load a newer module"
)
TAKE_THE_IMAGE_AGAIN = "take the image from its source again"
REBOOT = "reboot"
TRY_AGAIN = "a kernel that retries gets past it; on one that does not, reboot and try again"

# The kernel
LOAD_KVM = f"{USE_A_CPU_WITH_TDX}; load KVM before TDX is used"
BOOT_WITH_NOHIBERNATE = "boot with nohibernate"
REPORT_TO_THE_KERNEL = "report it: this does not happen on a healthy kernel"
READ_THE_FIRST_ATTEMPT = "reboot, and read what the first attempt printed"
EXPLAIN_THE_SEAMCALL = "look for SEAMCALL in the whole log, and explain its status"
BUILD_FOR_TDX = "boot a kernel that was built with CONFIG_INTEL_TDX_HOST=y"
BOOT_A_KERNEL_WITH_A_CALLER = "boot 6.16 or later, or a distribution's kernel for TDX"
RENEW_FOR_KEXEC = "use a newer kernel and module"

# CPUs and memory
BRING_CPUS_ONLINE = "bring the CPUs online and call tdx_init() again"
BRING_EVERY_CPU_ONLINE = "bring every CPU online before the module is initialized"
FEWER_CPUS = "boot with fewer CPUs (nr_cpus=)"
KEEP_MEMORY_IN_CMRS = (
    "keep that memory from the kernel at boot (memmap=), or have the firmware report it in one CMR"
)
USE_AS_DEVICE_MEMORY = "use it as device memory (devdax)"
FEWER_REGIONS = (
    "fewer memory regions: node interleaving off, or take odd regions from the kernel (memmap=)"
)
FEWER_HOLES = (
    "fewer holes in low memory: a BIOS that keeps its tables together, or a kernel that finds "
    "holes by walking CMRs"
)
FEWER_GAPS = "fewer holes between CMRs: a BIOS that keeps its tables together"
INITIALIZE_EARLY = (
    "initialize TDX right after boot, before memory is in use, or give the node more memory"
)
