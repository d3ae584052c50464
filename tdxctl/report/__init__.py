# SPDX-License-Identifier: Apache-2.0
"""Events and results to text, JSON and the like: one renderer per file."""
