# SPDX-License-Identifier: Apache-2.0
"""Which function is which check's, by the check's id."""

from __future__ import annotations

from tdxctl.diagnose import after, before, steps
from tdxctl.diagnose.parameters import command_line
from tdxctl.diagnose.progress import Rule
from tdxctl.messages import boot, bring_up, own_loader
from tdxctl.messages.check_ids import CheckId
from tdxctl.messages.message import Stage

RULES: dict[CheckId, Rule] = {
    "host": before.host,
    "cpu": before.cpu,
    "tme": before.tme,
    "seamrr": before.seamrr,
    "keyids": before.keyids,
    "sgx": before.sgx,
    "kernel-support": before.kernel_support,
    "hibernation": before.stops(boot.HIBERNATION_ENABLED, "hibernation is possible"),
    "x2apic": before.stops(boot.X2APIC_OFF, "x2APIC is off"),
    "cpu-features": before.stops(boot.FEATURE_MISSING, "{feature} is missing"),
    "memory-notifier": before.stops(boot.NOTIFIER_FAILED, "it failed with errno {errno}"),
    "usable-memory": before.stops(boot.MEMORY_LIST_FAILED, "it failed"),
    "boot": before.panic,
    "vmx": before.vmx,
    "command-line": command_line,
    "kvm-conditions": before.kvm_conditions,
    "cpus-online": before.cpus_online,
    "init-attempt": before.init_attempt,
    "seam-enabled": before.seam_enabled,
    "module-loaded": steps.module_loaded,
    "sys-init": steps.step("sys-init", Stage.ENUMERATED, stopped_by=bring_up.MODULE_OUTDATED),
    "lp-init": steps.step("lp-init", Stage.ENUMERATED, stopped_by=own_loader.KEYIDS_INCONSISTENT),
    "system-info": steps.step(
        "system-info", Stage.CONFIGURED, bring_up.CMR, stopped_by=own_loader.SYSINFO_INVALID
    ),
    "module-features": steps.module_features,
    "cmrs": steps.cmrs,
    "tdmrs": steps.tdmrs,
    "reserved-areas": steps.reserved_areas,
    "pamt": steps.pamt,
    "sys-config": steps.step("sys-config", Stage.DONE),
    "key-config": steps.step("key-config", Stage.DONE),
    "tdmr-init": steps.step("tdmr-init", Stage.DONE),
    "initialized": steps.initialized,
    "kvm": after.kvm,
    "td-runtime": after.td_runtime,
    "kexec": after.kexec,
    "harmless": after.harmless,
}
