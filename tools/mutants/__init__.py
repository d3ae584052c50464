# SPDX-License-Identifier: Apache-2.0
"""Mutation testing, room by room: `make mutants`. Says what no test notices.

A mutant is a source file with one small change (a comparison, an operator, a constant, a statement
left out). It is killed if a test of its room fails on it; a survivor is either a missing test or a
change that nobody can see, which equivalent.txt lists with its reason.
"""
