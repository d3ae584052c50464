# SPDX-License-Identifier: Apache-2.0
"""Where what a command works on comes from: a command line, the environment, files, the store."""
