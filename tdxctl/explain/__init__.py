# SPDX-License-Identifier: Apache-2.0
"""Words for codes: what a failure means and what to do about it. Data, and text made from it."""
