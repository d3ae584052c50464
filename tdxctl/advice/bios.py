# SPDX-License-Identifier: Apache-2.0
"""What a BIOS has to be set to for TDX, in the one order that works on all of them.

The first of the failures that hosts show [field-notes 1], and the options of nine vendors: where
two of them differ in order (key split and SGX are one stage on some), this one satisfies both. What
a vendor's own setup calls them stands in setups.py.
"""

from __future__ import annotations

from enum import Enum


class Setting(Enum):
    """What is set: how advice calls it, and what it does for TDX, a sentence."""

    NODE_INTERLEAVING = (
        "node interleaving off",
        "Node interleaving has to be off: it makes one NUMA node of all sockets.",
    )
    X2APIC = ("x2APIC on", "x2APIC, the mode of the interrupt controller, has to be on.")
    PA_LIMIT = (
        "no limit of 46 address bits",
        "The limit of physical addresses to 46 bits has to be off: it takes the bits for KeyIDs "
        "away.",
    )
    TME = ("TME", "Memory encryption (TME, total memory encryption) has to be on, before the rest.")
    TME_MT = (
        "TME-MT",
        "Multi-key memory encryption (TME-MT, multi-tenant TME) has to be on: it gives KeyIDs and "
        "their keys.",
    )
    TDX = ("TDX", "TDX itself; it stays hidden or read-only until memory encryption is on.")
    SEAM_LOADER = (
        "the SEAM loader",
        "The SEAM loader has to be on: it loads the TDX module from the BIOS or the EFI partition.",
    )
    KEY_SPLIT = (
        "the TME-MT/TDX key split",
        "How many KeyID bits (and so keys) are TDX's; it must not be 0.",
    )
    SGX = ("SGX", "SGX has to be on: without it the CPU does not verify the SEAM loader.")
    INTEGRITY = (
        "memory integrity off",
        "Cryptographic memory integrity: off is logical integrity, and what most guides ask for; "
        "on "
        "needs DIMMs with the right ECC bits.",
    )
    TME_BYPASS = (
        "TME bypass",
        "The memory of plain virtual machines bypasses encryption, for speed: left unencrypted. "
        "TDX needs neither.",
    )
    FACTORY_RESET = (
        "SGX Factory Reset",
        "New SGX keys and a new registration, once: where MCHECK says 1861 or attestation fails.",
    )
    BELOW_1MB = (
        "memory below 1 MB in the CMRs",
        "Whether memory below 1 MB is left out of the CMRs; Auto is right.",
    )
    VIRTUALIZATION = ("virtualization on", "Virtualization (VT-x) has to be on: KVM needs it.")
    SGX_MEMORY = ("SGX's memory", "How much memory SGX gets (PRMRR, EPC): as needed.")

    @property
    def words(self) -> str:
        """How advice calls it."""
        return self.value[0]

    @property
    def means(self) -> str:
        """What it does for TDX."""
        return self.value[1]


#: TDX options stay hidden or read-only until these are set; node interleaving before everything
#: else, `limit CPU PA to 46 bits` first of all where it stands alone.
PREREQUISITES = (Setting.NODE_INTERLEAVING, Setting.X2APIC, Setting.PA_LIMIT)
#: Each unlocks the next, after a save and a reboot. SGX comes last: it needs memory encryption,
#: and without it the CPU does not verify the SEAM loader.
STAGES = (
    Setting.TME,
    Setting.TME_MT,
    Setting.TDX,
    Setting.SEAM_LOADER,
    Setting.KEY_SPLIT,
    Setting.SGX,
)


def _listed(settings: tuple[Setting, ...]) -> str:
    words = [setting.words for setting in settings]
    return f"{', '.join(words[:-1])} and {words[-1]}"


#: To do where the BIOS did not enable TDX.
SET_UP_THE_BIOS = (
    f"in the BIOS set {_listed(PREREQUISITES)}; then {_listed(STAGES)}, in that order, saving and "
    "rebooting in between; update the BIOS"
)
