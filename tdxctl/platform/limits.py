# SPDX-License-Identifier: Apache-2.0
"""What a description may have at most."""

from __future__ import annotations

MAX_CPUS, MAX_RANGES, MAX_CMRS = 8192, 4096, 32
#: The largest numbers of a NUMA node and of a package.
MAX_NODE, MAX_PACKAGE = 1023, 31
MIN_KEYID_BITS, MAX_KEYID_BITS = 6, 15
