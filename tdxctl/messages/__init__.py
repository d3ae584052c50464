# SPDX-License-Identifier: Apache-2.0
"""The catalogue: every line on TDX that a kernel prints or a user sends, each stated once."""
