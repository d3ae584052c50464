# SPDX-License-Identifier: Apache-2.0
"""What not every kernel can do: a kernel that can has one of these, another has None."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from tdxctl.causes import Cause


class UpdateImage(Struct, frozen=True):
    """What is given to the upload device: the header, as much of it as there is, and the size."""

    header: bytes
    size: int


class RuntimeUpdate(Protocol):
    """An update of the module while TDs run."""

    def why_not_offered(self) -> Cause | None:
        """Why there is no upload device; None where there is one."""
        ...

    def update(self, image: UpdateImage, *, force: bool) -> int:
        """What writing image to the upload device does; force: even where there is none."""
        ...


class GuestKeyids(Protocol):
    """KeyIDs for TDs."""

    @property
    def in_use(self) -> int:
        """How many TDs have one."""
        ...

    def alloc(self) -> int:
        """tdx_guest_keyid_alloc(): the KeyID of a new TD, -ENOSPC where none is left."""
        ...

    def free(self) -> int:
        """tdx_guest_keyid_free() of the KeyID allocated last, -EINVAL where there is none."""
        ...


class PamtRefcounts(Protocol):
    """Dynamic PAMT: pages that TDs use, counted by 2 MiB range."""

    def get(self, pa: int) -> int:
        """A TD takes the page at pa: tdx_pamt_get()."""
        ...

    def put(self, pa: int) -> int:
        """The TD gives it back: tdx_pamt_put()."""
        ...


class ByHand(Protocol):
    """What no function of the kernel does: ways to states that its design names."""

    def shut_down_module(self) -> int:
        """Shut the TDX module down, as the design's SHUTDOWN state has it."""
        ...

    def replace_module(self) -> int:
        """Another module is put in place, which must be initialized again."""
        ...
