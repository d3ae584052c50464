# SPDX-License-Identifier: Apache-2.0
"""The check of diagnose that a failed bring-up fails: what `explain` knows more of."""

from __future__ import annotations

from tdxctl.messages.check_ids import CheckId

#: Id of a cause -> its check, where the step does not say it.
_BY_CAUSE: dict[str, CheckId] = {
    "no-mtrr": "cpu-features",
    "seamrr-absent": "seamrr",
    "seamrr-disabled": "seamrr",
    "too-few-keyids": "keyids",
    "keyid-start-wraps": "keyids",
    "no-keyids": "keyids",
    "keyid-msr-faults": "keyids",
    "hibernation-possible": "hibernation",
    "memory-notifier": "memory-notifier",
    "no-xsave": "cpu-features",
    "no-movdir64b": "cpu-features",
    "no-self-snoop": "cpu-features",
    "vmx-off": "vmx",
    "cpu-offline": "cpus-online",
    "cpu-disabled": "cpus-online",
    "cpu-offline-and-disabled": "cpus-online",
    "kvm-loaded-without-tdx": "command-line",
    "kvm-lacks": "kvm-conditions",
    "kvm-attributes": "kvm-conditions",
    "kvm-xfam": "kvm-conditions",
    "no-topology-enum": "kvm-conditions",
    "too-many-cpus-for-td": "kvm-conditions",
    "module-not-loaded": "module-loaded",
    "rbp-clobbered": "module-features",
    "cmrs-not-ascending": "cmrs",
    "cmrs-empty-first": "cmrs",
    "cmrs-none": "cmrs",
    "not-convertible": "cmrs",
    "outside-cmrs": "cmrs",
    "tdmrs-exhausted": "tdmrs",
    "reserved-areas-exhausted": "reserved-areas",
    "pamt-allocation": "pamt",
    "pamt-of-no-size": "pamt",
    "no-memory": "usable-memory",
}
_BY_STEP: dict[str, CheckId] = {
    "global-init": "sys-init",
    "cpu-init": "lp-init",
    "enumerate": "system-info",
    "configure": "sys-config",
    "key-config": "key-config",
    "memory-init": "tdmr-init",
}


def check_of(cause_id: str, step: str | None) -> CheckId | None:
    """The check that fails where a bring-up ends for that cause, in that step."""
    return _BY_CAUSE.get(cause_id, _BY_STEP.get(step or ""))
