# SPDX-License-Identifier: Apache-2.0
"""What causes, statuses, errnos and failed checks mean, and what to do: the one place that says."""
