# SPDX-License-Identifier: Apache-2.0
"""Descriptions that can be booted, and that no machine will match or that leave something open."""

from __future__ import annotations

from collections.abc import Iterator

from tdxctl.errors import Diagnostic
from tdxctl.platform.assumed import assumed_release
from tdxctl.platform.description import Platform, Seamrr
from tdxctl.platform.source import Path, Source
from tdxctl.seam.cpu_models import has_seam
from tdxctl.seam.releases import release_of

_OFF = "the shipped platform tdx-off is a machine whose BIOS left TDX off"


def warnings(platform: Platform, document: Source) -> Iterator[Diagnostic]:
    """What is implausible in platform, or assumed, at its place in document."""
    for path, summary, hint in (*_implausible(platform), *_assumed(platform)):
        yield document.problem(path, summary, hint=hint)._replace(severity="warning")


def _implausible(platform: Platform) -> Iterator[tuple[Path, str, str]]:
    cpus, firmware = platform.cpus, platform.firmware
    seamrr = f"SEAMRR is {firmware.seamrr.value}"
    enabled = firmware.seamrr is Seamrr.ENABLED
    if has_seam(cpus.model.family, cpus.model.model) is False and (
        enabled or firmware.tdx_keyids or platform.module.loaded
    ):
        yield (
            ("cpus", "model"),
            "a CPU without TDX while TDX is described as on: no firmware makes that, and every "
            "SEAMCALL raises #UD",
            f"name a CPU that has TDX, such as emerald-rapids, or leave TDX off: {_OFF}",
        )
    module = platform.module
    known = release_of(module.version, module.build_date, module.build_num)
    if module.loaded and known.is_signed_for(cpus.model.family, cpus.model.model) is False:
        yield (
            ("module", "version"),
            f"{known.version} is not signed for this CPU: P-SEAMLDR refuses to load it "
            "(SEAMLDR_EUNSUPCPU)",
            "name the machine's CPU in cpus.model; `tdxctl modules` has the CPUs of each release",
        )
    if not enabled and firmware.tdx_keyids:
        what = f"{firmware.tdx_keyids} KeyIDs for TDX while {seamrr}: no firmware makes that"
        yield ("firmware", "tdx_keyids"), what, _OFF
    if not enabled and platform.module.loaded:
        what = f"a module is loaded while {seamrr}: no firmware makes that"
        yield ("module", "loaded"), f"{what}, and every SEAMCALL raises #GP", _OFF


def _assumed(platform: Platform) -> Iterator[tuple[Path, str, str]]:
    if (assumed := assumed_release(platform)) is not None:
        yield ("module", "version"), assumed, "name the release, as in 1.5.08"
