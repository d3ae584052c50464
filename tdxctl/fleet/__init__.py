# SPDX-License-Identifier: Apache-2.0
"""Many hosts at once: which of them would bring TDX up, what stops the others, what it costs."""
