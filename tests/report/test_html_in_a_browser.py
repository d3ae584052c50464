# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, where there is one: it renders, light and dark, narrow and wide."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.cli.runner import tdxctl

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium on Debian"
)

# Frames of both widths in one page: a browser's own window cannot be as narrow as a phone.
_FRAMES = """<!DOCTYPE html><body style="margin:0;background:#888">
<iframe srcdoc="{page}" style="border:0;width:380px;height:900px"></iframe>
<iframe srcdoc="{page}" style="border:0;width:1400px;height:900px"></iframe>
<script>onload = () => document.title = [...document.querySelectorAll("iframe")].map(frame => {{
  const root = frame.contentDocument.documentElement;
  const region = frame.contentDocument.querySelector(".scroll");
  return [root.scrollWidth, root.clientWidth, getComputedStyle(root).getPropertyValue("--paper"),
          getComputedStyle(region).overflowX].join(",");
}}).join(";");</script>"""


def _chromium(folder: Path, file: Path, *options: str) -> str:
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}",
            *options,
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("platform", "dark", "paper"),
    [("emr-2s-256g-fragmented", False, "#fff"), ("8s-64t", True, "#0f1318")],
)
def test_nothing_overflows(platform: str, dark: bool, paper: str, tmp_path: Path) -> None:
    """Expect 380 px and 1400 px to hold the page, and the scheme to be the reader's."""
    page = tdxctl("html", "--platform", platform, "-o", "-").stdout
    file = tmp_path / "frames.html"
    file.write_text(_FRAMES.format(page=page.replace("&", "&amp;").replace('"', "&quot;")))
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    picture = tmp_path / "shot.png"
    shot = f"--screenshot={picture}"
    dom = _chromium(tmp_path, file, "--window-size=1800,900", "--dump-dom", scheme)
    found = re.search(r"<title>(.*?)</title>", dom)
    assert found is not None
    assert found[1] == f"380,380,{paper},auto;1400,1400,{paper},auto"
    _chromium(tmp_path, file, "--window-size=1800,900", shot, scheme)
    assert len(_colours(picture.read_bytes())) > 20


def _colours(png: bytes) -> set[bytes]:
    # The different bytes of pixels of a PNG, filters not undone: a blank one has a handful.
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    raw = zlib.decompress(data)
    return {raw[i : i + 3] for i in range(0, len(raw) - 3, 3)}
