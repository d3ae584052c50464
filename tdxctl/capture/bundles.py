# SPDX-License-Identifier: Apache-2.0
"""Archives and folders of support tools: the files in them that show something of a host."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tdxctl.capture.files import shown
from tdxctl.errors import FirmwareDataError

if TYPE_CHECKING:
    from tarfile import TarFile

    from _typeshed import WriteableBuffer

#: So much of an archive is unpacked at most, and so much of a file in it or in a folder is read.
MAX_UNPACKED = 1 << 30
MAX_FILE = 64 << 20
_MAX_FILES = 20000
_CHUNK = 1 << 20
# Files by name, as sosreport, crash dumps, acpidump -b and people call them.
_TELLING = re.compile(
    r"(?:^|/)(?:[\w.-]*(?:dmesg|kern\.log|kmsg|journal|console|serial|boot\.log|vmcore-)[\w.-]*"
    r"|messages[\w.-]*|syslog[\w.-]*|lscpu[\w.-]*|cpuinfo|cmdline|uname[\w.-]*|iomem"
    r"|acpidump[\w.-]*|APIC|SRAT|apic\.dat|srat\.dat|[\w.-]*rdmsr[\w.-]*"
    r"|[\w-]+\.(?:log|dmesg|txt|out|eml|mbox)(?:\.[\w.-]{1,20})?)$",
    re.IGNORECASE,
)
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257


def is_archive(data: bytes) -> bool:
    """Whether data is an archive, or one file that is compressed."""
    return (
        data.startswith((b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"PK\x03\x04"))
        or data[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == _TAR_MAGIC
    )


def files_of_archive(data: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of what tells in an archive; of a compressed file, what it holds.

    Raises FirmwareDataError where it is damaged, or unpacks to more than MAX_UNPACKED.
    """
    import lzma
    import tarfile
    import zipfile
    import zlib

    name = shown(path)
    try:
        if data.startswith(b"PK\x03\x04"):
            yield from _of_zip(data)
            return
        stream = _unpacked(data)
        head = stream.peek(512)[:512]
        if head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == _TAR_MAGIC:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                yield from _of_tar(tar)
        else:
            yield re.sub(r"\.(?:gz|xz|bz2)$", "", name), stream.read(MAX_FILE)
    except (
        OSError,
        EOFError,
        lzma.LZMAError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise FirmwareDataError(
            "cannot be unpacked", file=name, detail=str(error).lower() or type(error).__name__
        ) from None


class _Bounded(io.RawIOBase):
    # What is read of a stream, up to MAX_UNPACKED bytes.
    def __init__(self, inner: Callable[[int], bytes]) -> None:
        self._read, self._left = inner, MAX_UNPACKED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._read(min(len(view), _CHUNK))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"more than {MAX_UNPACKED >> 30} GiB when it is unpacked")
        view[: len(data)] = data
        return len(data)


def _unpacked(data: bytes) -> io.BufferedReader:
    import bz2
    import gzip
    import lzma

    raw = io.BytesIO(data)
    read = raw.read
    if data.startswith(b"\x1f\x8b"):
        read = gzip.GzipFile(fileobj=raw).read
    elif data.startswith(b"\xfd7zXZ"):
        read = lzma.LZMAFile(raw).read  # noqa: SIM115
    elif data.startswith(b"BZh"):
        read = bz2.BZ2File(raw).read
    return io.BufferedReader(_Bounded(read), _CHUNK)


def _of_tar(tar: TarFile) -> Iterator[tuple[str, bytes]]:
    for count, member in enumerate(tar):
        if count >= _MAX_FILES:
            return
        if member.isfile() and member.size <= MAX_FILE and _TELLING.search(member.name):
            file = tar.extractfile(member)
            if file is not None:
                yield member.name, file.read()


def _of_zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    import zipfile

    left = MAX_UNPACKED
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist()[:_MAX_FILES]:
            if info.is_dir() or info.file_size > MAX_FILE or not _TELLING.search(info.filename):
                continue
            with archive.open(info) as file:
                content = file.read(MAX_FILE)
            left -= len(content)
            if left < 0:
                raise ValueError(f"more than {MAX_UNPACKED >> 30} GiB when it is unpacked")
            yield info.filename, content


def files_of_folder(folder: str) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the files in a folder, and in those below it, that tell something."""
    count = 0
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > _MAX_FILES:
                return
            path = os.path.join(base, name)
            if not _TELLING.search(path) or not os.path.isfile(path):
                continue
            try:
                if os.path.getsize(path) <= MAX_FILE:
                    with open(path, "rb") as file:
                        yield path, file.read(MAX_FILE)
            except OSError:
                continue
