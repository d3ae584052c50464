# SPDX-License-Identifier: Apache-2.0
"""From files and command lines to a Platform or a fault, or to every problem in them."""

from __future__ import annotations

from typing import Any

from tdxctl.errors import Diagnostic, UsageError
from tdxctl.platform.canonical import built_one_of
from tdxctl.platform.description import Platform
from tdxctl.platform.document import declared_problems, described, read_text_as
from tdxctl.platform.faults import Fault, RuntimeFault
from tdxctl.platform.implausible import warnings
from tdxctl.platform.reader import read_as
from tdxctl.platform.reading import read
from tdxctl.platform.settings import with_settings
from tdxctl.platform.source import Source, in_order
from tdxctl.platform.text import DescriptionText, read_text
from tdxctl.units import printable


def load_file(path: str, settings: tuple[str, ...] = ()) -> Platform:
    """The description in the file at path; `-` is standard input.

    settings are `PATH=VALUE` changes on top, in the order given.
    """
    return load_text(read_text(path), settings)


def load_text(text: DescriptionText, settings: tuple[str, ...] = ()) -> Platform:
    """The description that text is, with settings on top."""
    return read_text_as(Platform, text, settings)


def load_yaml(text: str) -> Platform:
    """The description in a YAML text of tdxctl's own making."""
    return platform_of(read(text.encode(), "<text>", is_json=False), default_name="text")


def from_canonical(data: dict[str, Any], settings: tuple[str, ...]) -> Platform:
    """A stored description with `PATH=VALUE` changes on top."""
    return platform_of(with_settings(Source(file=None, data=data), settings), default_name="")


def check_text(text: DescriptionText) -> tuple[str, tuple[Diagnostic, ...]]:
    """The name of the platform that text describes, and what is implausible in it.

    Raises DescriptionError with every problem.
    """
    document = read(text.data, text.shown, is_json=text.is_json)
    platform = platform_of(document, default_name=text.default_name)
    return platform.name, tuple(warnings(platform, document))


def runtime_fault(pairs: tuple[str, ...]) -> RuntimeFault:
    """The fault of `KEY=VALUE` pairs, values read as YAML. Raises UsageError."""
    for pair in pairs:
        if not pair.partition("=")[2]:
            raise UsageError(
                f"fault set takes KEY=VALUE pairs, got '{printable(pair)}'",
                hint="for example leaf=TDH.SYS.KEY.CONFIG status=TDX_KEY_GENERATION_FAILED",
            )
    document = with_settings(Source(file=None, data={}), pairs)
    given, errors = read_as(Fault, document.data)
    found = in_order((*document.problems, *declared_problems(document, errors, Fault)))
    if found:
        # On a command line a value is where its key is.
        problems = tuple(one._replace(file=None, line=None, column=None) for one in found)
        raise UsageError("\n".join(one.render() for one in problems), problems=problems)
    fault = built_one_of(Fault, given)
    if not isinstance(fault, RuntimeFault):
        raise UsageError(
            "a running machine's boot is over: boot and msr faults cannot be set",
            hint="put the fault into the description and boot",
        )
    return fault


def platform_of(document: Source, *, default_name: str) -> Platform:
    """The Platform that document describes. Raises DescriptionError with every problem."""
    return described(Platform, document, default_name=default_name)
