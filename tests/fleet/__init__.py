# SPDX-License-Identifier: Apache-2.0
"""Many hosts at once."""
