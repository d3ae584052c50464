# SPDX-License-Identifier: Apache-2.0
"""The description that --platform and --set name: read and checked, or known from before."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tdxctl.platform.description import Platform
    from tdxctl.platform.text import DescriptionText
    from tdxctl.store import Compiled


def description_of(platform: str, settings: tuple[str, ...]) -> Platform:
    """The description that --platform and --set name; reads what is stored, writes nothing."""
    return known_description(platform, settings)[0]


def known_description(platform: str, settings: tuple[str, ...]) -> tuple[Platform, Compiled]:
    """The description that --platform and --set name, and what the store is to keep of it."""
    from tdxctl import store
    from tdxctl.platform import compiled as known

    text = _text_of(platform)
    key = known.key_of(text, settings)
    stored = store.known_text(key)
    if stored is not None and (found := known.from_text(stored)) is not None:
        return _noted(found), store.Compiled(key, None)
    loaded = _loaded(text, settings)
    return _noted(loaded), store.Compiled(key, known.to_text(loaded))


def description_anew(platform: str, settings: tuple[str, ...]) -> Platform:
    """The description that --platform and --set name, without any stored state."""
    return _noted(_loaded(_text_of(platform), settings))


def _text_of(platform: str) -> DescriptionText:
    from tdxctl.platform.shipped import resolve
    from tdxctl.platform.text import read_text

    return read_text(resolve(platform))


def _loaded(text: DescriptionText, settings: tuple[str, ...]) -> Platform:
    from tdxctl.platform.load import load_text
    from tdxctl.progress import shown

    with shown("reading the description"):
        return load_text(text, settings)


def _noted(platform: Platform) -> Platform:
    # What it leaves open, and what is assumed, is said on standard error.
    from tdxctl.platform.assumed import assumed_release

    if (assumed := assumed_release(platform)) is not None:
        sys.stderr.write(f"note: {assumed}\n")
    return platform
