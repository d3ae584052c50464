# SPDX-License-Identifier: Apache-2.0
"""The site of these pages: `make docs`. Its source is build/docs, made by `tools/site.py`."""

from tdxctl import __version__

project = "tdxctl"
author = "the tdxctl developers"
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"tdxctl {release}"
html_show_sourcelink = False
html_show_copyright = False
# The anchors of headings are GitHub's: a link works in a checkout and on the site.
myst_heading_anchors = 4
# Nothing is fetched to read a page: no fonts, no scripts of others.
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "default"
pygments_dark_style = "github-dark"
nitpicky = True
# "console" is what a reader sees, not what a shell session's lexer takes it for.
highlight_language = "text"
