# SPDX-License-Identifier: Apache-2.0
"""Why a real bring-up ended as it did: checks as data over a kernel's log."""
