# SPDX-License-Identifier: Apache-2.0
"""What checks of a diagnosis are called."""

from __future__ import annotations

from typing import Literal

#: What a check is called. Literals: mypy holds every mention of one to be a check's.
CheckId = Literal[
    "host",
    "cpu",
    "tme",
    "seamrr",
    "keyids",
    "sgx",
    "kernel-support",
    "hibernation",
    "x2apic",
    "cpu-features",
    "memory-notifier",
    "usable-memory",
    "boot",
    "vmx",
    "command-line",
    "kvm-conditions",
    "cpus-online",
    "init-attempt",
    "seam-enabled",
    "module-loaded",
    "sys-init",
    "lp-init",
    "system-info",
    "module-features",
    "cmrs",
    "tdmrs",
    "reserved-areas",
    "pamt",
    "sys-config",
    "key-config",
    "tdmr-init",
    "initialized",
    "kvm",
    "td-runtime",
    "kexec",
    "prediction",
    "harmless",
]
