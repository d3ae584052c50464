# SPDX-License-Identifier: Apache-2.0
"""What the verbs of the Makefile run and no test is."""
