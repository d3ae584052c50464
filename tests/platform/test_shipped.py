# SPDX-License-Identifier: Apache-2.0
"""The shipped platforms do what platforms/README.md says."""

from __future__ import annotations

import re

import pytest

from tdxctl import Machine, Platform
from tdxctl.errnos import errno_name
from tdxctl.errors import NotModelledError
from tdxctl.platform import shipped
from tests.cli.runner import ROOT

README = ROOT / "platforms" / "README.md"
# | name | kernel | returned | status | PAMT KiB |
ROW = re.compile(
    r"^\| `(?P<name>[^`]+)` \| `(?P<kernel>[^`]+)` \| (?P<returned>[^|]+) \| (?P<status>[A-Z_-]+) "
    r"\| (?P<kib>[^|]+) \|",
    re.MULTILINE,
)
ROWS = [match.groupdict() for match in ROW.finditer(README.read_text())]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}-{row['kernel']}")
def test_the_outcome_is_the_one_listed(row: dict[str, str]) -> None:
    machine = Machine.boot(Platform.load(shipped.path_of(row["name"])), kernel=row["kernel"])
    if row["returned"].strip() == "not modelled":
        with pytest.raises(NotModelledError):
            machine.tdx_init()
        assert (row["status"], row["kib"].strip()) == ("-", "-")
        return
    result = machine.tdx_init()
    errno = errno_name(result.returned)
    assert (f"-{errno}" if errno else "0") == row["returned"].strip()
    assert result.status == row["status"]
    kib = str(machine.pamt_bytes >> 10) if result.returned == 0 else "-"
    assert kib == row["kib"].strip()


def test_every_platform_is_listed_under_each_of_the_kernels_listed() -> None:
    """Expect the patches, and the oldest, the workaround's, a present and the next mainline."""
    kernels = ("v5", "v5-posted", "6.8", "6.8+cmr-walk", "6.18", "7.2+dynamic-pamt")
    listed = [(row["name"], row["kernel"]) for row in ROWS]
    assert sorted(listed) == sorted((name, one) for name in shipped.names() for one in kernels)


@pytest.mark.parametrize("name", shipped.names())
def test_a_platform_says_where_it_comes_from_and_what_is_assumed(name: str) -> None:
    text = (ROOT / "platforms" / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=platform-1.schema.json\n")
    header = text.split("schema:")[0]
    assert "TDX firmware" in header or "Assumed" in header
    assert Platform.load(ROOT / "platforms" / f"{name}.yaml").name == name
