# SPDX-License-Identifier: Apache-2.0
"""From a report to standard output: picks the renderer, imports only that."""

from __future__ import annotations

import sys

from tdxctl.events import InitReport, log_of


def write(report: InitReport, output_format: str) -> None:
    """Print report in that format; text is Rich on a terminal, plain elsewhere."""
    match output_format:
        case "json":
            from tdxctl.report import json_init

            print_text(json_init.render(report))
        case "jsonl":
            from tdxctl.report import jsonl

            summary = report.summary
            print_text(jsonl.render(summary.machine, summary.kernel, report.events))
        case "dmesg":
            from tdxctl.report import dmesg

            print_text(dmesg.render(log_of(report.events)))
        case _:
            from tdxctl.report.view import init_view

            view = init_view(report)
            if sys.stdout.isatty():
                from tdxctl.report import terminal

                terminal.show(view)
            else:
                from tdxctl.report import plain

                print_text(plain.render(view))


def print_text(text: str) -> None:
    """Text and a newline on standard output; nothing for the empty text."""
    if text:
        sys.stdout.write(text + "\n")
