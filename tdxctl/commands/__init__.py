# SPDX-License-Identifier: Apache-2.0
"""One file per command: parse, call one function, hand the result to a renderer."""

#: Set by the shell when it asks for completions.
COMPLETE_VARIABLE = "_TDXCTL_COMPLETE"
