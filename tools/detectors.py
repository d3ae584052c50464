# SPDX-License-Identifier: Apache-2.0
"""docs/detectors.md: what programs that look for TDX say on hosts that are ready, and that fail.

    python -m tools.detectors

Every packaged program that it names has to be installed, and bubblewrap or user namespaces.
"""

from __future__ import annotations

from pathlib import Path

from tests.rootfs.detectors import DETECTORS, RELEASES, table

PAGE = Path(__file__).parent.parent / "docs" / "detectors.md"

_HEAD = """\
# What detectors of TDX say

Programs find out in many ways whether a host can run TDs. Here each way is tried under
[`tdxctl run`](hosts.md) on a host that is ready, and on hosts whose bring-up fails at one of five
stages, of three releases: *right* where it says what the host is, *wrong* where it says otherwise,
*silent* where it says nothing of TDX. Lines for a shell are written after somebody's documentation,
and are none of their programs; packaged programs are Debian's, run as they are.

* Flags of the CPU, the boot's line and MSRs tell of firmware. They are there on every host whose
  BIOS has TDX on, whatever becomes of it.
* A line of success is right until its words change: 7.1 prints `TDX-Module initialized`.
* What KVM says of itself, its parameter `tdx` and the line `tdx` in `misc.capacity`, is right on
  all of these.

Made by `python -m tools.detectors`; a test compares.
"""


def page() -> str:
    """The page."""
    tables = ("\n".join([f"## Linux {release}\n", *table(release), ""]) for release in RELEASES)
    parts = [_HEAD, *tables]
    rows = [
        f"| {d.title} | `{d.line.replace('|', chr(92) + '|')}` | {d.after} |" for d in DETECTORS
    ]
    parts.append("\n".join(["## The lines\n", "| | line | after |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
