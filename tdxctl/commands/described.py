# SPDX-License-Identifier: Apache-2.0
"""The description that --platform and --set name, read and checked or known from before."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.platform.description import Platform
    from tdxctl.store import Compiled


def described(platform: str, settings: tuple[str, ...]) -> Platform:
    """The description that --platform and --set name; reads what is stored, writes nothing."""
    return compiled(platform, settings)[0]


def compiled(platform: str, settings: tuple[str, ...]) -> tuple[Platform, Compiled]:
    """The description that --platform and --set name, and what the store is to keep of it."""
    from tdxctl import store
    from tdxctl.platform import compiled as known
    from tdxctl.platform.shipped import resolve
    from tdxctl.platform.text import read_text
    from tdxctl.progress import shown

    text = read_text(resolve(platform))
    key = known.key_of(text, settings)
    stored = store.known_text(key)
    if stored is not None and (found := known.from_text(stored)) is not None:
        return _noted(found), store.Compiled(key, None)
    from tdxctl.platform.load import load_text

    with shown("reading the description"):
        loaded = load_text(text, settings)
    return _noted(loaded), store.Compiled(key, known.to_text(loaded))


def described_anew(platform: str, settings: tuple[str, ...]) -> Platform:
    """The description that --platform and --set name, without any stored state."""
    from tdxctl.platform.load import load_text
    from tdxctl.platform.shipped import resolve
    from tdxctl.platform.text import read_text
    from tdxctl.progress import shown

    text = read_text(resolve(platform))
    with shown("reading the description"):
        return _noted(load_text(text, settings))


def _noted(platform: Platform) -> Platform:
    # What it leaves open, and what is assumed, is said on standard error.
    from tdxctl.platform.assumed import assumed_release

    if (assumed := assumed_release(platform)) is not None:
        sys.stderr.write(f"note: {assumed}\n")
    return platform
