# SPDX-License-Identifier: Apache-2.0
"""The Linux kernel's TDX host code: engines, changes, releases, and the Linux mm they need."""
