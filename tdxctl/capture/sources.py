# SPDX-License-Identifier: Apache-2.0
"""The kinds of sources a platform is captured from, each with what reads it."""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.capture.bootlog import MAX_LOG_SIZE, read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.files import read_file, shown
from tdxctl.capture.findings import Findings
from tdxctl.capture.iomem import read_iomem
from tdxctl.capture.live import read_live
from tdxctl.capture.merge import merge
from tdxctl.capture.sysfs import read_sysfs
from tdxctl.capture.system_report import read_report
from tdxctl.capture.tables import table_findings
from tdxctl.capture.write import write_description

_MAX_TEXT = 16 << 20


def _dmesg(path: str) -> list[Findings]:
    return [read_dmesg(read_log(read_file(path, MAX_LOG_SIZE), shown(path)))]


def _iomem(path: str) -> list[Findings]:
    return [read_iomem(read_file(path, _MAX_TEXT), shown(path))]


def _report(path: str) -> list[Findings]:
    return [read_report(read_file(path, _MAX_TEXT), shown(path))]


#: Option -> what its file or folder shows.
READERS: dict[str, Callable[[str], list[Findings]]] = {
    "--dmesg": _dmesg,
    "--acpi": table_findings,
    "--iomem": _iomem,
    "--sysfs": read_sysfs,
    "--system-report": _report,
    "--live": lambda _: read_live(),
}


def capture(
    sources: list[tuple[str, str]],
    *,
    name: str,
    assume_tdx: bool = False,
    source: str | None = None,
    description: str | None = None,
) -> tuple[str, tuple[str, ...]]:
    """The description of what (option, path) sources show, and warnings.

    source, description: where they are from, and what machine it is, in the user's words. Raises
    UsageError where one cannot be read, FirmwareDataError where one cannot be parsed.
    """
    findings = [found for option, path in sources for found in READERS[option](path)]
    captured = merge(findings, assume_tdx=assume_tdx)
    options = " ".join([option for option, _ in sources] + ["--assume-tdx"] * assume_tdx)
    text = write_description(
        captured, name=name, options=options, source=source, description=description
    )
    return text, captured.warnings
