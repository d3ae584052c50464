# SPDX-License-Identifier: Apache-2.0
"""Linux's errno numbers. The standard library's are those of the host, and macOS differs."""

from __future__ import annotations

from enum import IntEnum


class Errno(IntEnum):
    """include/uapi/asm-generic/errno-base.h and errno.h: what a kernel function can return."""

    EPERM = 1
    ENOENT = 2
    EINTR = 4
    EIO = 5
    E2BIG = 7
    EAGAIN = 11
    ENOMEM = 12
    EACCES = 13
    EFAULT = 14
    EBUSY = 16
    EEXIST = 17
    ENODEV = 19
    EINVAL = 22
    ENOSPC = 28
    ERANGE = 34
    ENOSYS = 38
    EOPNOTSUPP = 95
    ETIMEDOUT = 110

    @classmethod
    def parse(cls, value: int | str) -> Errno:
        """An errno from its name or its number of either sign. Raises ValueError."""
        if isinstance(value, str):
            try:
                return cls[value.strip().removeprefix("-").upper()]
            except KeyError:
                pass
            try:
                value = int(value)
            except ValueError:
                raise ValueError("is not the name of an errno") from None
        try:
            return cls(abs(value))
        except ValueError:
            raise ValueError("is not an errno that tdxctl knows") from None


def errno_name(returned: int) -> str | None:
    """The errno's name for a kernel function's return value, None for success."""
    if returned == 0:
        return None
    try:
        return Errno(-returned).name
    except ValueError:
        return f"errno {-returned}"
