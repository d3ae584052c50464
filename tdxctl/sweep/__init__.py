# SPDX-License-Identifier: Apache-2.0
"""Every error path of a bring-up at once: a fault at each call, and what becomes of it."""
