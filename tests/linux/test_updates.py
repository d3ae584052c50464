# SPDX-License-Identifier: Apache-2.0
"""A runtime update: what the kernel makes of an image, and why P-SEAMLDR refused a release."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from tdxctl.causes import BadImage, Cause, ImageFormat, SeamcallFailed
from tdxctl.events import Failure
from tdxctl.linux.parts import UpdateImage
from tdxctl.linux.seamldr import image_pages, seamldr_params
from tdxctl.linux.steps import KernelErrno
from tdxctl.linux.updates import explained
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.releases import release
from tdxctl.seam.status import Status
from tests.machines import booted

EMERALD_RAPIDS = (6, 0xCF)


@pytest.mark.parametrize(
    ("force", "returned", "cause"),
    [
        ({}, -19, "update-across-lines"),
        ({"force": False}, -19, "update-across-lines"),
        # P-SEAMLDR is asked then, and refuses: SEAMLDR_EUNSUPPORTED.
        ({"force": True}, -5, "seamcall"),
    ],
)
def test_what_is_not_on_offer_is_not_uploaded_unless_forced(
    force: dict[str, Any], returned: int, cause: str
) -> None:
    """2.0.08 on 1.5.25: expect -ENODEV, with no SEAMCALL made."""
    machine = booted("7.2", cpus={"model": "emerald-rapids"}, module={"version": "1.5.25"})
    result = machine.update_module("2.0.08", **force)
    assert result.failure is not None
    assert (result.returned, result.failure.cause.id) == (returned, cause)
    assert (result.events == ()) is (returned == -19)


@pytest.mark.parametrize(
    ("running", "asked", "status", "cause"),
    [
        # Security versions 1.11 and 1.6; equal; of another major; with a minor that is not known;
        # of a release that has none.
        ("1.5.16", "1.5.06", Status.SEAMLDR_EBADSIG, "update-svn-lower"),
        ("1.5.06", "1.5.16", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.5.06", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.05", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.05", "2.0.14", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("2.0.14", "2.0.05", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.5.06", "1.0", Status.SEAMLDR_EBADSIG, "seamcall"),
        ("1.0", "1.5.06", Status.SEAMLDR_EBADSIG, "seamcall"),
        # Handoff versions 1 and 0.
        ("1.5.24", "1.5.06", Status.SEAMLDR_EBADHANDOFF, "update-handoff"),
        ("1.5.06", "1.5.24", Status.SEAMLDR_EBADHANDOFF, "seamcall"),
        ("1.5.06", "1.5.06", Status.SEAMLDR_EBADHANDOFF, "seamcall"),
    ],
)
def test_a_refusal_is_explained_by_what_is_known_of_both(
    running: str, asked: str, status: Status, cause: str
) -> None:
    """Expect the refusal itself where the releases do not explain it."""
    refused = SeamcallFailed(Leaf.SEAMLDR_INSTALL, 0, status)
    failure = explained(
        Failure(None, refused, "EIO", "EIO"), release(running), release(asked), EMERALD_RAPIDS
    )
    assert failure is not None
    assert failure.cause.id == cause


def _image(
    *,
    version: int = 0x200,
    signature: bytes = b"TDX-BLOB",
    signature_pages: int = 1,
    module_pages: int = 496,
    behind: bytes = b"",
    pages: int | None = None,
    size: int | None = None,
) -> UpdateImage:
    header = struct.pack("<HH8sII", version, 0xBEEF, signature, signature_pages, module_pages)
    pages = 1 + signature_pages + module_pages if pages is None else pages
    return UpdateImage(header + behind, 4096 * pages if size is None else size)


@pytest.mark.parametrize(
    ("image", "pages"),
    [
        (_image(), 496),
        (_image(module_pages=1), 1),
        # No signature at all is none too many.
        (_image(signature_pages=0, module_pages=2), 2),
        (_image(module_pages=0, behind=bytes(4076)), 0),
    ],
)
def test_a_good_image_has_as_many_pages_as_its_header_says(image: UpdateImage, pages: int) -> None:
    assert image_pages(image) == pages


@pytest.mark.parametrize(
    ("image", "cause"),
    [
        (_image(version=0x100), ImageFormat(0x100, 0x200)),
        (_image(version=0x100, size=4095), BadImage("its size")),
        (_image(version=0x100, module_pages=0, signature_pages=0), ImageFormat(0x100, 0x200)),
        (_image(signature=b"TDX-BLOC"), BadImage("the signature in its header")),
        (
            _image(signature=b"TDX-BLOC", version=0x100),
            BadImage("the signature in its header"),
        ),
        (_image(signature_pages=2), BadImage("its signature pages")),
        (_image(module_pages=497), BadImage("its module pages")),
        (_image(behind=b"\1"), BadImage("what should be zero in its header")),
        (
            _image(behind=bytes(4075) + b"\1"),
            BadImage("what should be zero in its header"),
        ),
        (_image(pages=497), BadImage("its size against its header")),
        (_image(size=4096 * 498 + 1), BadImage("its size against its header")),
    ],
)
def test_a_bad_image_is_refused_for_the_first_thing_that_is_wrong(
    image: UpdateImage, cause: Cause
) -> None:
    with pytest.raises(KernelErrno) as error:
        image_pages(image)
    assert (error.value.errno, error.value.cause) == (22, cause)


def test_seamldr_params_are_a_page_with_the_images_addresses() -> None:
    """
    byte   0        4         8           16     120        128 ...            4096
           version  scenario  sigstruct   zero   pages (2)  addresses, zeros
    """
    params = seamldr_params(0x1000, [0x2000, 0x3000])
    assert len(params) == 4096
    assert struct.unpack_from("<IIQ", params) == (0, 1, 0x1000)
    assert params[16:120] == bytes(104)
    assert struct.unpack_from("<QQQ", params, 120) == (2, 0x2000, 0x3000)
    assert params[144:] == bytes(4096 - 144)
