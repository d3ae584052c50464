# SPDX-License-Identifier: Apache-2.0
"""What the shell offers at a TAB. Reads the store, waits for nobody, says nothing of errors."""

from __future__ import annotations

import os
import re

import click

from tdxctl.errors import TdxctlError
from tdxctl.units import FILE_SUFFIXES, is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_WAIT = 0.2
# What a shell takes as one word, as it stands.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9._+@-]+", re.ASCII)


def files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files, by the shell's own means."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def platforms(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped platforms and the descriptions in this folder; any file where none of them fits."""
    from tdxctl.platform import shipped

    here = []
    if "/" not in incomplete:
        here = [name for name in _listed(os.curdir) if name.endswith(FILE_SUFFIXES)]
    return _words([*shipped.names(), *here], incomplete) or files(ctx, param, incomplete)


def shipped_platforms(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Shipped platforms."""
    from tdxctl.platform import shipped

    return _words(shipped.names(), incomplete)


def module_versions(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """TDX module releases."""
    from tdxctl.seam.releases import releases

    return _words([each.version for each in releases()], incomplete)


def kernels(_ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Kernels by id and by other names, each with its title; `all` where that is the default."""
    from click.shell_completion import CompletionItem

    from tdxctl.linux.lookup import ALIASES, find_kernel
    from tdxctl.linux.releases import KERNELS

    titles = {kernel.id: kernel.title for kernel in KERNELS}
    titles |= {alias: find_kernel(alias).title for alias in ALIASES}
    if isinstance(param, click.Option) and param.default == ("all",):
        titles["all"] = "every kernel"
    return [
        CompletionItem(name, help=title)
        for name, title in titles.items()
        if name.startswith(incomplete)
    ]


def machines(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Stored machines; none where the store cannot be read at once."""
    from tdxctl.commands.inputs.stored_machines import known_machines

    try:
        names = [row.name for row in known_machines(_WAIT)]
    except TdxctlError:
        return []
    found = [name for name in names if is_name(name)]
    return _words(found, incomplete)


def explained(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Checks of `diagnose`, and the names of statuses, errnos and leaves."""
    from tdxctl.advice.checks import BY_ID
    from tdxctl.errnos import Errno
    from tdxctl.seam.codes import table
    from tdxctl.seam.leaves import Leaf
    from tdxctl.seam.status import Status

    codes = [*Status.__members__, *(code.name for code in table().status_codes)]
    codes += [*Errno.__members__, *(leaf.title for leaf in Leaf)]
    codes += [leaf.name for leaf in table().leaves]
    return _words([*BY_ID, *dict.fromkeys(codes)] if incomplete else list(BY_ID), incomplete)


def _words(words: list[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(word)
        for word in words
        if word.startswith(incomplete) and _PLAIN_WORD.fullmatch(word)
    ]


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
