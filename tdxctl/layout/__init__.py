# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of TDMRs: pure NumPy functions over one host's memory ranges."""
