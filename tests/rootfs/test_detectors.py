# SPDX-License-Identifier: Apache-2.0
"""docs/detectors.md says what detectors say. Made by `python -m tools.detectors`."""

from __future__ import annotations

import shutil

import pytest

from tdxctl.rootfs.run import RunError
from tests.rootfs.detectors import DETECTORS, HOSTS, cells
from tools import detectors

_PAGE = detectors.PAGE.read_text()


@pytest.mark.parametrize("host", ["ready", "no room for the PAMT"])
def test_the_page_says_what_detectors_say(host: str) -> None:
    """Of 7.2, one that is ready and one that is not; all: python -m tools.detectors, git diff."""
    try:
        said = cells("7.2", host)
    except RunError as error:
        pytest.skip(error.message)
    _, _, section = _PAGE.partition("## Linux 7.2\n")
    column = list(HOSTS).index(host) + 2
    rows = [line.split(" | ") for line in section.partition("## ")[0].splitlines()[3:] if line]
    shown = {row[0].removeprefix("| "): row[column - 1].removesuffix(" |") for row in rows}

    assert {title: shown[title] for title in said} == said


def test_every_detector_has_a_row_and_its_line() -> None:
    for detector in DETECTORS:
        assert _PAGE.count(f"| {detector.title} |") == 4
        assert f"| {detector.after} |" in _PAGE


def test_packaged_programs_are_run_where_they_are_installed() -> None:
    programs = [detector.program for detector in DETECTORS if detector.program is not None]
    missing = [package for program, package in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: apt-get install {' '.join(missing)}")
    assert "`virt-host-validate qemu`: secure guests" in _PAGE
