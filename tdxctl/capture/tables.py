# SPDX-License-Identifier: Apache-2.0
"""The ACPI tables that show something of a machine: MADT and SRAT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tdxctl.capture.acpi import AcpiTable, read_tables
from tdxctl.capture.findings import Findings
from tdxctl.capture.madt import madt_findings
from tdxctl.capture.srat import srat_findings
from tdxctl.errors import FirmwareDataError

_READERS = {"APIC": madt_findings, "SRAT": srat_findings}
#: So many tables that are skipped are named.
_NAMED = 8


def table_findings(path: str) -> list[Findings]:
    """What the MADT and the SRAT in a file or folder show; of several of a kind, the first whole.

    Other tables, and one of the two where the other can be read, are skipped whatever is wrong
    with them, and warnings say so. Raises UsageError where path cannot be read, FirmwareDataError
    where neither can.
    """
    return findings_of(read_tables(path), path)


def findings_of(tables: list[AcpiTable], path: str) -> list[Findings]:
    """The same of tables. Raises FirmwareDataError."""
    needed = [table for table in tables if table.signature in _READERS]
    if not needed:
        names = ", ".join(dict.fromkeys(table.signature for table in tables))
        raise FirmwareDataError(
            "holds neither a MADT nor a SRAT",
            file=path,
            detail=f"got {names}",
            hint="the MADT's signature is APIC",
        )
    found: dict[str, Findings] = {}
    errors: list[FirmwareDataError] = []
    for table in needed:
        if table.signature in found:
            continue
        try:
            found[table.signature] = _READERS[table.signature](table)
        except FirmwareDataError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    notes = tuple(_notes(tables, needed, errors))
    shown = [found[signature] for signature in sorted(found)]
    return [*shown, Findings(source="the ACPI tables", warnings=notes)] if notes else shown


def _notes(
    tables: list[AcpiTable], needed: list[AcpiTable], errors: list[FirmwareDataError]
) -> Iterator[str]:
    for error in errors:
        yield f"a table is not read: {_first_line(error)}"
    for name, count in sorted(Counter(table.signature for table in needed).items()):
        if count > 1:
            first = "the first that can be read" if errors else "the first"
            yield f"{count} {name} tables: {first} is taken"
    skipped = [table for table in tables if table.problem and table.signature not in _READERS]
    for table in skipped[:_NAMED]:
        assert table.problem is not None
        yield f"a damaged table that is not needed is skipped: {_first_line(table.problem)}"
    if len(skipped) > _NAMED:
        yield f"{len(skipped) - _NAMED} more damaged tables that are not needed are skipped"


def _first_line(error: FirmwareDataError) -> str:
    problem = error.diagnostics()[0]
    return problem.summary + (f" ({problem.detail})" if problem.detail else "")
