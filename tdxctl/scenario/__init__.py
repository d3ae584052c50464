# SPDX-License-Identifier: Apache-2.0
"""Scenarios: a platform, operations in order, and what is expected after each of them."""
