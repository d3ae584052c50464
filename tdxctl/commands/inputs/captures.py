# SPDX-License-Identifier: Apache-2.0
"""What a real host shows, as a description that loads."""

from __future__ import annotations

from pathlib import PurePath

from tdxctl.capture.sources import capture
from tdxctl.errors import DescriptionError, FirmwareDataError, UsageError
from tdxctl.platform.load import load_yaml
from tdxctl.units import is_name, printable


def captured_description(
    sources: list[tuple[str, str]],
    name: str | None,
    output: str,
    said: dict[str, str | None],
    *,
    assume_tdx: bool,
    boot: int | None = None,
) -> tuple[str, list[str]]:
    """The description's text, and notes to whoever captures. Raises UsageError.

    said: `source` and `description`, in the user's words.
    """
    if not sources:
        raise UsageError(
            "nothing to capture from",
            hint="FILE of any kind, --dmesg FILE, --acpi FILE, --iomem FILE, --sysfs DIR, "
            "--system-report FILE or --live",
        )
    if [path for _, path in sources].count("-") > 1:
        raise UsageError("standard input can be one source only")
    if name is None:
        stem = PurePath(output).stem
        name = stem if is_name(stem) else "captured"
    elif not is_name(name):
        raise UsageError(
            f"not a platform's name: '{printable(name)}'",
            hint="1 to 64 letters, digits, dots, underscores and hyphens",
        )
    text, warnings = capture(sources, name=name, assume_tdx=assume_tdx, boot=boot, **said)
    try:
        load_yaml(text)
    except DescriptionError as error:
        problem = error.problems[0]
        raise FirmwareDataError(
            "shows a platform that cannot be described",
            file=sources[0][1],
            detail=f"{problem.path}: {problem.summary}",
        ) from None
    return text, [printable(warning) for warning in warnings]
