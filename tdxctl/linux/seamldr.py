# SPDX-License-Identifier: Apache-2.0
"""The kernel's side of P-SEAMLDR: the update image and SEAMLDR_PARAMS.

arch/x86/virt/vmx/tdx/seamldr.c of the mid-2026 tree; specification linux-host section 7.
"""

from __future__ import annotations

import struct

from msgspec import Struct

from tdxctl.causes import BadImage
from tdxctl.errnos import Errno
from tdxctl.linux.steps import KernelErrno
from tdxctl.units import SZ_4K

HEADER_SIZE = SZ_4K
_HEADER = struct.Struct("<HH8sII")
_VERSION, _SIGNATURE = 0x200, b"TDX-BLOB"
_MAX_SIGSTRUCT_PAGES, _MAX_MODULE_PAGES = 1, 496
_SCENARIO_UPDATE = 1
_PARAMS = struct.Struct(f"<IIQ104xQ{_MAX_MODULE_PAGES}Q")


class UpdateImage(Struct, frozen=True):
    """What is given to the upload device: the header, as much of it as there is, and the size."""

    header: bytes
    size: int


#: An image of one signature page and one module page, for who has none at hand.
SAMPLE_IMAGE = UpdateImage(_HEADER.pack(_VERSION, 0, _SIGNATURE, 1, 1), 3 * SZ_4K)


def image_pages(image: UpdateImage) -> tuple[int, int]:
    """How many signature and module pages image has. Raises KernelErrno for a bad header."""
    # "{u16 version 0x200, u16 checksum (not checked), 8 bytes TDX-BLOB, u32 sigstruct pages <= 1,
    # u32 module pages <= 496, 4076 zero bytes}; any mismatch of sizes or fields -> -EINVAL"
    header = image.header[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
    version, _, signature, sigstruct_pages, module_pages = _HEADER.unpack_from(header)
    wrong = {
        "its size": image.size < HEADER_SIZE,
        "the version in its header": version != _VERSION,
        "the signature in its header": signature != _SIGNATURE,
        "its signature pages": sigstruct_pages > _MAX_SIGSTRUCT_PAGES,
        "its module pages": module_pages > _MAX_MODULE_PAGES,
        "what should be zero in its header": any(header[_HEADER.size :]),
        "its size against its header": image.size
        != HEADER_SIZE + SZ_4K * (sigstruct_pages + module_pages),
    }
    first = next((what for what, is_wrong in wrong.items() if is_wrong), None)
    if first is not None:
        raise KernelErrno(Errno.EINVAL, BadImage(first))
    return sigstruct_pages, module_pages


def seamldr_params(sigstruct_pa: int, page_pas: list[int]) -> bytes:
    """SEAMLDR_PARAMS of an update, 4096 bytes."""
    padding = [0] * (_MAX_MODULE_PAGES - len(page_pas))
    return _PARAMS.pack(0, _SCENARIO_UPDATE, sigstruct_pa, len(page_pas), *page_pas, *padding)
