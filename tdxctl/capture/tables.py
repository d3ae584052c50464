# SPDX-License-Identifier: Apache-2.0
"""The ACPI tables that show something of a machine: MADT and SRAT."""

from __future__ import annotations

from tdxctl.capture.acpi import read_tables
from tdxctl.capture.findings import Findings
from tdxctl.capture.madt import madt_findings
from tdxctl.capture.srat import srat_findings
from tdxctl.errors import FirmwareDataError

_READERS = {"APIC": madt_findings, "SRAT": srat_findings}


def table_findings(path: str) -> list[Findings]:
    """What the MADT and the SRAT in a file or folder show; of several of a kind, the first.

    Raises UsageError where path cannot be read, FirmwareDataError.
    """
    tables = read_tables(path)
    first = {table.signature: table for table in reversed(tables) if table.signature in _READERS}
    if not first:
        names = ", ".join(dict.fromkeys(table.signature for table in tables))
        raise FirmwareDataError(
            "holds neither a MADT nor a SRAT",
            file=path,
            detail=f"got {names}",
            hint="the MADT's signature is APIC",
        )
    found = [_READERS[signature](table) for signature, table in sorted(first.items())]
    counts = {
        signature: sum(table.signature == signature for table in tables) for signature in first
    }
    found += [
        Findings(source="the ACPI tables", warnings=(f"{count} {name} tables: the first is taken",))
        for name, count in sorted(counts.items())
        if count > 1
    ]
    return found
