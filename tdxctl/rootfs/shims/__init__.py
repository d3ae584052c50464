# SPDX-License-Identifier: Apache-2.0
"""What stands for dmesg, rdmsr and uname where a command runs on a root."""
