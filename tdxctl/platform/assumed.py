# SPDX-License-Identifier: Apache-2.0
"""What is assumed where a description leaves open which release the TDX module is."""

from __future__ import annotations

from tdxctl.platform.description import Platform
from tdxctl.seam.releases import ModuleVersion


def assumed_release(platform: Platform) -> str | None:
    """What is assumed of the module's release, in words; None where the description names it."""
    module = platform.module
    if not module.loaded:
        return None
    version = ModuleVersion.parse(module.version, module.build_date, module.build_num)
    if not version.assumed:
        return None
    build = f"build {module.build_date}, number {module.build_num}"
    named = f"module {module.version} with {build}"
    return f"{named} is no release that is known: assumed is {version.release}"
