# SPDX-License-Identifier: Apache-2.0
"""Where what a command has to say goes: standard output, files, pages."""
