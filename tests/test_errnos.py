# SPDX-License-Identifier: Apache-2.0
"""Errnos are Linux's, whatever host tdxctl runs on."""

from __future__ import annotations

import errno
import sys

import pytest

from tdxctl.errnos import Errno, errno_name

#: Of include/linux/errno.h: the kernel's own, which no program is shown.
_OWN_OF_THE_KERNEL = {"ERESTARTSYS": 512, "EPROBE_DEFER": 517, "ENOTSUPP": 524}


@pytest.mark.skipif(sys.platform != "linux", reason="the standard library's are the host's")
def test_numbers_are_those_of_linux() -> None:
    own = {name: each.value for name, each in Errno.__members__.items()}
    assert own == {name: getattr(errno, name) for name in own.keys() - _OWN_OF_THE_KERNEL} | (
        _OWN_OF_THE_KERNEL
    )


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        ("EINVAL", Errno.EINVAL),
        (" -enodev ", Errno.ENODEV),
        ("-22", Errno.EINVAL),
        ("22", Errno.EINVAL),
        (-16, Errno.EBUSY),
        (16, Errno.EBUSY),
    ],
)
def test_an_errno_is_read_by_name_or_by_number_of_either_sign(
    written: int | str, parsed: Errno
) -> None:
    assert Errno.parse(written) is parsed


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("EWHATEVER", "is not the name of an errno"),
        ("4000", "is not an errno that tdxctl knows"),
        (0, "is not an errno that tdxctl knows"),
    ],
)
def test_what_is_no_errno_is_refused(written: int | str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        Errno.parse(written)


@pytest.mark.parametrize(
    ("returned", "name"), [(0, None), (-22, "EINVAL"), (-524, "ENOTSUPP"), (-4000, "errno 4000")]
)
def test_what_a_kernel_function_returned_has_a_name(returned: int, name: str | None) -> None:
    assert errno_name(returned) == name
