# SPDX-License-Identifier: Apache-2.0
"""What a machine is: the frozen description, and how it is read from text."""
