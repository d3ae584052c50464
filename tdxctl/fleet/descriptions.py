# SPDX-License-Identifier: Apache-2.0
"""A platform description as a row of hosts, and a row as a description."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from tdxctl.fleet.rows import Host
from tdxctl.fleet.setups import WrongRowError, setup_of
from tdxctl.platform.cmrs import auto_cmrs
from tdxctl.platform.description import Cpus, Memory, Platform
from tdxctl.seam.cpu_models import CPU_MODELS
from tdxctl.units import is_name

_MODELS = {(6, model): name for name, model in CPU_MODELS.items()}
#: Keys of a description that make no difference to a verdict.
_WORDLESS = ("schema", "name", "description", "memory", "assumed")


def row_of(platform: Platform, host: str | None = None) -> dict[str, Any]:
    """The columns of rows.Host; host: its name, by default the description's.

    What has no column is in `settings`: every key that differs from what the columns make of it.
    """
    firmware, module = platform.firmware, platform.module
    row: dict[str, Any] = {
        "host": platform.name if host is None else host,
        "memory": [
            {"start": r.start, "end": r.end, "node": r.node} for r in platform.memory.ranges
        ],
        "reserved": [{"start": r.start, "end": r.end} for r in platform.memory.reserved] or None,
        "cmrs": _cmrs(platform.memory),
        "cpus": _cpus(platform.cpus),
        "cpu_model": _MODELS.get((platform.cpus.model.family, platform.cpus.model.model)),
        "mktme_keyids": firmware.mktme_keyids,
        "tdx_keyids": firmware.tdx_keyids,
        "seamrr": firmware.seamrr.value,
        "module": module.version,
        "build_date": module.build_date,
        "build_num": module.build_num,
        "kvm": platform.kvm.tdx,
        "settings": None,
    }
    alike = setup_of(row)
    as_columns = alike.with_memory(platform.to_dict()["memory"]).to_dict()
    settings = _differing(platform.to_dict(), as_columns)
    if settings:
        row["settings"] = json.dumps(settings, separators=(",", ":"))
    return row


def platform_of(row: Mapping[str, Any]) -> Platform:
    """The description that a row of hosts stands for.

    row: the columns of rows.Host by name, as a record of Arrow's `to_pylist()` has them, a line of
    JSON or a row of a DataFrame; what is missing there (NaN, NA, None) is null, and numbers may be
    NumPy's. A host's name that no machine can have is the description's text. Raises WrongRowError
    for a column that hosts do not have, or a wrong value.
    """
    given = {column: cell for column, value in row.items() if (cell := _plain(value)) is not None}
    if unknown := given.keys() - set(Host.__struct_fields__):
        raise WrongRowError(min(map(str, unknown)), "is no column of hosts")
    try:
        host = msgspec.convert(given, Host)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        column = re.split(r"[.`\[]", path)[0] or "memory"
        raise WrongRowError(column, what) from None
    cells = msgspec.json.decode(msgspec.json.encode(host))
    memory = {
        "ranges": cells["memory"],
        "reserved": cells["reserved"] or [],
        "cmrs": "auto" if cells["cmrs"] is None else cells["cmrs"],
    }
    platform = setup_of(cells).with_memory(memory)
    if host.host is None:
        return platform
    return replace(platform, **{"name" if is_name(host.host) else "description": host.host})


def _plain(value: Any) -> Any:
    # Of arrays lists, of scalars Python's own, of nothing None.
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    # Not equal to itself is NaN and pandas' NaT; its NA does not even say so.
    if value is None or (value != value) is not False:  # noqa: PLR0124
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _cmrs(memory: Memory) -> list[dict[str, int]] | None:
    described = [astuple(cmr) for cmr in memory.cmrs]
    if described == auto_cmrs([(r.start, r.end) for r in memory.ranges]):
        return None
    return [{"base": base, "size": size} for base, size in described]


def _cpus(cpus: Cpus) -> list[dict[str, int]]:
    # Runs of CPUs of one package, the online ones first; slots that are not enabled where they are.
    online, entries = set(cpus.online), []
    cpu = 0
    for (package, enabled), run in groupby(cpus.madt, lambda entry: (entry.package, entry.enabled)):
        count = len(list(run))
        if not enabled:
            entries.append({"package": package, "cpus": 0, "online": 0, "not_enabled": count})
            continue
        up = [each in online for each in range(cpu, cpu + count)]
        cpu += count
        while up:
            first = up.index(False) if False in up else len(up)
            then = up.index(True, first) if True in up[first:] else len(up)
            entries.append({"package": package, "cpus": then, "online": first, "not_enabled": 0})
            up = up[then:]
    return entries


def _differing(wanted: dict[str, Any], had: dict[str, Any]) -> dict[str, Any]:
    differing = {
        key: value
        for key, value in wanted.items()
        if key not in _WORDLESS and value != had.get(key)
    }
    for key, value in differing.items():
        if isinstance(value, dict) and isinstance(had.get(key), dict):
            differing[key] = {k: v for k, v in value.items() if v != had[key].get(k)}
    if "cpus" in differing:
        # The columns say which CPUs there are; APIC ids are in no verdict.
        rest = {k: v for k, v in differing["cpus"].items() if k not in ("madt", "online")}
        differing["cpus"] = rest
    return {key: value for key, value in differing.items() if value != {}}
