# SPDX-License-Identifier: Apache-2.0
"""A machine's stored status as text: `tdxctl.status/1` in, lines out."""

from __future__ import annotations

from typing import Any

from tdxctl.advice.states import explain_cause_state
from tdxctl.advice.words import HOST
from tdxctl.linux.releases import KERNELS
from tdxctl.report import evidence
from tdxctl.report.aligned import aligned
from tdxctl.report.prose import BAD, GOOD, HEAD, WARN, Line, labelled
from tdxctl.report.reasons import from_dict, in_full
from tdxctl.units import approximate_size, counted

_ROLES = {"INITIALIZED": GOOD, "UNKNOWN": WARN}
_TITLES = {kernel.id: kernel.title for kernel in KERNELS}


def _pairs(status: dict[str, Any]) -> list[tuple[str, str]]:
    # The first is the verdict.
    cpus, module, keyids = status["cpus"], status["module"], status["keyids"]
    returned = status["returned"]
    loaded = "loaded" if module["loaded"] else "not loaded"
    pairs = [
        (status["machine"], f"{status['status']}: {_meaning(status)}"),
        ("kernel", _TITLES.get(status["kernel"], status["kernel"])),
        ("CPUs", f"{cpus['online']} of {cpus['present']} online, {cpus['disabled']} not enabled"),
        (
            "module",
            f"{loaded}, version {module['version']}",
        ),
        *(("", line) for line in evidence.lines(evidence.from_dict(module))),
    ]
    if keyids["global"] is not None:
        pairs.append(("KeyIDs", f"global {keyids['global']}, {keyids['guest']} for guests"))
    else:
        pairs.append(("KeyIDs", "none: TDX is not enabled"))
    if returned is None:
        pairs.append(("tdx_init()", "not called since boot"))
    else:
        errno = f" ({status['errno']})" if status["errno"] else ""
        pairs.append(
            ("tdx_init()", f"{returned}{errno} to the last of {counted(status['calls'], 'call')}")
        )
    if status["pamt"]["bytes"]:
        pairs.append(("TDMRs", f"{status['tdmrs']['used']} of {status['tdmrs']['max']}"))
        pairs.append(("PAMT", _pamt(status["pamt"])))
    if host := status.get("host"):
        pairs.append((HOST, host["text"]))
    failure = status["failure"]
    if failure is not None:
        code = failure["status"] or failure["errno"]
        pairs += in_full(from_dict(failure), (), code)
    return pairs


def _meaning(status: dict[str, Any]) -> str:
    failure = status["failure"]
    cause, step = (failure["cause"], failure["step"]) if failure else (None, None)
    return explain_cause_state(status["status"], cause, step)


def _pamt(pamt: dict[str, Any]) -> str:
    nodes = ", ".join(
        f"node {node} {approximate_size(size)}" for node, size in pamt["by_node"].items()
    )
    return f"{approximate_size(pamt['bytes'])} ({pamt['bytes'] >> 10} KiB): {nodes}"


def status_lines(status: dict[str, Any]) -> list[Line]:
    """The verdict on the machine, and a line for all that is worth one."""
    (machine, verdict), *rest = _pairs(status)
    role = _ROLES.get(status["status"], BAD)
    return [Line(verdict, role, f"{machine}: ", HEAD), *labelled(rest)]


def machine_lines(statuses: list[dict[str, Any]]) -> list[str]:
    """A line per machine: name, status, kernel, calls."""
    return aligned(
        [
            (
                s["machine"],
                s["status"],
                _TITLES.get(s["kernel"], s["kernel"]),
                counted(s["calls"], "call"),
            )
            for s in statuses
        ]
    )
