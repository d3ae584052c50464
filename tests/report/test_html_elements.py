# SPDX-License-Identifier: Apache-2.0
"""Text that comes into a page is text there, wherever it stands."""

from __future__ import annotations

from tdxctl.report.blocks import Table
from tdxctl.report.html.elements import table


def test_the_cells_of_a_table_are_no_markup() -> None:
    hostile = Table(
        title="<i>t</i>",
        columns=("<b>", "a&b"),
        rows=(("<script>", '"x" & <y>'), ("\x1b[31m", "'1'")),
        right={1},
        bad={1},
    )
    assert table(hostile) == (
        '<div class="scroll" tabindex="0" role="region" aria-label="&lt;i&gt;t&lt;/i&gt;">\n'
        "<table>\n"
        "<caption><span>&lt;i&gt;t&lt;/i&gt;</span></caption>\n"
        '<thead><tr><th scope="col">&lt;b&gt;</th><th scope="col" class="number">a&amp;b</th></tr>'
        "</thead>\n"
        "<tbody>\n"
        '<tr><th scope="row">&lt;script&gt;</th>'
        '<td class="number">&quot;x&quot; &amp; &lt;y&gt;</td></tr>\n'
        '<tr class="bad"><th scope="row">\\x1b[31m</th><td class="number">&#x27;1&#x27;</td></tr>\n'
        "</tbody>\n"
        "</table>\n"
        "</div>"
    )
