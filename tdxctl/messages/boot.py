# SPDX-License-Identifier: Apache-2.0
"""Lines of the boot: what tdx.c makes of CPU, BIOS and command line."""

from __future__ import annotations

from tdxctl.messages.message import (
    ERR,
    INFO,
    V5,
    WARN_ON,
    Message,
    Source,
    Stage,
    Template,
)
from tdxctl.messages.words import TREES_OF_5_10

#: Whose words no release has.
SERIES_V6 = "series v6, v7"
_BOOT = Stage.BOOT

SEAMRR_ENABLED = Message(
    "seamrr-enabled",
    _BOOT,
    INFO,
    (Template("SEAMRR enabled.", V5),),
    "The BIOS set memory aside for the TDX module.",
    "seamrr",
    generic=True,
)
KEYIDS = Message(
    "keyids",
    _BOOT,
    INFO,
    (
        Template("TDX private KeyID range: [{start:d}, {end:d}).", V5),
        Template("BIOS enabled: private KeyID range [{start:d}, {end:d})", (6, 8)),
        Template("BIOS enabled: private KeyID range: [{start:d}, {end:d})", of="tdx.rst of 6.8"),
        Template(
            "TDX enabled by BIOS. TDX private KeyID range: [{start:d}, {end:d})", of=SERIES_V6
        ),
    ),
    "The BIOS set KeyIDs aside for TDX: the first is the module's own, the others are for guests.",
    "keyids",
)
KEYIDS_UNUSABLE = Message(
    "keyids-unusable",
    _BOOT,
    WARN_ON,
    (Template("WARN_ON(!tdx_keyid_start || tdx_keyid_num < 2) in detect_tdx_keyids", V5),),
    "One KeyID is the module's own; with no other, or none at all, v5 warns with a backtrace.",
    "keyids",
)
ENABLED_BY_BIOS = Message(
    "enabled-by-bios",
    _BOOT,
    INFO,
    (Template("TDX enabled by BIOS.", V5),),
    "The BIOS enabled TDX.",
    "keyids",
    generic=True,
)
ONE_KEYID = Message(
    "one-keyid",
    _BOOT,
    ERR,
    (
        Template("initialization failed: too few private KeyIDs available.", (6, 8)),
        Template("Disable TDX as there's only one TDX private KeyID available.", of=SERIES_V6),
    ),
    "One KeyID is the module's own; with no other there is none for a guest.",
    "keyids",
)
HIBERNATION_ENABLED = Message(
    "hibernation",
    _BOOT,
    ERR,
    (Template("initialization failed: Hibernation support is enabled", (6, 8)),),
    "The kernel could hibernate, which TDX memory does not survive: it does without TDX.",
    "hibernation",
)
NOTIFIER_FAILED = Message(
    "notifier",
    _BOOT,
    ERR,
    (
        Template(
            "initialization failed: register_memory_notifier() failed ({errno:-d})", since=(6, 8)
        ),
    ),
    "The kernel could not watch memory coming online.",
    "memory-notifier",
)
X2APIC_OFF = Message(
    "x2apic",
    _BOOT,
    INFO,
    (Template("Disable TDX as X2APIC is not enabled.", of=SERIES_V6),),
    "TDX needs CPUs in x2APIC mode.",
    "x2apic",
)
MEMORY_LIST_FAILED = Message(
    "memory-list",
    _BOOT,
    ERR,
    (Template("Build TDX-usable memory regions failed. Disable TDX.", of=SERIES_V6),),
    "The list of memory for TDX could not be built.",
    "usable-memory",
)
#: What is printed of every machine without TDX, whoever asked.
WITHOUT_TDX = Template("TDX not supported by the host platform", (7, 1))
NOT_SUPPORTED = Message(
    "not-supported",
    _BOOT,
    ERR,
    (
        Template("no TDX private KeyIDs available", (6, 16)),
        WITHOUT_TDX,
        Template("Cannot enable TDX on TDX disabled platform", of="trees of 5.19 for TDX 1.0"),
    ),
    "No TDX was found at boot. Kernels of 2026 print it on every machine without TDX.",
    "keyids",
    sources=(Source.TDX, Source.KVM_TDX, Source.KVM),
    generic=True,
)
SEAMRR_DISABLED = Message(
    "seamrr-disabled",
    _BOOT,
    ERR,
    (
        Template("Cannot enable TDX with SEAMRR disabled", of="trees of 5.19 for TDX 1.0"),
        Template("SEAMRR base is not configured by BIOS", of=TREES_OF_5_10),
        Template("SEAMRR is not enabled by BIOS", of=TREES_OF_5_10),
    ),
    "The BIOS set no memory aside for the TDX module.",
    "seamrr",
    sources=(Source.TDX, Source.KVM_TDX, Source.KVM, Source.SEAM_LOADER),
    generic=True,
)
FEATURE_MISSING = Message(
    "feature-missing",
    _BOOT,
    ERR,
    (Template("{feature} is required for TDX", (7, 1)),),
    "A CPU feature that TDX needs is not there, or was turned off.",
    "cpu-features",
    generic=True,
)
NO_S3 = Message(
    "s3",
    _BOOT,
    INFO,
    (Template("Disable ACPI S3. Turn off TDX in the BIOS to use ACPI S3.", (6, 8)),),
    "Harmless: with TDX the kernel does without suspend to RAM.",
    "keyids",
)
ACPI_CPU_ADDED = Message(
    "acpi-cpu-added",
    _BOOT,
    ERR,
    (
        Template(
            "[BIOS bug]: Platform doesn't support ACPI CPU hotplug.  New CPU ignored.", since=V5
        ),
    ),
    "The firmware added a CPU, which TDX does not allow: v5 leaves it out.",
    sources=(Source.HOTPLUG,),
)
ACPI_CPU_REMOVED = Message(
    "acpi-cpu-removed",
    _BOOT,
    ERR,
    (Template("Platform doesn't support ACPI CPU hotplug. BUG().", V5),),
    "The firmware took a CPU away, which TDX does not allow: v5 dies.",
    sources=(Source.HOTPLUG,),
)
ACPI_MEMORY_ADDED = Message(
    "acpi-memory-added",
    _BOOT,
    ERR,
    (
        Template(
            "[BIOS bug]: Platform doesn't support ACPI memory hotplug. New memory device ignored.",
            since=V5,
        ),
    ),
    "The firmware added memory, which TDX does not allow: v5 leaves it out.",
    sources=(Source.HOTPLUG,),
)
ACPI_MEMORY_REMOVED = Message(
    "acpi-memory-removed",
    _BOOT,
    ERR,
    (Template("Platform doesn't support ACPI memory hotplug. BUG().", V5),),
    "The firmware took memory away, which TDX does not allow: v5 dies.",
    sources=(Source.HOTPLUG,),
)
MEMORY_NOT_ADDED = Message(
    "memory-not-added",
    _BOOT,
    ERR,
    (Template("Unable to add memory [{start:#x}, {end:#x}) on TDX enabled platform.", since=V5),),
    "A driver brought memory, which would not be convertible: v5 does not take it.",
    sources=(Source.HOTPLUG,),
)
