# SPDX-License-Identifier: Apache-2.0
"""A host as files of any kind show it: a log, and what stands beside it."""

from __future__ import annotations

from typing import NamedTuple

from tdxctl.capture.bootlog import BootLog, parse_log
from tdxctl.capture.host_texts import HostText
from tdxctl.capture.inputs import best_log, read_inputs
from tdxctl.errors import FirmwareDataError, UsageError
from tdxctl.units import printable


class Host(NamedTuple):
    """log: empty where no file has one. notes: to whoever gave the files."""

    log: BootLog
    texts: tuple[HostText, ...]
    notes: tuple[str, ...]


def shown_host(files: tuple[str, ...], boot: int | None) -> Host:
    """What the files show of a bring-up.

    Raises UsageError where one cannot be read, FirmwareDataError where one is damaged or where
    they show nothing of it.
    """
    if files.count("-") > 1:
        raise UsageError("standard input can be one file only")
    inputs = read_inputs(files, boot=boot)
    best, note = best_log(inputs)
    texts = tuple(text for found in inputs for text in found.texts)
    if best is None and not texts:
        raise FirmwareDataError(
            "shows nothing of a bring-up",
            file=inputs[0].name,
            detail="it has tables or a memory map",
            hint="tdxctl capture makes a description of it; diagnose wants the kernel's log",
        )
    notes = [] if note is None else [note]
    bundled = [
        found.name for found in inputs if found.name not in files and found.name != "<stdin>"
    ]
    if bundled and note is None:
        notes.append(f"read: {', '.join(map(printable, bundled[:8]))}")
    log = best.log if best is not None else None
    if log is None:
        log = parse_log("", inputs[0].name, of_a_kernel=False)
    return Host(log, texts, tuple(notes))
