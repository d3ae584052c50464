# SPDX-License-Identifier: Apache-2.0
"""Kernels that are not tdxctl's own: a class in a file, or one that an installed package offers.

A file runs as the user's own code, so that only a command line names one: never a description, a
scenario or a stored machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os

from tdxctl.errors import UsageError
from tdxctl.linux.engines import kernel_class
from tdxctl.linux.kernel import Kernel
from tdxctl.linux.releases import RELEASE_OF, KernelId
from tdxctl.units import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

#: Packages register a class under it: NAME = "PACKAGE.MODULE:CLASS".
ENTRY_POINTS = "tdxctl.kernels"
_NAME = "tdxctl_own_kernel"


def of_file(text: str) -> KernelId:
    """The kernel that FILE.py:Class is; the file is run.

    Raises UsageError for a file that cannot be run, and for a class that is no kernel.
    """
    path, _, name = text.rpartition(":")
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot read '{printable(path)}': {reason}") from None
    module = _run(path, source)
    return _kernel(getattr(module, name, None), name, printable(os.path.basename(path)), source)


def of_class(kernel: type[Kernel]) -> KernelId:
    """The kernel that a class is. Raises UsageError for one that cannot be booted."""
    return _kernel(kernel, kernel.__name__, kernel.__module__, _source(kernel))


def of_entry_point(name: str) -> KernelId | None:
    """The kernel that an installed package offers under that name; None where none does."""
    from importlib.metadata import entry_points

    found = next(iter(entry_points(group=ENTRY_POINTS, name=name)), None)
    if found is None:
        return None
    try:
        offered = found.load()
    except Exception as error:
        raise UsageError(f"kernel '{printable(name)}' cannot be loaded: {_said(error)}") from error
    where = f"the package that offers '{printable(name)}'"
    return _kernel(offered, name, where, _source(offered), offered_as=name)


def _source(found: object) -> bytes:
    try:
        return inspect.getsource(inspect.getmodule(found) or type(found)).encode()
    except (OSError, TypeError):
        return b""


def _run(path: str, source: bytes) -> ModuleType:
    spec = importlib.util.spec_from_loader(_NAME, loader=None, origin=path)
    assert spec is not None, "a module without a loader has a specification"
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except Exception as error:
        raise UsageError(
            f"'{printable(path)}' cannot be run: {_said(error)}",
            hint="it is Python, run as it stands: try it with python itself",
        ) from error
    return module


def _kernel(
    found: object, name: str, where: str, source: bytes, offered_as: str | None = None
) -> KernelId:
    if not inspect.isclass(found):
        raise UsageError(f"{where} has no class {printable(name)}")
    if not issubclass(found, Kernel):
        raise UsageError(
            f"{printable(name)} of {where} is no kernel",
            hint="its base is a class such as tdxctl.linux.v5.V5: docs/your-own-kernel.md",
        )
    release = RELEASE_OF.get(found.RELEASE or "")
    if release is None:
        raise UsageError(
            f"{printable(name)} of {where} does not say which release it is on",
            hint=f'RELEASE = "v5-posted", or another of {", ".join(RELEASE_OF)}',
        )
    base = KernelId(release.id, release.title, release.date, release)
    if not issubclass(found, kernel_class(base)):
        raise UsageError(
            f"{printable(name)} of {where} is on {release.id}, and its base is not",
            hint=f"the base for {release.id} is {_dotted(kernel_class(base))}",
        )
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise UsageError(f"{printable(name)} of {where} lacks {missing}")
    digest = hashlib.sha256(source).hexdigest()
    return base._replace(
        id=offered_as or f"{release.id}:{found.__name__}",
        title=f"{found.__name__}, a kernel of your own on {release.title}",
        own=found,
        digest=digest,
    )


def _dotted(kernel: type[Kernel]) -> str:
    return f"{kernel.__module__}.{kernel.__name__}"


def _said(error: Exception) -> str:
    return printable(f"{type(error).__name__}: {error}")
