# SPDX-License-Identifier: Apache-2.0
"""A booted machine as user space sees it: a folder that stands for a host's /."""
