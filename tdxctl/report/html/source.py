# SPDX-License-Identifier: Apache-2.0
"""The part of a page that says where it is from: tdxctl's version, the description, the command."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tdxctl import __version__
from tdxctl.platform.description import Platform
from tdxctl.report.html.elements import facts, folded, paragraph, scrolling, section, text
from tdxctl.report.html.kernel import Shown


def source_section(name: str, platform: Platform, shown: Sequence[Shown], *, stored: bool) -> str:
    """How to come to the same page; the description is the whole of it, with every default."""
    file = f"{platform.name}.json"
    kernels = [each.summary.kernel for each in shown]
    if stored:
        commands = [
            f"tdxctl boot --platform ./{file} --kernel {kernels[0]} --machine {name}",
            f"tdxctl html --machine {name} -o page.html",
        ]
        said = f"Save the description as {file}; what was done to the machine is in its log."
    else:
        options = " ".join(f"--kernel {kernel}" for kernel in kernels)
        commands = [f"tdxctl html --platform ./{file} {options} -o page.html"]
        said = f"Save the description as {file}:"
    keys = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in platform.to_dict().items())
    description = "{\n" + ",\n".join(keys) + "\n}"
    told = scrolling(f"<pre>{_lines(description)}</pre>", "Description")
    return section(
        2,
        "source",
        "Where this is from",
        [
            facts([("tdxctl", __version__)]),
            paragraph(said),
            scrolling(f"<pre>{_lines(chr(10).join(commands))}</pre>", "Commands"),
            folded(f"Description, with every default: {file}", told, "raw"),
        ],
    )


def _lines(said: str) -> str:
    return "\n".join(map(text, said.split("\n")))
