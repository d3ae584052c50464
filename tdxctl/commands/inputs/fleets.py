# SPDX-License-Identifier: Apache-2.0
"""What a fleet came to, of a run's folder or of what `fleet --format json` printed."""

from __future__ import annotations

import os

import msgspec

from tdxctl.errors import UsageError
from tdxctl.report.fleets import FleetDocument
from tdxctl.units import printable

#: Of a run's folder.
SUMMARY = "summary.json"


def summary_of(path: str) -> FleetDocument:
    """The document. Raises UsageError where there is none."""
    if os.path.isdir(path):
        path = os.path.join(path, "_tdxctl", SUMMARY)
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=FleetDocument)
    except OSError as error:
        raise UsageError(f"{printable(path)}: {(error.strerror or str(error)).lower()}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{printable(path)}: is no summary of a fleet: {printable(str(error))}",
            hint="OUT of `tdxctl fleet` where that is a folder, or what --format json printed",
        ) from None
