# SPDX-License-Identifier: Apache-2.0
"""Lines of trees of 5.10 to 5.15 that load the SEAM loader and the TDX module themselves."""

from __future__ import annotations

from tdxctl.messages.message import ERR, INFO, Message, Source, Stage, Template
from tdxctl.messages.words import TREES_OF_5_10 as _OF_5_10

KEYIDS_INCONSISTENT = Message(
    "keyids-inconsistent",
    Stage.ASKED,
    ERR,
    (Template("MKTME KeyID partioning inconsistent on CPU {cpu:d}", of=_OF_5_10),),
    "MSR 0x87 differs between CPUs: the BIOS did not set all of them up.",
    "lp-init",
)
SYSINFO_INVALID = Message(
    "sysinfo-invalid",
    Stage.ASKED,
    ERR,
    (
        Template("Invalid TDSYSINFO.  Disable TDX.", of=_OF_5_10),
        Template("Early TDMRs are constructed based on wrong info.", of=_OF_5_10),
    ),
    "The module has other limits than this kernel can work with.",
    "system-info",
)
INITIALIZING = Message(
    "initializing",
    Stage.ASKED,
    INFO,
    (Template("Initializing TDX module.", of=_OF_5_10),),
    "The initialization begins.",
    generic=True,
)
MODULE_LOADED = Message(
    "module-was-loaded",
    Stage.ASKED,
    INFO,
    (Template("Loaded TDX module via P-SEAMLDR.", of=_OF_5_10),),
    "The kernel itself loaded the TDX module.",
    generic=True,
)
MEMORY_BLOCKS = Message(
    "memory-blocks",
    Stage.BOOT,
    INFO,
    (Template("Build all system memory blocks as TDX memory.", of=_OF_5_10),),
    "All memory of the boot is for TDX.",
)
MODULE_LOADING = Message(
    "module-loading",
    Stage.ASKED,
    INFO,
    (
        Template("Loading TDX module via P-SEAMLDR with {module} and {sigstruct}", of=_OF_5_10),
        Template("Loading TDX module via P-SEAMLDR.", of=_OF_5_10),
    ),
    "The kernel itself loads the TDX module.",
)
LOAD_FAILED = Message(
    "load-failed",
    Stage.ASKED,
    ERR,
    (
        Template("Failed to load TDX module.", of=_OF_5_10),
        Template("Failed to find the TDX module. {errno:-d}", of=_OF_5_10),
        Template("Late seam module loading failed.", of=_OF_5_10),
        Template("Invalid SEAM module size {size:#x}", of=_OF_5_10),
        Template("Invalid SEAM signature structure size {size:#x}", of=_OF_5_10),
    ),
    "The kernel could not load the TDX module itself.",
    "module-loaded",
)
LOADER_FAILED = Message(
    "loader-failed",
    Stage.BOOT,
    ERR,
    (
        Template("Failed to load TDX P-SEAMLDR", of=_OF_5_10),
        Template("failed to load TDX P-SEAMLDR", of=_OF_5_10),
        Template("failed to get TDX P-SEAMLDR info", of=_OF_5_10),
        Template("No NP-SEAMLDR found.", of=_OF_5_10),
        Template("no NP-SEAMLDR found", of=_OF_5_10),
        Template("no np-seamldr found", of=_OF_5_10),
        Template("failed to load np-seamldr", of=_OF_5_10),
        Template("Failed to get p-seamldr info", of=_OF_5_10),
        Template("Invalid NP-SEAMLDR ACM size", of=_OF_5_10),
        Template("failed to allocate memory for NP-SEAMLDR ACM. size {size:#x}", of=_OF_5_10),
    ),
    "The SEAM loader, which loads the TDX module, was not found or did not start.",
    "module-loaded",
    sources=(Source.SEAM_LOADER, Source.TDX),
)
SEAM_LOADER = Message(
    "seam-loader",
    Stage.BOOT,
    INFO,
    (
        Template("Loading TDX P-SEAMLDR {file}", of=_OF_5_10),
        Template("Successfully loaded TDX P-SEAMLDR.", of=_OF_5_10),
        Template("P-SEAMLDR was already loaded. reusing it.", of=_OF_5_10),
        Template("Launch NP-SEAMLDR returned {status:#x}", of=_OF_5_10),
        Template("TDX P-SEAMLDR: version {version:#x} attributes {attributes:#x}", of=_OF_5_10),
        Template("TDX P-SEAMLDR: attributes {attributes:#x}", of=_OF_5_10),
        Template("tdx module successfully initialized.", of=_OF_5_10),
    ),
    "The kernel itself loads the SEAM loader, which loads the TDX module.",
    sources=(Source.SEAM_LOADER, Source.TDX),
)
CPUS_LEFT_OUT = Message(
    "cpus-left-out",
    Stage.BOOT,
    INFO,
    (
        Template("Disabled CPUs detected, skipping TDX-SEAM load/config.", of=_OF_5_10),
        Template(
            "Number of CPUs limited by 'possible_cpus' kernel param, "
            "skipping TDX-SEAM load/config.",
            of=_OF_5_10,
        ),
        Template(
            "Boot-time CPUs limited by 'maxcpus' kernel param, skipping TDX-SEAM load/config.",
            of=_OF_5_10,
        ),
    ),
    "The kernel loads no TDX module where a CPU of the MADT cannot be brought up.",
    "cpus-online",
)
