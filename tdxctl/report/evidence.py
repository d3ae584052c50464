# SPDX-License-Identifier: Apache-2.0
"""Which module release is shown, and on what evidence: a key in JSON, a line in text.

A release whose every behaviour was measured, on a CPU that nothing is known against, needs none.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tdxctl.events import ModuleEvidence
from tdxctl.seam.releases import ASSUMED, MEASURED
from tdxctl.units import printable

#: What the evidence of a release is.
MEANING = {
    MEASURED: "its own source, compiled and run",
    "read, not run": "its source, in part",
    "not validated": "what is published of it; its checks are those of the release it is like",
    "seen in logs": "what hosts showed; the rest is of the release it is like",
    ASSUMED: "its version and build name no release",
}


class Module(Struct, frozen=True):
    """The TDX module: the release that its version is taken to be, and how that one is known.

    signed_for_cpu: whether P-SEAMLDR takes it on the machine's CPUs, null where that is not known.
    """

    loaded: bool
    version: str
    release: str
    evidence: str
    signed_for_cpu: bool | None


def module_of(module: ModuleEvidence, *, loaded: bool) -> Module:
    """The module as documents have it."""
    return Module(loaded, module.version, module.release, module.evidence, module.signed_for_cpu)


def from_dict(module: dict[str, Any]) -> Module:
    """The module of a stored document, also of one that was stored before it had all of it."""
    version = module["version"]
    return Module(
        module["loaded"],
        version,
        module.get("release", version),
        module.get("evidence", MEASURED),
        module.get("signed_for_cpu"),
    )


def lines(module: Module) -> tuple[str, ...]:
    """A line for what is taken and not measured, and one where P-SEAMLDR would not load it."""
    if not module.loaded:
        return ()
    found = []
    version, meaning = printable(module.version), MEANING[module.evidence]
    if module.evidence == ASSUMED:
        found.append(f"TDX module {version} is assumed to be {module.release}: {meaning}")
    elif module.evidence != MEASURED:
        found.append(f"TDX module {version}, {module.evidence}: {meaning}")
    if module.signed_for_cpu is False:
        found.append(
            f"TDX module {version} is not signed for this CPU: P-SEAMLDR refuses to load it "
            "(SEAMLDR_EUNSUPCPU)"
        )
    return tuple(found)
