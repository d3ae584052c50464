# SPDX-License-Identifier: Apache-2.0
"""The Linux kernel's TDX host code, one class per kernel, and the Linux mm it needs."""
