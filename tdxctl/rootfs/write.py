# SPDX-License-Identifier: Apache-2.0
"""A root into a folder: never outside it, and nothing of anybody else's in it is touched.

Every folder on the way to a file is opened by its name in the one before, never through a symbolic
link.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable

from tdxctl.errors import UsageError
from tdxctl.rootfs.tree import File, Files, Link
from tdxctl.units import printable

#: What a root says of itself, and by what one that tdxctl wrote is known.
HOST = "host.json"
_SCHEMA = "tdxctl.root/1"
_LARGEST_HOST = 64 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def write_root(folder: str, files: Iterable[Files], host: str) -> None:
    """Write files and host, the text of host.json, into folder, which is made where it is not.

    A folder that tdxctl wrote before becomes equal to one that is new; files in it that it did not
    write stay. Raises UsageError for a folder that is not empty and none of tdxctl's, and for one
    with symbolic links that lead out of it; OSError where it cannot be written.
    """
    entries = {entry.path: entry for part in files for entry in part.entries}
    os.makedirs(folder, exist_ok=True)
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        before = _patterns(root, folder)
        if before is not None:
            _clean(root, folder, before, entries.keys())
        # First, so that a root of which half was written is known as one.
        _write(root, HOST, File(HOST, f"{host}\n".encode(), 0o644))
        of_folder: dict[str, list[File | Link]] = {}
        for path, entry in entries.items():
            of_folder.setdefault(os.path.dirname(path), []).append(entry)
        for path, here in of_folder.items():
            descriptor = _opened(root, path, folder)
            try:
                for entry in here:
                    _write(descriptor, os.path.basename(entry.path), entry)
            finally:
                os.close(descriptor)
    finally:
        os.close(root)


def _patterns(root: int, folder: str) -> re.Pattern[str] | None:
    # What the folder's host.json says that tdxctl wrote; None in an empty folder.
    if not os.listdir(root):
        return None
    refused = UsageError(
        f"'{printable(folder)}' is not empty, and no root that tdxctl wrote",
        hint="a new folder, or one that `tdxctl root` made",
    )
    try:
        descriptor = os.open(HOST, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=root)
    except OSError:
        raise refused from None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refused
        data = file.read(_LARGEST_HOST)
    try:
        host = json.loads(data)
        if host["schema"] != _SCHEMA:
            raise refused
        patterns = [str(part["path"]) for part in host["files"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refused from None
    escaped = (re.escape(pattern).replace(r"\*", "[^/]*") for pattern in patterns)
    return re.compile("|".join(escaped)) if patterns else re.compile(r"(?!)")


def _clean(root: int, folder: str, before: re.Pattern[str], wanted: Iterable[str]) -> None:
    # Takes away what was written before and is not wanted now. Raises UsageError for links that
    # lead out of the folder, before anything is taken away.
    wanted = set(wanted)
    gone: list[str] = []
    for path, _, names, descriptor in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        here = os.path.normpath(path)
        for name in [*names, *_]:
            whole = name if here == "." else f"{here}/{name}"
            _refuse_escape(descriptor, name, whole, folder)
            if whole not in wanted and before.fullmatch(whole):
                gone.append(whole)
    for path in gone:
        descriptor = _opened(root, os.path.dirname(path), folder)
        try:
            if not stat.S_ISDIR(os.lstat(os.path.basename(path), dir_fd=descriptor).st_mode):
                os.unlink(os.path.basename(path), dir_fd=descriptor)
        finally:
            os.close(descriptor)
        _remove_empty(root, os.path.dirname(path))


def _remove_empty(root: int, path: str) -> None:
    while path:
        try:
            os.rmdir(path, dir_fd=root)
        except OSError:
            return
        path = os.path.dirname(path)


def _refuse_escape(descriptor: int, name: str, path: str, folder: str) -> None:
    try:
        target = os.readlink(name, dir_fd=descriptor)
    except OSError:
        return  # no link
    lands = os.path.normpath(os.path.join(os.path.dirname(path), target))
    if os.path.isabs(target) or lands.split("/")[0] == "..":
        raise UsageError(
            f"'{printable(os.path.join(folder, path))}' is a symbolic link out of the folder",
            hint="remove it: nothing is written while it is there",
        )


def _opened(root: int, path: str, folder: str) -> int:
    # The folder at path, made where it is not. The caller closes it.
    descriptor = os.dup(root)
    for name in filter(None, path.split("/")):
        try:
            try:
                below = os.open(name, _FOLDER, dir_fd=descriptor)
            except FileNotFoundError:
                os.mkdir(name, 0o755, dir_fd=descriptor)
                below = os.open(name, _FOLDER, dir_fd=descriptor)
        except NotADirectoryError:
            raise UsageError(
                f"'{printable(os.path.join(folder, path))}' leads through something that is no "
                "folder",
                hint="remove it: nothing is written through a symbolic link",
            ) from None
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _write(descriptor: int, name: str, entry: File | Link) -> None:
    # What stands there already as it is to be stays.
    if isinstance(entry, Link):
        try:
            os.symlink(entry.target, name, dir_fd=descriptor)
        except FileExistsError:
            if not _links_to(descriptor, name, entry.target):
                os.unlink(name, dir_fd=descriptor)
                os.symlink(entry.target, name, dir_fd=descriptor)
        return
    try:
        file = _created(descriptor, name)
    except FileExistsError:
        if _is_equal(descriptor, name, entry):
            return
        os.unlink(name, dir_fd=descriptor)
        file = _created(descriptor, name)
    try:
        data = memoryview(entry.data)
        while data:
            data = data[os.write(file, data) :]
        os.fchmod(file, entry.mode)
    finally:
        os.close(file)


def _created(descriptor: int, name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=descriptor)


def _links_to(descriptor: int, name: str, target: str) -> bool:
    try:
        return os.readlink(name, dir_fd=descriptor) == target
    except OSError:
        return False


def _is_equal(descriptor: int, name: str, entry: File) -> bool:
    seen = os.lstat(name, dir_fd=descriptor)
    if not stat.S_ISREG(seen.st_mode) or seen.st_size != len(entry.data):
        return False
    if stat.S_IMODE(seen.st_mode) != entry.mode or seen.st_nlink != 1:
        return False
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
    except OSError:
        return False
    with open(file, "rb") as opened:
        return opened.read() == entry.data
