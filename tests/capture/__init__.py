# SPDX-License-Identifier: Apache-2.0
"""Tests of the readers of real machines' data."""
