# SPDX-License-Identifier: Apache-2.0
"""What vendors' setups call the options that TDX needs, and in which order each wants them.

Sources: public preparation guides, Redfish registries and tools, Intel's enabling guide. A name
that stands here was seen; an option without one is called by its common name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tdxctl.advice import to_do
from tdxctl.advice.bios import PREREQUISITES, SET_UP_THE_BIOS, STAGES, Setting

_S = Setting


class Option(NamedTuple):
    """An option of a setup: its name, the value for TDX, and its names for racadm or Redfish."""

    name: str
    value: str = "Enabled"
    attributes: tuple[str, ...] = ()


class Setup(NamedTuple):
    """A vendor's setup. board: a pattern of the DMI line. steps: a save and a reboot after each.

    also: what the vendor's guides say besides, a fragment.
    """

    vendor: str
    board: str
    options: dict[Setting, Option]
    steps: tuple[tuple[Setting, ...], ...]
    also: str = ""

    def option(self, setting: Setting) -> str:
        """`Memory Settings: Node Interleaving = Disabled`; the common name where none is known."""
        known = self.options.get(setting)
        return setting.words if known is None else f"{known.name} = {known.value}"

    @property
    def set_up(self) -> str:
        """All of it, in the order that works."""
        steps = [
            ", ".join(self.option(setting) for setting in step if self._is_wanted(setting))
            for step in self.steps
        ]
        told = "; ".join(f"({number}) {step}" for number, step in enumerate(steps, start=1))
        also = f"; {self.also}" if self.also else ""
        return (
            f"in the BIOS of this {self.vendor} set, saving and rebooting after each step: {told}"
            f"{also}; update the BIOS"
        )

    def _is_wanted(self, setting: Setting) -> bool:
        # What only some setups have is named where this one has it.
        return setting in self.options or setting in (*PREREQUISITES, *STAGES)


#: Node interleaving and the limit first, then memory encryption, which unlocks the rest.
_IN_FOUR = (
    PREREQUISITES,
    (_S.TME,),
    (_S.TME_MT, _S.INTEGRITY),
    (_S.TDX, _S.SEAM_LOADER),
    (_S.KEY_SPLIT, _S.SGX),
)
_DISABLED, _NOT_0 = "Disabled", "1 or more, not 0"
_AMI_TME = "Socket Configuration > Processor Configuration > "


def _ami(menu: str, on: str) -> dict[Setting, Option]:
    # The menus of Intel's sample BIOS, which several vendors keep.
    off = on.replace("Enable", "Disable")
    return {
        _S.PA_LIMIT: Option("Limit CPU PA to 46 bits", off),
        _S.TME: Option(f"{menu}Memory Encryption (TME)", on),
        _S.TME_MT: Option(f"{menu}Total Memory Encryption Multi-Tenant (TME-MT)", on),
        _S.TME_BYPASS: Option(f"{menu}Total Memory Encryption (TME) Bypass", "Auto"),
        _S.INTEGRITY: Option(f"{menu}Memory integrity", off),
        _S.TDX: Option(f"{menu}Trust Domain Extension (TDX)", on),
        _S.SEAM_LOADER: Option(
            f"{menu}TDX Secure Arbitration Mode Loader (SEAM Loader)",
            on,
            ("TDXSecureArbitrationModeLoader_SEAMLoader_", "#3C39"),
        ),
        _S.KEY_SPLIT: Option(f"{menu}TME-MT/TDX key split", _NOT_0),
        _S.SGX: Option(f"{menu}SW Guard Extensions (SGX)", on),
        _S.SGX_MEMORY: Option(f"{menu}SGX PRM Size", "as needed"),
    }


SETUPS = (
    Setup(
        "Dell",
        r"^Dell\b|PowerEdge",
        {
            _S.NODE_INTERLEAVING: Option(
                "Memory Settings: Node Interleaving",
                _DISABLED,
                ("BIOS.MemSettings.NodeInterleave",),
            ),
            _S.X2APIC: Option(
                "Processor Settings: x2APIC Mode", "Enabled", ("BIOS.ProcSettings.ProcX2Apic",)
            ),
            _S.PA_LIMIT: Option(
                "Processor Settings: CPU Physical Address Limit",
                _DISABLED,
                ("BIOS.ProcSettings.CpuPaLimit",),
            ),
            _S.TME: Option(
                "System Security: Memory Encryption",
                "Multiple Keys (which is TME-MT too)",
                ("BIOS.SysSecurity.MemoryEncryption",),
            ),
            _S.TME_BYPASS: Option("TME Bypass", "Enabled", ("BIOS.SysSecurity.EnableTmeBypass",)),
            _S.INTEGRITY: Option(
                "System Security: Global Memory Integrity",
                _DISABLED,
                ("BIOS.SysSecurity.GlbMemIntegrity",),
            ),
            _S.TDX: Option(
                "System Security: Intel TDX", "Enabled", ("BIOS.SysSecurity.EnableTdx",)
            ),
            _S.SEAM_LOADER: Option(
                "TDX Secure Arbitration Mode Loader (SEAM)",
                "Enabled",
                ("BIOS.SysSecurity.EnableTdxSeamldr",),
            ),
            _S.KEY_SPLIT: Option("TME-MT/TDX Key Split", _NOT_0, ("BIOS.SysSecurity.KeySplit",)),
            _S.SGX: Option("System Security: Intel SGX", "On", ("BIOS.SysSecurity.IntelSgx",)),
            _S.FACTORY_RESET: Option(
                "SGX Factory Reset", "On, once", ("BIOS.SysSecurity.SgxFactoryReset",)
            ),
            _S.SGX_MEMORY: Option("SGX PRMRR Size", "as needed", ("BIOS.SysSecurity.PrmrrSize",)),
            _S.BELOW_1MB: Option("TdxDisable1MbCmrExclude", "as it is"),
            _S.VIRTUALIZATION: Option(
                "Processor Settings: Virtualization Technology",
                "Enabled",
                ("BIOS.ProcSettings.ProcVirtualization",),
            ),
        },
        (
            PREREQUISITES,
            (_S.TME,),
            (_S.INTEGRITY, _S.TDX, _S.SEAM_LOADER, _S.KEY_SPLIT, _S.SGX),
        ),
        "SGX stays Off and read-only with fewer than 8 identical DIMMs a socket",
    ),
    Setup(
        "Supermicro",
        r"^(?:Supermicro|Super Micro)",
        {
            _S.PA_LIMIT: Option(
                "Limit CPU PA to 46 bits", _DISABLED, ("LimitCPUPAto46bits", "#F319")
            ),
            _S.TME: Option(
                "Memory Encryption (TME)", "Enabled", ("MemoryEncryption_TME_", "#3C36")
            ),
            _S.TME_MT: Option(
                "Total Memory Encryption Multi-Tenant(TME-MT)",
                "Enabled",
                ("TotalMemoryEncryptionMulti_Tenant_TME_MT_", "#F31B"),
            ),
            _S.TME_BYPASS: Option(
                "Total Memory Encryption (TME) Bypass",
                "Auto",
                ("TotalMemoryEncryption_TME_Bypass", "#3C37"),
            ),
            _S.INTEGRITY: Option("Memory Integrity", _DISABLED, ("#F31A",)),
            _S.TDX: Option(
                "Trust Domain Extensions (TDX)",
                "Enabled",
                ("TrustDomainExtensions_TDX_", "TrustDomainExtension_TDX_", "#3C38"),
            ),
            _S.SEAM_LOADER: Option(
                "TDX Secure Arbitration Mode Loader (SEAM Loader)",
                "Enabled",
                ("TDXSecureArbitrationModeLoader_SEAMLoader_", "#3C39"),
            ),
            _S.KEY_SPLIT: Option("TME-MT/TDX Key Split", _NOT_0, ("TME_MT_TDXKeySplit", "#F31D")),
            _S.SGX: Option(
                "SW Guard Extensions (SGX)", "Enabled", ("SWGuardExtensions_SGX_", "#F308")
            ),
            _S.FACTORY_RESET: Option("SGX Factory Reset", "Enabled, once", ("SGXFactoryReset",)),
        },
        _IN_FOUR,
        "the key split may be hidden",
    ),
    Setup(
        "Lenovo",
        r"^Lenovo\b",
        {
            _S.X2APIC: Option("Processors: APIC Mode", "x2APIC", ("Processors.APICMode",)),
            _S.PA_LIMIT: Option(
                "Processors: Limit CPU PA to 46 bits", _DISABLED, ("Processors.LimitCPUPAto46bits",)
            ),
            _S.TME: Option(
                "Processors: Total Memory Encryption",
                "Enabled",
                ("Processors.TotalMemoryEncryption",),
            ),
            _S.TME_MT: Option(
                "Processors: Multikey Total Memory Encryption",
                "Enabled",
                ("Processors.MultikeyTotalMemoryEncryption",),
            ),
            _S.TME_BYPASS: Option(
                "Processors: TME Bypass", "Auto", ("Processors.TotalMemoryEncryptionTMEBypass",)
            ),
            _S.INTEGRITY: Option(
                "Processors: Memory integrity", _DISABLED, ("Processors.Memoryintegrity",)
            ),
            _S.TDX: Option(
                "Processors: Trust Domain Extension (TDX)",
                "Enabled",
                ("Processors.TrustDomainExtensionTDX",),
            ),
            _S.SEAM_LOADER: Option(
                "Processors: TDX Secure Arbitration Mode Loader (SEAM Loader)",
                "Enabled",
                ("Processors.TDXSecureArbitrationModeLoaderSEAMLoader",),
            ),
            _S.KEY_SPLIT: Option(
                "Processors: TME-MT/TDX key split", _NOT_0, ("Processors.TME_MTTDXkeysplit",)
            ),
            _S.SGX: Option(
                "Processors: SW Guard Extensions", "Enabled", ("Processors.SWGuardExtensions",)
            ),
            _S.FACTORY_RESET: Option(
                "Processors: SGX Factory Reset", "Enabled, once", ("Processors.SGXFactoryReset",)
            ),
            _S.BELOW_1MB: Option(
                "Disable excluding Mem below 1MB in CMR",
                "Auto",
                ("Processors.DisableexcludingMembelow1MBinCMR",),
            ),
        },
        _IN_FOUR,
    ),
    Setup("Quanta", r"^(?:Quanta|QCT)\b", _ami(_AMI_TME, "Enabled"), _IN_FOUR),
    Setup(
        "Intel board",
        r"^Intel\b|ArcherCity|BeechnutCity",
        _ami(f"{_AMI_TME}TME, TME-MT, TDX > ", "Enable")
        | {
            _S.SGX: Option(
                f"{_AMI_TME}Software Guard Extension (SGX) > SW Guard Extensions (SGX)", "Enable"
            ),
            _S.FACTORY_RESET: Option(
                f"{_AMI_TME}Software Guard Extension (SGX) > SGX Factory Reset", "Enable, once"
            ),
        },
        _IN_FOUR,
        "on a Xeon 6 the options stand under Socket Configuration > Security Configuration",
    ),
    Setup(
        "NVIDIA DGX",
        r"NVIDIA|\bDGX|\bHGX",
        {
            _S.PA_LIMIT: Option("Limit CPU PA to 46 Bits", "Disable"),
            _S.TME: Option("Total Memory Encryption (Intel TME)", "Enable", ("EnableTme",)),
            _S.TME_MT: Option(
                "Total Memory Encryption Multi-Tenant (Intel TME-MT)", "Enable", ("EnableMktme",)
            ),
            _S.TME_BYPASS: Option("Total Memory Encryption (Intel TME) Bypass", "Auto"),
            _S.INTEGRITY: Option("Memory Integrity", "Disable", ("EnableGlobalIntegrity",)),
            _S.TDX: Option("Intel TDX", "Enable", ("EnableTdx",)),
            _S.SEAM_LOADER: Option(
                "TDX Secure Arbitration Mode Loader (SEAM)", "Enabled", ("EnableTdxSeamldr",)
            ),
            _S.KEY_SPLIT: Option("Intel TDX Key Split", _NOT_0, ("KeySplit",)),
            _S.SGX: Option("Software Guard Extension", "Enable", ("EnableSgx",)),
            _S.FACTORY_RESET: Option("SGX Factory Reset", "Enable, once"),
            _S.BELOW_1MB: Option("Disable excluding Mem below 1MB in CMR", "Auto"),
            _S.SGX_MEMORY: Option("PrmSgxSize", "as needed"),
        },
        _IN_FOUR,
    ),
    Setup(
        "Inspur",
        r"^(?:Inspur|Aivres|IEIT)\b",
        {
            _S.PA_LIMIT: Option(
                "Limit CPU PA to 46 bits", _DISABLED, ("SocketMpLinkConfig.CpuPaLimit",)
            ),
            _S.TME: Option(
                "Memory Encryption (TME)", "Enabled", ("SocketSecurityConfig.EnableTme",)
            ),
            _S.TME_MT: Option(
                "Total Memory Encryption Multi-Tenant(TME-MT)",
                "Enabled",
                ("SocketSecurityConfig.EnableMktme",),
            ),
            _S.INTEGRITY: Option(
                "Global Integrity", _DISABLED, ("SocketSecurityConfig.EnableGlobalIntegrity",)
            ),
            _S.TDX: Option(
                "Trust Domain Extension (TDX)", "Enabled", ("SocketSecurityConfig.EnableTdx",)
            ),
            _S.SGX: Option(
                "SW Guard Extensions (SGX)", "Enabled", ("SocketSecurityConfig.EnableSgx",)
            ),
            _S.FACTORY_RESET: Option(
                "SGX Factory Reset", "Enabled, once", ("SocketSecurityConfig.SgxFactoryReset",)
            ),
        },
        _IN_FOUR,
        "first of all Advanced Debug Function (DfxAdvDebugJumper) = Disabled, and PRMRR/SEAMRR "
        "support = Enabled",
    ),
    Setup(
        "Cisco",
        r"^Cisco\b",
        {
            _S.PA_LIMIT: Option(
                "Limit CPU PA to 46 Bits (cpu_pa_limit)", "disabled", ("biosVfCpuPaLimit",)
            ),
            _S.TME: Option("biosVfEnableTme", "enabled"),
            _S.TME_MT: Option("biosVfEnableMktme", "enabled"),
            _S.TDX: Option("biosVfEnableTdx", "enabled"),
            _S.SEAM_LOADER: Option("biosVfEnableTdxSeamldr", "enabled"),
        },
        _IN_FOUR,
    ),
    Setup(
        "HPE",
        r"^(?:HPE|HP|Hewlett[- ]Packard)\b|ProLiant",
        {
            _S.SGX: Option(
                "System Options > Processor Options > Intel Software Guard Extensions (SGX)",
                "enabled",
            )
        },
        _IN_FOUR,
    ),
)


def setup_of(board: str) -> Setup | None:
    """The setup of a board by its DMI line: vendor, model, BIOS; None for one not known here."""
    return next((setup for setup in SETUPS if re.search(setup.board, board, re.IGNORECASE)), None)


def in_words_of(setup: Setup, advice: str) -> str:
    """advice with the options as that setup calls them."""
    for common, own in (
        (SET_UP_THE_BIOS, setup.set_up),
        (to_do.RAISE_THE_KEY_SPLIT, f"in the BIOS set {setup.option(_S.KEY_SPLIT)}"),
        *(
            (common, f"in the BIOS set {setup.option(setting)}")
            for common, setting in _BY_ITSELF
            if setting in setup.options
        ),
    ):
        advice = advice.replace(common, own)
    return advice


_BY_ITSELF = (
    (to_do.TURN_ON_SGX, _S.SGX),
    (to_do.TURN_ON_X2APIC, _S.X2APIC),
    (to_do.TURN_ON_VIRTUALIZATION, _S.VIRTUALIZATION),
    (to_do.REGISTER_SGX_ANEW, _S.FACTORY_RESET),
)


def option_named(text: str) -> tuple[Setting, str] | None:
    """What an option of any setup is, by its name or its attribute's, and where it is called so."""
    known = _by_name()
    return known.get(_folded(text)) or known.get(_folded(text.partition(":")[0]))


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


@cache
def _by_name() -> dict[str, tuple[Setting, str]]:
    found: dict[str, tuple[Setting, str]] = {}
    for setup in SETUPS:
        for setting, option in setup.options.items():
            for name in (option.name, *option.attributes):
                parts = {name, re.split(r": | > ", name)[-1], name.rsplit(".", 1)[-1]}
                parts |= {re.sub(r" ?\([^)]*\)", "", part) for part in set(parts)}
                for part in parts:
                    found.setdefault(_folded(part), (setting, option.name))
    for setting, name in (
        (_S.NODE_INTERLEAVING, "Node Interleaving"),
        (_S.PA_LIMIT, "limit CPU physical address to 46 bits"),
        (_S.KEY_SPLIT, "key split"),
        (_S.TME_BYPASS, "TME bypass"),
        (_S.VIRTUALIZATION, "VT-x"),
    ):
        found.setdefault(_folded(name), (setting, name))
    return found
