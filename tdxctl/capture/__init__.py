# SPDX-License-Identifier: Apache-2.0
"""Real machines in: logs, firmware tables and kernel files become a platform description."""
