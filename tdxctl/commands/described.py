# SPDX-License-Identifier: Apache-2.0
"""The description that --platform and --set name."""

from __future__ import annotations

from tdxctl.platform.description import Platform


def described(platform: str, settings: tuple[str, ...]) -> Platform:
    """The description that --platform and --set name."""
    from tdxctl.platform.shipped import resolve

    path = resolve(platform)
    from tdxctl.platform.load import load_file

    return load_file(path, settings)
