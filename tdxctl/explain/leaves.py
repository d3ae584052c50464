# SPDX-License-Identifier: Apache-2.0
"""What each leaf is for, and its answer."""

from __future__ import annotations

from tdxctl.advice.statuses import STATUSES
from tdxctl.errnos import Errno
from tdxctl.explain.answer import Answer
from tdxctl.seam import codes
from tdxctl.seam.codes import LeafCode
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.returned import returns
from tdxctl.seam.status import base_status

_P_SEAMLDRS = frozenset(leaf for leaf in Leaf if leaf >> 63)

#: What each leaf does and when the kernel calls it.
PURPOSES: dict[Leaf, str] = {
    Leaf.TDH_MNG_CREATE: "Creates a TD. Part of a TD's life, not of the bring-up.",
    Leaf.TDH_PHYMEM_PAGE_RDMD: (
        "Reads what the PAMT says of a page; Linux does so after a machine check."
    ),
    Leaf.TDH_SYS_KEY_CONFIG: (
        "Generates the global key on one package. Step 5: once on a CPU of each package, one "
        "after the other."
    ),
    Leaf.TDH_SYS_INFO: "Gives TDSYSINFO_STRUCT and the CMRs. Step 3 of the v5-era kernels.",
    Leaf.TDH_SYS_INIT: "Initializes the module globally. Step 1: once, on any CPU.",
    Leaf.TDH_SYS_RD: "Reads a metadata field. Step 3 of later kernels.",
    Leaf.TDH_SYS_LP_INIT: "Initializes a logical processor. Step 2: on every CPU.",
    Leaf.TDH_SYS_TDMR_INIT: (
        "Initializes the next 4 MiB of a TDMR's PAMT (16 MiB with Dynamic PAMT). Step 6: 256 "
        "calls a GiB."
    ),
    Leaf.TDH_SYS_RDALL: "Reads all metadata fields into a page.",
    Leaf.TDH_PHYMEM_CACHE_WB: "Writes caches back. Part of a TD's life.",
    Leaf.TDH_PHYMEM_PAGE_WBINVD: "Flushes a page. Part of a TD's life.",
    Leaf.TDH_SYS_LP_SHUTDOWN: (
        "Shut a logical processor's module down in the v5 era; 1.5 does nothing and succeeds."
    ),
    Leaf.TDH_SYS_CONFIG: "Takes the TDMRs and the global KeyID. Step 4: once.",
    Leaf.TDH_SYS_SHUTDOWN: "Shuts the module down for an update and writes what it hands over.",
    Leaf.TDH_SYS_UPDATE: "Takes over what the module before an update handed over.",
    Leaf.TDH_PHYMEM_PAMT_ADD: "Dynamic PAMT: gives a 2 MiB range its pair of PAMT pages.",
    Leaf.TDH_PHYMEM_PAMT_REMOVE: "Dynamic PAMT: takes a 2 MiB range's pair of PAMT pages back.",
    Leaf.TDH_SYS_S4_END: "Ends a hibernation, on newer modules.",
    Leaf.TDH_EXT_INIT: "Initializes the module's extensions, on newer modules.",
    Leaf.TDH_EXT_MEM_ADD: "Gives memory to the extensions, on newer modules.",
    Leaf.TDH_SYS_DISABLE: "Turns the module off before a kexec, on newer modules.",
    Leaf.SEAMLDR_INFO: "P-SEAMLDR: what it is, and how many updates are left.",
    Leaf.SEAMLDR_INSTALL: (
        "P-SEAMLDR: puts a module image in place. Called on every CPU, one after the other; "
        "the last call does the work."
    ),
    Leaf.SEAMLDR_SHUTDOWN: (
        "P-SEAMLDR: ends itself. Called on every CPU, last on the one that launched it."
    ),
    Leaf.SEAMLDR_SEAMINFO: "P-SEAMLDR: what the CPU knows of the module in place.",
    Leaf.SEAMLDR_CLEANUP: "P-SEAMLDR: clears keys and caches of a module.",
}


def of_leaf(leaf: LeafCode) -> Leaf | None:
    """The leaf of the bring-up that it is, None for any other."""
    return Leaf.__members__.get(leaf.name.replace(".", "_"))


def purpose(leaf: LeafCode) -> str:
    """What the leaf does, in a sentence."""
    known = of_leaf(leaf)
    return leaf.does if known is None else PURPOSES[known]


def leaf_numbered(asked: str, number: int) -> Answer | None:
    """The leaf of that number: the host's, with what a TD's leaf of the number is."""
    if number in _P_SEAMLDRS:
        return _of_p_seamldr(asked, Leaf(number))
    leaves = codes.leaves(number)
    if not leaves:
        return None
    first, *others = leaves
    lines = _lines(first)
    posted = [leaf for leaf in others if not leaf.is_of_the_guest]
    lines += [("in patches", f"{leaf.name}: {purpose(leaf)}") for leaf in posted]
    guests = [leaf for leaf in others if leaf.is_of_the_guest]
    lines += [("in a TD", f"{leaf.name}, of TDCALL: {purpose(leaf)}") for leaf in guests]
    if not asked.startswith(("0x", "0X")) and number in set(Errno):
        lines.append(("as an errno", f"-{number} is {Errno(number).name}"))
    return Answer(asked, "leaf", first.name, tuple(lines))


def leaf_named(asked: str, name: str) -> Answer | None:
    """The leaf of that name."""
    leaf = codes.leaf_named(name)
    if leaf is not None:
        return Answer(asked, "leaf", leaf.name, tuple(_lines(leaf)))
    known = Leaf.__members__.get(name)
    return None if known is None else _of_p_seamldr(asked, known)


def _lines(leaf: LeafCode) -> list[tuple[str, str]]:
    side = " of TDCALL, which a TD calls: the guest's side" if leaf.is_of_the_guest else ""
    lines = [("leaf", f"{leaf.number:#x} ({leaf.number}){side}"), ("does", purpose(leaf))]
    if (since := leaf.first_seen) is not None:
        lines.append(("since", since))
    if leaf.inputs:
        lines.append(("takes", ", ".join(f"{name}: {what}" for name, what in leaf.inputs.items())))
    known = of_leaf(leaf)
    if known is not None and (own := returns(known)):
        lines.append(("returns", ", ".join(status.name for status in own)))
    return lines


def _of_p_seamldr(asked: str, leaf: Leaf) -> Answer:
    lines = [("leaf", f"{leaf.value:#x} ({leaf.value})"), ("does", PURPOSES[leaf])]
    if own := returns(leaf):
        lines.append(("returns", ", ".join(status.name for status in own)))
    if (status := base_status(leaf)) is not None and int(status) == int(leaf):
        # P-SEAMLDR's leaves and statuses share numbers.
        also = STATUSES[status]
        lines.append(("also", f"the status {status.name}: {also.means} To do: {also.to_do}"))
    return Answer(asked, "leaf", leaf.title, tuple(lines))
