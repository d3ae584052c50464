# SPDX-License-Identifier: Apache-2.0
"""Scenarios: loading, running, reports."""
