# SPDX-License-Identifier: Apache-2.0
"""What each message of the catalogue adds to what is kept of a kernel's log."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tdxctl.capture.findings import ModuleShown
from tdxctl.capture.messages import Seen
from tdxctl.messages import boot, bring_up, machine, own_loader
from tdxctl.messages.reading import Found
from tdxctl.platform.description import Seamrr
from tdxctl.units import MAX_PHYSICAL_ADDRESS, U32_MASK

_U16_MASK = (1 << 16) - 1
_VERSION = re.compile(r"\d{1,5}\.\d{1,5}(?:\.\d{1,5})?", re.ASCII)
_Fields = dict[str, int | str]


def take(seen: Seen, found: Found) -> bool:
    """Add what found says; whether it says something of the machine."""
    adds = _ADDS.get(found.message.id)
    if adds is None:
        return False
    adds(seen, found.fields)
    return True


def _mktme(seen: Seen, fields: _Fields) -> None:
    if (number := int(fields["keyids"])) <= U32_MASK:
        seen.mktme_keyids = number


def _keyids(seen: Seen, fields: _Fields) -> None:
    start, end = int(fields["start"]), int(fields["end"])
    if start <= end <= U32_MASK:
        seen.keyids = (start, end)
    seen.seamrr = Seamrr.ENABLED


def _seamrr(seen: Seen, fields: _Fields) -> None:
    seen.seamrr = seen.seamrr or Seamrr.ENABLED


def _report_seamrr(seen: Seen, fields: _Fields) -> None:
    seen.seamrr = Seamrr.ENABLED if fields["enabled"] == 1 else Seamrr.DISABLED


def _report_keyids(seen: Seen, fields: _Fields) -> None:
    if (number := int(fields["keyids"])) <= U32_MASK:
        seen.tdx_keyids = number


def _hibernation(seen: Seen, fields: _Fields) -> None:
    seen.hibernation = True


def _cmr(seen: Seen, fields: _Fields) -> None:
    start, end = int(fields["start"]), int(fields["end"])
    if start < end <= MAX_PHYSICAL_ADDRESS:
        seen.cmrs[start, end] = None


def shown_version(fields: _Fields) -> ModuleShown:
    """What a line on the module's version shows of it."""
    if "version" in fields:
        text = str(fields["version"])
    else:
        text = f"{fields['major']}.{fields['minor']}"
        text += f".{fields['update']:02}" if "update" in fields else ""
    match = _VERSION.match(text)
    shown = ModuleShown(loaded=True, version=match[0] if match is not None else None)
    if "build_date" in fields:
        # 32 and 16 bits in the module's metadata.
        date, number = int(fields["build_date"]), int(fields["build_num"])
        if date <= U32_MASK and number <= _U16_MASK:
            return replace(shown, build_date=date, build_num=number)
    return shown


def _version(seen: Seen, fields: _Fields) -> None:
    shown = shown_version(fields)
    seen.loaded = True
    seen.version = shown.version or seen.version
    if shown.build_date is not None:
        seen.build_date, seen.build_num = shown.build_date, shown.build_num


def _features(seen: Seen, fields: _Fields) -> None:
    seen.features = int(fields["features"])


def _not_loaded(seen: Seen, fields: _Fields) -> None:
    seen.loaded = False


def _loaded(seen: Seen, fields: _Fields) -> None:
    seen.loaded = True


_ADDS: dict[str, Callable[[Seen, _Fields], None]] = {
    machine.MKTME_KEYIDS.id: _mktme,
    machine.REPORT_SEAMRR.id: _report_seamrr,
    machine.REPORT_KEYIDS.id: _report_keyids,
    boot.KEYIDS.id: _keyids,
    boot.SEAMRR_ENABLED.id: _seamrr,
    boot.HIBERNATION_ENABLED.id: _hibernation,
    bring_up.CMR.id: _cmr,
    bring_up.BIOS_CMR.id: _cmr,
    bring_up.VERSION.id: _version,
    bring_up.FEATURES.id: _features,
    bring_up.MODULE_NOT_LOADED.id: _not_loaded,
    own_loader.MODULE_LOADED.id: _loaded,
    bring_up.MODULE_INITIALIZED.id: _loaded,
}
