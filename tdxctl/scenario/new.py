# SPDX-License-Identifier: Apache-2.0
"""A commented scenario whose expectations are what happens today."""

from __future__ import annotations

import json
import re

from tdxctl.errnos import errno_name
from tdxctl.events import OpResult, Seamcall
from tdxctl.machine import Machine
from tdxctl.platform.description import Platform
from tdxctl.platform.reading import read
from tdxctl.scenario.description import SCHEMA
from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_name


def new_scenario(platform: Platform, asked: str, settings: tuple[str, ...], kernel: str) -> str:
    """YAML text; asked is how the platform was named, settings are on top, kernel is an id."""
    machine = Machine.boot(platform, kernel)
    result = machine.tdx_init()
    lines = [
        f"schema: {SCHEMA}",
        f"name: {platform.name}",
        f"platform: {json.dumps(asked)}",
        *_set(settings),
        f'kernel: "{kernel}"               # or a list of kernels, or all',
        "# matrix: {module.max_reserved_per_tdmr: [8, 16]}",
        "# expect_failure: why it may fail for now; it fails when it passes",
        "steps:",
        "  - init: 1                   # so many callers at once",
        "    expect:",
        *(f"      {line}" for line in _expectations(machine, result)),
        "  # - fault: {leaf: TDH.SYS.KEY.CONFIG, status: TDX_KEY_GENERATION_FAILED}",
        "  # - cpu_offline: 1-3        # also cpu_online, memory_online, module, update, kexec",
        "  # - boot: same              # or another kernel",
        "  # expect_on: {v5: {status: SHUTDOWN}}   # beside an operation: of one kernel only",
    ]
    return "\n".join(lines)


def _set(settings: tuple[str, ...]) -> list[str]:
    if not settings:
        return ["# set: {cpus.online: 0-3}     # changes on top, by the paths of error messages"]
    pairs = (setting.partition("=") for setting in settings)
    entries = (
        (key, read((text or '""').encode(), None, is_json=False).data) for key, _, text in pairs
    )
    return ["set:", *(f"  {_key(key)}: {json.dumps(value)}" for key, value in entries)]


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z_][A-Za-z0-9_.]*", key, re.ASCII) else json.dumps(key)


def _expectations(machine: Machine, result: OpResult) -> list[str]:
    name = errno_name(result.returned)
    lines = [f"returned: {f'-{name}' if name else 0}", f"status: {result.status}"]
    failure = result.failure
    if failure is not None:
        lines.append(f"step: {failure.step or 'none'}")
        if failure.leaf is not None and failure.status is not None:
            lines.append(f"seamcall: {leaf_title(failure.leaf)}")
            lines.append(f"seamcall_status: {status_name(failure.status)}")
    if result.returned == 0:
        lines.append(f"pamt: {machine.pamt_bytes >> 10}KiB       # or {{at_most: ...}}")
        lines.append(f"tdmrs: {len(machine.tdmrs)}")
        most = max((len(tdmr.reserved) for tdmr in machine.tdmrs), default=0)
        lines.append(f"reserved: {{at_most: {most}}}       # areas, in the tightest TDMR")
    if result.log:
        lines.append(f"log: {json.dumps(result.log[-1].text)}")
    calls = [e for e in (*machine.boot_result.trace, *result.trace) if isinstance(e, Seamcall)]
    if calls and calls[-1] in result.trace:
        title = leaf_title(calls[-1].leaf)
        number = sum(call.n for call in calls if leaf_title(call.leaf) == title)
        lines.append(f"calls: {{{title}: {number}}}")
    return lines
