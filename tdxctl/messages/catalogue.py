# SPDX-License-Identifier: Apache-2.0
"""All messages: each name of the modules here that is one."""

from __future__ import annotations

from tdxctl.messages import boot, bring_up, kvm, machine, own_loader, runtime
from tdxctl.messages.message import Message

#: In the order in which they are written down.
MESSAGES: tuple[Message, ...] = tuple(
    value
    for module in (boot, bring_up, own_loader, runtime, kvm, machine)
    for value in vars(module).values()
    if isinstance(value, Message)
)
