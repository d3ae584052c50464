# SPDX-License-Identifier: Apache-2.0
"""The fake TDX module."""
