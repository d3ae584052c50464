# SPDX-License-Identifier: Apache-2.0
"""The kinds of sources a platform is captured from, each with what reads it."""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.capture.bootlog import MAX_LOG_SIZE, read_log
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.files import read_file, shown
from tdxctl.capture.findings import Findings
from tdxctl.capture.inputs import best_log, read_inputs
from tdxctl.capture.iomem import read_iomem
from tdxctl.capture.live import read_live
from tdxctl.capture.merge import merge
from tdxctl.capture.sysfs import read_sysfs
from tdxctl.capture.system_report import read_report
from tdxctl.capture.tables import table_findings
from tdxctl.capture.write import write_description

_MAX_TEXT = 16 << 20


#: What a file is named with that is given without an option.
FILE = "FILE"


def _dmesg(path: str, boot: int | None) -> list[Findings]:
    return [read_dmesg(read_log(read_file(path, MAX_LOG_SIZE), shown(path), boot=boot))]


def _file(path: str, boot: int | None) -> list[Findings]:
    inputs = read_inputs((path,), boot=boot)
    best, note = best_log(inputs)
    found = [part for one in inputs if one.log is None or one is best for part in one.shows]
    return [*found, Findings(source=found[0].source, warnings=(note,))] if note else found


def _iomem(path: str) -> list[Findings]:
    return [read_iomem(read_file(path, _MAX_TEXT), shown(path))]


def _report(path: str) -> list[Findings]:
    return [read_report(read_file(path, _MAX_TEXT), shown(path))]


#: Option -> what its file or folder shows.
READERS: dict[str, Callable[[str], list[Findings]]] = {
    "--acpi": table_findings,
    "--iomem": _iomem,
    "--sysfs": read_sysfs,
    "--system-report": _report,
    "--live": lambda _: read_live(),
}
# What may hold several boots of which one is asked for.
_OF_A_BOOT = {FILE: _file, "--dmesg": _dmesg}


def _read(option: str, path: str, boot: int | None) -> list[Findings]:
    if option in _OF_A_BOOT:
        return _OF_A_BOOT[option](path, boot)
    return READERS[option](path)


def capture(
    sources: list[tuple[str, str]],
    *,
    name: str,
    assume_tdx: bool = False,
    boot: int | None = None,
    source: str | None = None,
    description: str | None = None,
) -> tuple[str, tuple[str, ...]]:
    """The description of what (option, path) sources show, and warnings.

    boot: of a log that holds several. source, description: where they are from, and what machine
    it is, in the user's words. Raises UsageError where one cannot be read, FirmwareDataError where
    one cannot be parsed.
    """
    findings = [found for option, path in sources for found in _read(option, path, boot)]
    captured = merge(findings, assume_tdx=assume_tdx)
    options = " ".join([option for option, _ in sources] + ["--assume-tdx"] * assume_tdx)
    text = write_description(
        captured, name=name, options=options, source=source, description=description
    )
    return text, captured.warnings
