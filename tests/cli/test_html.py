# SPDX-License-Identifier: Apache-2.0
"""`tdxctl html`: what is on the page, that it is sound, and how it gets into a file."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tdxctl import __version__
from tests.cli.runner import ROOT, tdxctl

VOID = {"meta", "br"}


class _Page(HTMLParser):
    """Elements as (tag, attributes), the text of each kind of element, and what does not close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.wrong: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.wrong += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self._open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        for tag in self._open[-1:]:
            self.texts.setdefault(tag, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _page(*options: str, said: str = "") -> _Page:
    done = tdxctl("html", *options, "-o", "-")
    assert (done.returncode, done.stderr) == (0, said)
    return _Page(done.stdout)


@pytest.mark.parametrize(
    "platform", ["spr-2s-512g", "emr-2s-256g-fragmented", "8s-64t", "seamrr-off", "no-module"]
)
def test_the_page_is_sound(platform: str) -> None:
    """Expect what a reader without eyes, without a network and without a mouse needs."""
    page = _page("--platform", platform)
    assert page.wrong == []
    assert page.all("html") == [{"lang": "en"}]
    assert page.texts["title"][0] == f"{platform}: Intel TDX bring-up"
    assert page.texts["h1"] == [platform]
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(page.all("main")) == 1
    targets = [(a["href"] or "") for a in page.all("a")]
    assert targets[0] == "#main"
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert {a.get("scope") for a in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table")) >= 4
    regions = [a for a in page.all("div") if a.get("class") == "scroll"]
    assert len(regions) > len(page.all("table"))
    for region in regions:
        assert (region["tabindex"], region["role"]) == ("0", "region")
        assert region["aria-label"]
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    loads = [a for _, a in page.elements if {"src", "srcset", "onload", "onclick"} & set(a)]
    assert loads == []


def test_the_page_tells_what_happened() -> None:
    page = _page(
        "--platform", "emr-2s-256g-fragmented", "--kernel", "6.8", "--kernel", "6.8+cmr-walk"
    )
    assert page.texts["h2"] == [
        "Verdict per kernel",
        "Kernel 6.8: Linux 6.8",
        "Kernel 6.8+cmr-walk: Linux 6.8 with the CMR walk",
        "Platform",
        "Where this is from",
    ]
    pictures = [each["class"] for each in page.all("svg")]
    assert pictures == ["tdxctl-map", "tdxctl-states"] * 2
    said = page.texts["dd"]
    assert any("needs 17 reserved areas, the module has 16" in text for text in said)
    assert any(text.startswith("fewer holes in low memory") for text in said)
    cells = page.texts["td"]
    assert {"17/16", "hole: found none left"} <= set(cells)
    assert "virt/tdx: 1050644 KB allocated for PAMT" in page.texts["span"]


def test_the_default_is_the_default_kernel_and_each_is_told_once() -> None:
    assert _page("--platform", "small").texts["h2"][1:2] == [
        "Kernel v5: on-demand series v5 as reviewed, June 2022"
    ]
    said = "kernel: mainline is 7.2\n"
    twice = _page("--platform", "small", "--kernel", "mainline", "--kernel", "7.2", said=said)
    assert twice.texts["h2"][1:] == ["Kernel 7.2: Linux 7.2", "Platform", "Where this is from"]


def test_how_it_ended_is_the_first_that_is_read() -> None:
    """Expect the verdict of the kernels told, those with one end together, before any link."""
    words = ("--platform", "emr-2s-256g-fragmented", "--kernel", "6.8", "--kernel", "6.18")
    page = _page(*words, "--kernel", "6.8+cmr-walk")
    shown = [(tag, a.get("class")) for tag, a in page.elements]
    first = [entry for entry in shown[: shown.index(("nav", None))] if entry[0] == "p"]
    assert first == [("p", None), ("p", "verdict bad"), ("p", "verdict good")]
    assert page.texts["p"][1:3] == [
        "Kernel 6.8, 6.18: tdx_enable() returned -28 (ENOSPC); status ERROR: initialization "
        "failed; final until reboot",
        "Kernel 6.8+cmr-walk: tdx_enable() returned 0; status INITIALIZED: the TDX module is "
        "initialized and ready to run TDs",
    ]


def test_kernels_with_the_same_outcome_are_one_block() -> None:
    page = _page("--platform", "emr-2s-256g-fragmented", "--kernel", "6.8")
    blocks = [text for text in page.texts["p"] if re.search(": (yes|no)", text)]
    assert blocks == [
        "v5, v5-posted: no, -EFAULT, status SHUTDOWN",
        "6.8, ubuntu-24.04-1004, 6.14, ubuntu-25.04, 6.16, 6.17.4, 6.18: no, -ENOSPC, status ERROR",
        "6.8+cmr-walk, ubuntu-24.04: yes, status INITIALIZED",
        "7.1, 7.2, 7.2+dynamic-pamt: no, -ENOSPC, status NOT_INITIALIZED",
    ]


def test_the_page_can_be_made_again_from_itself(tmp_path: Path) -> None:
    """Expect the description and the command on it to give the same page, and tdxctl's version."""
    words = ("--platform", "no-module", "--kernel", "6.8", "--set", "description=a<b&c")
    first = tdxctl("html", *words, "-o", "-").stdout
    page = _Page(first)
    assert __version__ in page.texts["dd"]
    command, description = page.texts["pre"][-2:]
    assert command == "tdxctl html --platform ./no-module.json --kernel 6.8 -o page.html"
    (tmp_path / "no-module.json").write_text(description)
    assert tdxctl(*command.split()[1:], cwd=tmp_path).returncode == 0
    assert (tmp_path / "page.html").read_text() == first


def test_text_from_a_description_stays_text() -> None:
    """Expect markup to be shown, and what cannot be seen to be shown as what it is."""
    evil = "<script>alert(1)</script>\x1b[31m\u202e&amp;"
    page = _page("--platform", "small", "--set", f"description={json.dumps(evil)}")
    assert page.all("script") == []
    assert "<script>alert(1)</script>\\x1b[31m\\u202e&amp;" in page.texts["p"]


def test_a_stored_machine_is_shown_as_it_is() -> None:
    tdxctl("boot", "--platform", "offline-cpu", "--machine", "mine")
    booted = _page("--machine", "mine")
    assert "Status UNKNOWN: tdx_init() has not been called" in booted.texts["p"]
    tdxctl("init", "--machine", "mine")
    tdxctl("cpu", "online", "3", "--machine", "mine")
    tdxctl("init", "--machine", "mine")
    page = _page("--machine", "mine")
    assert page.texts["h1"] == ["mine"]
    verdict = "tdx_init() returned 0; status INITIALIZED: the TDX module is initialized and ready"
    assert any(text.startswith(verdict) for text in page.texts["p"])
    # The log is the machine's since boot, not that of the last call alone.
    assert page.texts["span"].count("tdx: TDX enabled by BIOS.") == 1


def test_long_tables_are_folded() -> None:
    page = _page("--platform", "tdmrs-exhausted")
    assert (
        "64 of 64 TDMRs, freed after the failure; the tightest: *: 64 rows"
        in (page.texts["summary"])
    )


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Expect the file to hold what standard output would, and to be said on standard error."""
    file = tmp_path / "page.html"
    done = tdxctl("html", "--platform", "small", "-o", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"written to {file}\n")
    assert file.read_text() == tdxctl("html", "--platform", "small", "-o", "-").stdout
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "page.html", tmp_path / "link.html"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    assert tdxctl("html", "--platform", "small", "-o", str(link)).returncode == 0
    assert link.is_symlink()
    assert file.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("path", "error"),
    [("no/page.html", "no such file or directory"), (".", "is a directory")],
)
def test_what_cannot_be_written_exits_74(path: str, error: str, tmp_path: Path) -> None:
    done = tdxctl("html", "--platform", "small", "-o", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (74, "")
    assert done.stderr == f"error: cannot write the output: {error}\n"
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_disk_that_is_full_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: half the page cannot be written."""
    file = tmp_path / "page.html"
    file.write_text("old")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192));"
        "sys.argv[0] = 'tdxctl';"
        "from tdxctl.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "html", "--platform", "small", "-o", str(file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        74,
        "error: cannot write the output: file too large\n",
    )
    assert file.read_text() == "old"
    assert not list(tmp_path.glob(".page*"))


def test_a_device_is_written_to_and_not_replaced() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = tdxctl("html", "--platform", "small", "-o", "/dev/full")
    assert done.returncode == 74
    assert done.stderr == "error: cannot write the output: no space left on device\n"
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_the_output_has_to_be_named() -> None:
    done = tdxctl("html", "--platform", "small")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Missing option '-o' / '--output'.")
