# SPDX-License-Identifier: Apache-2.0
"""The fake machine under the kernel: CPUs, firmware registers."""
