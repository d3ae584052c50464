# SPDX-License-Identifier: Apache-2.0
"""Whose words a line has that a distribution changed: Template.of, and a release's words_of."""

from __future__ import annotations

UBUNTU_24_04 = "Ubuntu's kernels of 24.04"
UBUNTU_25_04 = "Ubuntu's kernels of 2025"
