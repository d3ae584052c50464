# SPDX-License-Identifier: Apache-2.0
"""What a BIOS has to be set to for TDX, in the one order that works on all of them.

The first of the failures that hosts show [field-notes 1], and the options of nine vendors: where
two of them differ in order (key split and SGX are one stage on some), this one satisfies both.
"""

from __future__ import annotations

#: TDX options stay hidden or read-only until these are set; node interleaving before everything
#: else, `limit CPU PA to 46 bits` first of all where it stands alone.
PREREQUISITES = ("node interleaving off", "x2APIC on", "no limit of 46 address bits")
#: Each unlocks the next, after a save and a reboot. SGX comes last: it needs memory encryption,
#: and without it the CPU does not verify the SEAM loader.
STAGES = ("TME", "TME-MT", "TDX", "the SEAM loader", "the TME-MT/TDX key split", "SGX")


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


#: To do where the BIOS did not enable TDX.
SET_UP_THE_BIOS = (
    f"in the BIOS set {_listed(PREREQUISITES)}; then {_listed(STAGES)}, in that order, saving and "
    "rebooting in between; update the BIOS"
)
