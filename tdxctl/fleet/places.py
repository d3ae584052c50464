# SPDX-License-Identifier: Apache-2.0
"""Files that are read and written: of this machine, or of an object store by its URI."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.fs as pafs

from tdxctl.errors import UsageError
from tdxctl.units import printable

#: How the names of files begin that are being written.
UNFINISHED = ".unfinished-"


class Found(NamedTuple):
    """A file: its place, its size in bytes, when it was written."""

    place: Place
    size: int
    written: int


class Place(NamedTuple):
    """A file or folder by its path or URI (s3://, gs://, hdfs://, file://)."""

    uri: str

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.uri.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.uri.rstrip("/").rpartition("/")[2]

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine."""
        return "://" not in self.uri

    @property
    def absolute(self) -> str:
        """Its path or URI for a process with another working directory."""
        return os.path.abspath(self.uri) if self.is_local else self.uri

    def __str__(self) -> str:
        return printable(self.uri)

    def _at(self) -> tuple[Any, str]:
        if self.is_local:
            return pafs.LocalFileSystem(), self.uri
        try:
            found: tuple[Any, str] = pafs.FileSystem.from_uri(self.uri)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise UsageError(f"{self}: {_first_line(error)}") from None
        return found

    def info(self) -> Found | None:
        """The file that is there; None where there is none."""
        info = self._info()
        if info.type is not pafs.FileType.File:
            return None
        return Found(self, info.size, info.mtime_ns or 0)

    def is_folder(self) -> bool:
        """Whether a folder is there."""
        kind: bool = self._info().type is pafs.FileType.Directory
        return kind

    def _info(self) -> Any:
        system, path = self._at()
        with said_as_usage(self):
            return system.get_file_info(path)

    def files(self) -> list[Found]:
        """The files in the folder, by name; those that are hidden are left out."""
        system, path = self._at()
        with said_as_usage(self):
            infos = system.get_file_info(pafs.FileSelector(path, recursive=False))
        found = [
            Found(self / info.base_name, info.size, info.mtime_ns or 0)
            for info in infos
            if info.type is pafs.FileType.File and not info.base_name.startswith((".", "_"))
        ]
        return sorted(found, key=lambda each: each.place.name)

    def open(self) -> Any:
        """The file, to be read anywhere. Raises UsageError where it cannot be."""
        system, path = self._at()
        with said_as_usage(self):
            return system.open_input_file(path)

    def read(self) -> bytes:
        """All of the file."""
        with self.open() as file:
            data: bytes = file.read()
        return data

    def make_folder(self) -> None:
        """The folder, and those that it is in."""
        system, path = self._at()
        system.create_dir(path, recursive=True)

    def delete(self) -> None:
        """The file, or the folder with all that is in it, is gone; or was."""
        system, path = self._at()
        kind = system.get_file_info(path).type
        if kind is pafs.FileType.Directory:
            system.delete_dir(path)
        elif kind is pafs.FileType.File:
            system.delete_file(path)

    def write(self, fill: Callable[[Any], None]) -> None:
        """The file, whole or not at all: under another name until fill has filled it.

        An object store has no rename that is one step, and needs none: what is uploaded is there
        once it is closed.
        """
        system, path = self._at()
        if not isinstance(system, pafs.LocalFileSystem):
            with system.open_output_stream(path) as sink:
                fill(sink)
            return
        folder, name = os.path.split(path)
        unfinished = os.path.join(folder, f"{UNFINISHED}{secrets.token_hex(4)}-{name}")
        try:
            with system.open_output_stream(unfinished) as sink:
                fill(sink)
            os.replace(unfinished, path)
        except BaseException:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
            raise

    def clean(self) -> None:
        """What was being written to the folder when a run was killed is gone."""
        if self.is_local and os.path.isdir(self.uri):
            for name in os.listdir(self.uri):
                if name.startswith(UNFINISHED):
                    os.unlink(os.path.join(self.uri, name))


@contextmanager
def said_as_usage(place: Place) -> Iterator[None]:
    """What cannot be read there is told as a wrong command line."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{place}: no such file or folder") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"{place}: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
