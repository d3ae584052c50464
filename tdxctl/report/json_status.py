# SPDX-License-Identifier: Apache-2.0
"""`tdxctl.status/1`: what a machine's kernel knows, as a dict of JSON values."""

from __future__ import annotations

from tdxctl.errnos import errno_name
from tdxctl.events import MachineSummary
from tdxctl.report.json_init import failure_dict

SCHEMA = "tdxctl.status/1"


def to_dict(summary: MachineSummary, tdxctl: str) -> dict[str, object]:
    """The summary as tdxctl.status/1 has it; tdxctl is the version that booted the machine."""
    last = summary.last
    failure = last.failure if last is not None else summary.boot_failure
    return {
        "schema": SCHEMA,
        "tdxctl": tdxctl,
        "machine": summary.machine,
        "kernel": summary.kernel,
        "status": summary.status,
        "calls": summary.calls,
        "returned": None if last is None else last.returned,
        "errno": None if last is None else errno_name(last.returned),
        "cpus": {
            "present": summary.cpus_present,
            "online": summary.cpus_online,
            "disabled": summary.cpus_disabled,
        },
        "module": {"loaded": summary.module_loaded, "version": summary.module_version},
        "keyids": {"global": summary.global_keyid, "guest": summary.guest_keyids},
        "tdmrs": {"used": len(summary.tdmrs), "max": summary.max_tdmrs},
        "pamt": {
            "bytes": summary.pamt.total,
            "by_node": {str(node): size for node, size in summary.pamt.by_node},
        },
        "failure": failure_dict(failure) if failure is not None else None,
    }
