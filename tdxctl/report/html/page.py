# SPDX-License-Identifier: Apache-2.0
"""The whole page, from its head to its foot."""

from __future__ import annotations

from collections.abc import Sequence

from tdxctl.plan import PlatformPlan
from tdxctl.report.html.elements import paragraph, text
from tdxctl.report.html.kernel import Shown, kernel_section, verdicts_section
from tdxctl.report.html.platform import platform_section
from tdxctl.report.html.style import STYLE


def render(name: str, plan: PlatformPlan, shown: Sequence[Shown]) -> str:
    """A page about the machine or platform of that name, without a newline at the end.

    plan: its platform under all kernels. shown: under those that are told in full.
    """
    platform = plan.platform
    sections = [platform_section(plan), verdicts_section(plan)]
    sections += [kernel_section(i, platform, each) for i, each in enumerate(shown, 1)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{text(name)}: Intel TDX bring-up</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#main">Skip to the content</a>',
            _header(name, platform.description, shown),
            '<main id="main">',
            *sections,
            "</main>",
            "<footer>",
            paragraph("Made by tdxctl from a description: a fake machine, not a real one."),
            "</footer>",
            "</body>",
            "</html>",
        ]
    )


def _header(name: str, description: str, shown: Sequence[Shown]) -> str:
    links = [("platform", "Platform"), ("kernels", "Verdict per kernel")]
    links += [(f"kernel-{i}", f"Kernel {each.summary.kernel}") for i, each in enumerate(shown, 1)]
    items = "".join(f'<li><a href="#{anchor}">{text(said)}</a></li>' for anchor, said in links)
    return "\n".join(
        [
            "<header>",
            f"<h1>{text(name)}</h1>",
            paragraph(description) if description else "",
            f'<nav aria-label="On this page"><ul>{items}</ul></nav>',
            "</header>",
        ]
    )
