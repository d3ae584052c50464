# SPDX-License-Identifier: Apache-2.0
"""Which function is which check's, by the check's id."""

from __future__ import annotations

from tdxctl.diagnose import after, before, steps
from tdxctl.diagnose.parameters import command_line
from tdxctl.diagnose.progress import AFTER_INFO, Rule

RULES: dict[str, Rule] = {
    "host": before.host,
    "cpu": before.cpu,
    "tme": before.tme,
    "seamrr": before.seamrr,
    "keyids": before.keyids,
    "sgx": before.sgx,
    "kernel-support": before.kernel_support,
    "hibernation": before.stops("hibernation", "hibernation", "hibernation is possible"),
    "x2apic": before.stops("x2apic", "x2apic", "x2APIC is off"),
    "cpu-features": before.stops("feature-missing", "cpu-features", "{} is missing"),
    "memory-notifier": before.stops("notifier", "memory-notifier", "it failed with errno {}"),
    "usable-memory": before.stops("memory-list", "usable-memory", "it failed"),
    "command-line": command_line,
    "kvm-conditions": before.kvm_conditions,
    "cpus-online": before.cpus_online,
    "init-attempt": before.init_attempt,
    "seam-enabled": before.seam_enabled,
    "module-loaded": steps.module_loaded,
    "sys-init": steps.step("sys-init", steps.LEAVES["sys-init"], "version", *AFTER_INFO),
    "lp-init": steps.step("lp-init", steps.LEAVES["lp-init"], "version", *AFTER_INFO),
    "system-info": steps.step("system-info", steps.LEAVES["system-info"], *AFTER_INFO),
    "module-features": steps.module_features,
    "cmrs": steps.cmrs,
    "tdmrs": steps.tdmrs,
    "reserved-areas": steps.reserved_areas,
    "pamt": steps.pamt,
    "sys-config": steps.step("sys-config", steps.LEAVES["sys-config"]),
    "key-config": steps.step("key-config", steps.LEAVES["key-config"]),
    "tdmr-init": steps.step("tdmr-init", steps.LEAVES["tdmr-init"]),
    "initialized": steps.initialized,
    "kvm": after.kvm,
    "td-runtime": after.td_runtime,
    "kexec": after.kexec,
    "harmless": after.harmless,
}
