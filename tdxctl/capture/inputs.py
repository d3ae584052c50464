# SPDX-License-Identifier: Apache-2.0
"""Files of any kind: what each is, found out from what is in it, and what it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from tdxctl.capture.acpi import has_tables, tables_of
from tdxctl.capture.bootlog import BootLog, parse_log
from tdxctl.capture.bundles import MAX_FILE, files_of_archive, files_of_folder, is_archive
from tdxctl.capture.dmesg import read_dmesg
from tdxctl.capture.files import read_file, shown
from tdxctl.capture.findings import Findings
from tdxctl.capture.foreign import named
from tdxctl.capture.host_texts import HostText, Line
from tdxctl.capture.iomem import is_iomem, read_iomem
from tdxctl.capture.lscpu import read_cpuinfo, read_lscpu
from tdxctl.capture.sysfs import is_sysfs, read_sysfs
from tdxctl.capture.tables import findings_of
from tdxctl.capture.text import decode, plain_lines, refuse_other_files
from tdxctl.capture.transcripts import read_transcript
from tdxctl.errors import FirmwareDataError, TdxctlError
from tdxctl.messages.reading import read
from tdxctl.units import counted, printable

#: An archive may have this many bytes.
_MAX_ARCHIVE = 512 << 20
_NAMED = 8
_HINT = (
    "a kernel's log, ACPI tables, /proc/iomem, /proc/cpuinfo, lscpu, rdmsr, files of /sys, or an "
    "archive or a folder of them"
)


@dataclass(frozen=True, slots=True)
class Input:
    """What a file shows. log: the boot in it. is_report: its log stands in a system report."""

    name: str
    log: BootLog | None = None
    texts: tuple[HostText, ...] = ()
    findings: tuple[Findings, ...] = ()

    @property
    def shows(self) -> Iterator[Findings]:
        """All of it, the log first."""
        if self.log is not None:
            yield read_dmesg(self.log)
        yield from self.findings
        for text in self.texts:
            yield text.findings


def read_inputs(paths: tuple[str, ...], *, boot: int | None = None) -> list[Input]:
    """What files, archives and folders show, those that show something.

    Raises UsageError where one cannot be read or has no boot of that number, FirmwareDataError
    where one is damaged, or shows nothing that is read.
    """
    return [found for path in paths for found in _read(path, boot)]


def _read(path: str, boot: int | None) -> list[Input]:
    if os.path.isdir(path):
        if is_sysfs(path):
            return [Input(path, findings=tuple(read_sysfs(path)))]
        return _bundle(files_of_folder(path), path, boot)
    data = read_file(path, _MAX_ARCHIVE)
    if is_archive(data):
        return _bundle(files_of_archive(data, path), path, boot)
    if len(data) > MAX_FILE:
        detail = f"more than {MAX_FILE >> 20} MiB"
        raise FirmwareDataError("is too large", file=shown(path), detail=detail)
    return [read_bytes(data, shown(path), boot=boot)]


def _bundle(files: Iterator[tuple[str, bytes]], path: str, boot: int | None) -> list[Input]:
    found: list[Input] = []
    seen = 0
    for name, data in _unpacked(files):
        seen += 1
        try:
            found.append(read_bytes(data, name, boot=boot))
        except TdxctlError:
            continue  # a bundle holds a lot that shows nothing
    if not found:
        detail = f"{counted(seen, 'file')} of a name that tells something, none that shows any"
        raise FirmwareDataError(
            "holds nothing that is read", file=shown(path), detail=detail, hint=_HINT
        )
    return found


def _unpacked(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    # The files of a bundle; those that are compressed, one by one, as what they hold: rotated logs.
    left = _MAX_ARCHIVE
    for name, data in files:
        if not is_archive(data) or left <= 0:
            yield name, data
            continue
        try:
            for inner, content in files_of_archive(data, name):
                left -= len(content)
                yield f"{name}: {inner}" if inner not in name else name, content
                if left <= 0:
                    break
        except FirmwareDataError:
            continue


def read_bytes(data: bytes, name: str, *, boot: int | None = None) -> Input:
    """What the content of a file shows. Raises FirmwareDataError where that is nothing."""
    refuse_other_files(data, name)
    if has_tables(data):
        return Input(name, findings=tuple(findings_of(tables_of(data, name), name)))
    text = decode(data, name)
    if is_iomem(text):
        return Input(name, findings=(read_iomem(data, name),))
    lines = plain_lines(text)
    texts = _texts(lines)
    try:
        return Input(name, parse_log(text, name, boot=boot, lines=lines), texts)
    except FirmwareDataError:
        if texts:
            return Input(name, texts=texts)
        if (foreign := named(text)) is not None:
            raise FirmwareDataError(
                foreign.what, file=name, hint=f"what is needed: {foreign.instead}"
            ) from None
        raise FirmwareDataError("shows nothing that is read", file=name, hint=_HINT) from None


def best_log(inputs: list[Input]) -> tuple[Input | None, str | None]:
    """The input whose log tells most of TDX, and which others there are, a sentence."""
    logs = [found for found in inputs if found.log is not None]
    if not logs:
        return None, None
    best = max(logs, key=_tells)
    others = [printable(found.name) for found in logs if found is not best]
    if not others:
        return best, None
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return best, (
        f"of {counted(len(logs), 'log')} {printable(best.name)} tells most of TDX and is taken; "
        f"left aside: {', '.join(others[:_NAMED])}{more}"
    )


def _tells(found: Input) -> tuple[int, bool, int]:
    # Lines on TDX, whether it begins where the boot does, its length; the first of equals.
    assert found.log is not None
    lines = found.log.lines
    on_tdx = sum(bool(read(line.text)) for line in lines)
    return on_tdx, found.log.begins, len(lines)


def _texts(lines: list[Line]) -> tuple[HostText, ...]:
    readers = (read_lscpu, read_cpuinfo, read_transcript)
    return tuple(found for reader in readers if (found := reader(lines)) is not None)
