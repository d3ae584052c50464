# SPDX-License-Identifier: Apache-2.0
"""The whole page, from its head to its foot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tdxctl.advice.words import TO_DO, WHY
from tdxctl.plan import PlatformPlan
from tdxctl.platform.description import Platform
from tdxctl.report.html.elements import facts, paragraph, text
from tdxctl.report.html.kernel import Shown, ending, kernel_section, verdicts_section
from tdxctl.report.html.platform import platform_section
from tdxctl.report.html.source import source_section
from tdxctl.report.html.style import STYLE
from tdxctl.report.reasons import Pairs


def render(name: str, plan: PlatformPlan, shown: Sequence[Shown], *, stored: bool = False) -> str:
    """A page about the machine or platform of that name, without a newline at the end.

    plan: its platform under all kernels. shown: under those that are told in full. stored: it is a
    machine as it is, not the platform booted for the page.
    """
    platform = plan.platform
    sections = [verdicts_section(plan)]
    sections += [kernel_section(i, platform, each) for i, each in enumerate(shown, 1)]
    sections += [platform_section(plan), source_section(name, platform, shown, stored=stored)]
    head = [paragraph(platform.description)] if platform.description else []
    head += _verdicts(platform, shown)
    links = [("kernels", "Verdict per kernel")]
    links += [(f"kernel-{i}", f"Kernel {each.summary.kernel}") for i, each in enumerate(shown, 1)]
    links += [("platform", "Platform"), ("source", "Where this is from")]
    return document(name, head, links, sections)


def document(
    name: str, head: Sequence[str], links: Sequence[tuple[str, str]], sections: Sequence[str]
) -> str:
    """A page of that name, without a newline at the end: head, links to the sections, sections.

    head and sections are markup, links are (id, text).
    """
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
            _header(name, head, links),
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


def _header(name: str, head: Sequence[str], links: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="#{anchor}">{text(said)}</a></li>' for anchor, said in links)
    return "\n".join(
        [
            "<header>",
            f"<h1>{text(name)}</h1>",
            *head,
            f'<nav aria-label="On this page"><ul>{items}</ul></nav>',
            "</header>",
        ]
    )


def _verdicts(platform: Platform, shown: Sequence[Shown]) -> Iterator[str]:
    # What a reader came for, before anything else; kernels with the same end together.
    groups: dict[tuple[bool, str, Pairs], list[str]] = {}
    for each in shown:
        verdict, problem = ending(platform, each)
        words = tuple((label, said) for label, said in problem if label in (WHY, TO_DO))
        groups.setdefault((each.is_good, verdict, words), []).append(each.summary.kernel)
    for (good, verdict, words), kernels in groups.items():
        look = f"verdict {'good' if good else 'bad'}"
        yield paragraph(f"Kernel {', '.join(kernels)}: {verdict.splitlines()[-1]}", look)
        if words:
            yield facts(words)
