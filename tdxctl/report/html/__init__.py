# SPDX-License-Identifier: Apache-2.0
"""One page about a machine, to attach to a ticket: no network, no script, nothing beside it."""
