# SPDX-License-Identifier: Apache-2.0
"""What became of scenarios, one renderer per file: text, json, jsonl, junit, ktap, github."""
