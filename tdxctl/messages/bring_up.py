# SPDX-License-Identifier: Apache-2.0
"""Lines of a bring-up: from the first SEAMCALL to the initialized module."""

from __future__ import annotations

from tdxctl.messages.message import (
    ERR,
    INFO,
    V5,
    WARN,
    WARN_ON,
    Message,
    Source,
    Stage,
    Template,
)
from tdxctl.messages.words import TREES_OF_5_10 as _OF_5_10
from tdxctl.messages.words import UBUNTU_24_04, UBUNTU_25_04

_V8 = "series v8 to v14, 2023"
_DOCUMENTED = "tdx.rst of 6.8"
_SEAMCALLS = (Source.TDX, Source.SEAMLDR, Source.KVM, Source.SEAM_LOADER)

OFFLINE_CPUS = Message(
    "offline-cpus",
    Stage.ASKED,
    ERR,
    (Template("Unable to initialize the TDX module when there's offline CPU(s).", V5),),
    "v5: a CPU is offline, or the MADT has slots that are not enabled.",
    "cpus-online",
)
SEAMCALL_FAILED = Message(
    "seamcall-failed",
    Stage.ASKED,
    ERR,
    (
        Template("SEAMCALL failed: leaf: {leaf:#x}, error: {status:#x}", V5),
        Template("SEAMCALL (0x{leaf:016x}) failed: 0x{status:016x}", (6, 8)),
        Template("SEAMCALL failed: leaf {leaf:d}, error {status:#x}.", of=_V8),
        Template("SEAMCALL failed: CPU {cpu:d}: leaf {leaf:d}, error {status:#x}.", of=_V8),
        Template("SEAMCALL[{name}] failed: {words} ({status:#x})", of=_OF_5_10),
        Template("SEAMCALL[{name}] failed {words} ({status:#x})", of=_OF_5_10),
    ),
    "A SEAMCALL returned an error.",
    sources=_SEAMCALLS,
)
SEAMCALL_OUTPUT = Message(
    "seamcall-output",
    Stage.ASKED,
    ERR,
    (
        Template(
            "SEAMCALL additional output: rcx {rcx:#x}, rdx {rdx:#x}, r8 {r8:#x}, r9 {r9:#x}, "
            "r10 {r10:#x}, r11 {r11:#x}.",
            since=V5,
        ),
        Template("RCX 0x{rcx:016x} RDX 0x{rdx:016x} R08 0x{r8:016x}", (6, 8)),
        Template(
            "additional output: rcx {rcx:#x}, rdx {rdx:#x}, r8 {r8:#x}, r9 {r9:#x}, "
            "r10 {r10:#x}, r11 {r11:#x}.",
            of=_V8,
        ),
    ),
    "What the failed SEAMCALL left in registers; for TDH.SYS.RD, RDX is the field's id.",
    sources=_SEAMCALLS,
)
SEAMCALL_OUTPUT_HIGH = Message(
    "seamcall-output-high",
    Stage.ASKED,
    ERR,
    (Template("R09 0x{r9:016x} R10 0x{r10:016x} R11 0x{r11:016x}", (6, 8)),),
    "What the failed SEAMCALL left in the other registers.",
    sources=_SEAMCALLS,
)
NOT_ENABLED_BY_BIOS = Message(
    "not-enabled-by-bios",
    Stage.ASKED,
    ERR,
    (
        Template("not enabled by BIOS.", of=_V8),
        Template("[firmware bug]: TDX is not enabled by BIOS.", of=_V8),
        Template("SEAMCALL failed: TDX disabled by BIOS.", of=_V8),
    ),
    "A SEAMCALL was refused by the CPU (#GP): KeyIDs are there, but TDX was not enabled.",
    "seam-enabled",
    generic=True,
)
VMX_OFF = Message(
    "vmx-off",
    Stage.ASKED,
    ERR,
    (
        Template("SEAMCALL failed: CPU {cpu:d} is not in VMX operation.", of=_V8),
        Template("CPU is not in VMX operation.", of=_V8),
    ),
    "A SEAMCALL was refused by the CPU (#UD): nobody switched VMX on before.",
    "vmx",
)
MODULE_NOT_LOADED = Message(
    "not-loaded",
    Stage.ASKED,
    ERR,
    (
        Template("TDX module is not loaded.", V5, level=INFO),
        Template("module not loaded", (6, 8)),
        Template("module is not loaded.", of=_V8),
        Template("SEAMCALL failed: TDX Module not loaded.", of=_V8),
        Template("SEAMCALL failed: TDX module not loaded.", of=_V8),
    ),
    "No TDX module answered: the firmware loaded none.",
    "module-loaded",
    generic=True,
)
VERSION = Message(
    "version",
    Stage.ENUMERATED,
    INFO,
    (
        Template(
            "TDX module: vendor_id {vendor_id:#x}, major_version {major:d}, "
            "minor_version {minor:d}, build_date {build_date:d}, build_num {build_num:d}",
            since=V5,
            newline=False,
        ),
        Template("Module version: {major:d}.{minor:d}.{update:02d}", (7, 1)),
        Template(
            "TDX module: atributes {attributes:#x}, vendor_id {vendor_id:#x}, "
            "major_version {major:d}, minor_version {minor:d}, build_date {build_date:d}, "
            "build_num {build_num:d}",
            of="series v6 and v7, late 2022",
        ),
        Template(
            "TDX module: attributes {attributes:#x}, vendor_id {vendor_id:#x}, "
            "major_version {major:d}, minor_version {minor:d}, build_date {build_date:d}, "
            "build_num {build_num:d}",
            of=UBUNTU_24_04,
        ),
        Template(
            "TDX SEAM module: attributes {attributes:#x} vendor_id {vendor_id:#x} "
            "build_date {build_date:d} build_num {build_num:#x} minor_version {minor:#x} "
            "major_version {major:#x}.",
            of=_OF_5_10,
        ),
        Template(
            "TDX module {version}, build number {build_num:d}, build date {build_date:08x}",
            of=UBUNTU_25_04,
        ),
        Template("TDX module version: {version}", of="the series of 2025"),
    ),
    "The TDX module answered and said what it is.",
    "system-info",
    generic=True,
)
FEATURES = Message(
    "features",
    Stage.ENUMERATED,
    INFO,
    (Template("TDX module: features0: {features:x}", of="trees of 6.2 for TDX 1.5"),),
    "The TDX module said what it can do: TDX_FEATURES0.",
    "system-info",
    generic=True,
)
NO_RBP_MOD = Message(
    "rbp",
    Stage.ENUMERATED,
    ERR,
    (
        Template("frame pointer (RBP) clobber bug present, upgrade TDX module", (6, 14)),
        Template("NO_RBP_MOD feature is not supported", of=UBUNTU_24_04),
    ),
    "The module is too old: this kernel refuses one without NO_RBP_MOD.",
    "module-features",
)
CMR = Message(
    "cmr",
    Stage.ENUMERATED,
    INFO,
    (
        Template("Kernel-checked-CMR : [{start:#x}, {end:#x})", V5),
        Template("CMR[{index:d}]: [{start:#x}, {end:#x})", (6, 8)),
        Template("CMR: [{start:#x}, {end:#x})", of=UBUNTU_24_04),
    ),
    "Memory that the firmware reports as convertible.",
    "cmrs",
)
BIOS_CMR = Message(
    "bios-cmr",
    Stage.ENUMERATED,
    INFO,
    (Template("BIOS-CMR : [{start:#x}, {end:#x})", V5),),
    "An entry of the firmware's list of convertible memory, which is wrong as a whole.",
    "cmrs",
)
CMRS_NOT_ASCENDING = Message(
    "cmrs-not-ascending",
    Stage.ENUMERATED,
    ERR,
    (Template("Firmware bug: CMRs not in address ascending order.", V5),),
    "The firmware's list of convertible memory is wrong: an entry begins before the last one ends.",
    "cmrs",
)
CMRS_EMPTY_FIRST = Message(
    "cmrs-empty-first",
    Stage.ENUMERATED,
    ERR,
    (Template("Firmware bug: invalid CMR(s) before valid CMRs.", V5),),
    "The firmware's list of convertible memory is wrong: an empty entry is not at its end.",
    "cmrs",
)
CMRS_NONE = Message(
    "cmrs-none",
    Stage.ENUMERATED,
    ERR,
    (Template("Firmware bug: No valid CMR.", V5),),
    "The firmware's list of convertible memory is wrong: it is empty.",
    "cmrs",
)
CMRS_INVALID = Message(
    "cmrs-invalid",
    Stage.ENUMERATED,
    ERR,
    (Template("[TDX broken ?]: Invalid CMRs detected", of="series v7, late 2022"),),
    "The firmware's list of convertible memory is wrong.",
    "cmrs",
)
#: Each of them is a firmware bug.
BAD_CMRS = (CMRS_NOT_ASCENDING, CMRS_EMPTY_FIRST, CMRS_NONE, CMRS_INVALID)
NOT_CONVERTIBLE = Message(
    "not-convertible",
    Stage.CONFIGURED,
    ERR,
    (
        Template("[{start:#x}, {end:#x}) is not fully convertible memory", V5),
        Template(
            "memory region [{start:#x}, {end:#x}) is not TDX convertible memory.", since=(6, 8)
        ),
        Template("e820 ram [{start:#x} - {end:#x}] not covered by CMRs", of=_OF_5_10),
    ),
    "Memory of the kernel's lies outside the CMRs.",
    "cmrs",
)
TDMRS_EXHAUSTED = Message(
    "tdmrs",
    Stage.CONFIGURED,
    WARN,
    (Template("initialization failed: TDMRs exhausted.", (6, 8)),),
    "Memory is in more pieces than the module has TDMRs.",
    "tdmrs",
)
TDMRS_NEAR_LIMIT = Message(
    "tdmrs-near",
    Stage.CONFIGURED,
    WARN,
    (Template("consumed TDMRs reaching limit: {used:d} used out of {limit:d}", (6, 8)),),
    "A warning: few TDMRs are left.",
    "tdmrs",
)
NO_LOCAL_NODE = Message(
    "no-node",
    Stage.CONFIGURED,
    WARN,
    (
        Template("WARN_ON_ONCE(1) in tdmr_get_nid", V5, level=WARN_ON),
        Template(
            "TDMR [{start:#x}, {end:#x}): unable to find local NUMA node for PAMT allocation, "
            "fallback to use node 0.",
            since=(6, 8),
        ),
    ),
    "A warning: a PAMT lies on another NUMA node than its memory.",
    "pamt",
)
RESERVED_AREAS_EXHAUSTED = Message(
    "reserved-areas",
    Stage.CONFIGURED,
    WARN,
    (
        Template(
            "initialization failed: TDMR [{start:#x}, {end:#x}): reserved areas exhausted.",
            since=(6, 8),
        ),
    ),
    "The holes between memory ranges need more reserved areas than one TDMR has.",
    "reserved-areas",
)
DYNAMIC_PAMT = Message(
    "dynamic-pamt",
    Stage.CONFIGURED,
    INFO,
    (Template("Enable Dynamic PAMT", (7, 4)),),
    "The greater part of the PAMT is allocated as TDs use memory.",
    "pamt",
    generic=True,
)
PAMT_ALLOCATED = Message(
    "pamt",
    Stage.DONE,
    INFO,
    (
        Template("{pages:d} pages allocated for PAMT.", V5),
        Template("{kib:d} KB allocated for PAMT", (6, 8)),
        Template("{kib:d} KBs allocated for PAMT", of=_DOCUMENTED),
    ),
    "What the module's metadata costs, allocated for good.",
    "pamt",
)
MODULE_INITIALIZED = Message(
    "initialized",
    Stage.DONE,
    INFO,
    (
        Template("TDX module initialized.", V5),
        Template("module initialized", (6, 8)),
        Template("TDX-Module initialized", (7, 1)),
        Template("Successfully initialized TDX module", of=_OF_5_10),
        Template("TDX initialized.", of=_OF_5_10),
    ),
    "The TDX module is initialized.",
    "initialized",
    generic=True,
)
INITIALIZATION_FAILED = Message(
    "init-failed",
    Stage.ASKED,
    ERR,
    (
        Template("module initialization failed ({errno:-d})", (6, 8)),
        Template("TDX-Module initialization failed ({errno:-d})", (7, 1)),
        Template("TDX module initialization failed ({errno:-d})", of=_V8),
        Template("initialization failed ({errno:-d})", of=_V8),
        Template("Failed to initialize TDX module {errno:-d}", of=_OF_5_10),
        Template("can't load/init TDX module. disabling TDX feature.", of=_OF_5_10),
    ),
    "The initialization ended with that errno.",
    "initialized",
    generic=True,
)
FAILED_FOR = Message(
    "failed-for",
    Stage.BOOT,
    ERR,
    (Template("initialization failed: {words:s}", of="any release"),),
    "The initialization failed, for what the kernel says in words that are not known here.",
    "initialized",
    generic=True,
)
MODULE_OUTDATED = Message(
    "module-outdated",
    Stage.ASKED,
    ERR,
    (Template("TDX module is outdated. Use {version} or newer.", of="trees of 6.2 for TDX 1.5"),),
    "The module refused the platform (TDX_INCORRECT_CPUID_VALUE), as older ones do.",
    "sys-init",
    generic=True,
)
MODULE_SHUT_DOWN = Message(
    "shut-down",
    Stage.ASKED,
    INFO,
    (Template("Failed to initialize TDX module.  Shut it down.", V5),),
    "v5: the initialization failed, and the module was shut down until the next boot.",
    "initialized",
)
