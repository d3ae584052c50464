# SPDX-License-Identifier: Apache-2.0
"""Whose words a line has that a distribution changed: Template.of, and a change's words_of."""

from __future__ import annotations

UBUNTU_24_04 = "Ubuntu's kernels of 24.04"
#: As distributions carry it on kernels of 6.2 to 6.14.
KVM_OF_2024 = "KVM's series of 2024"
TREES_OF_5_10 = "trees of 5.10 to 5.15 that load the module themselves"
UBUNTU_25_04 = "Ubuntu's kernels of 2025"
