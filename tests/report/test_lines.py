# SPDX-License-Identifier: Apache-2.0
"""Single lines: a hardware event, and what is to be said of a module's release."""

from __future__ import annotations

from typing import Any

import pytest

from tdxctl.report.evidence import Module, from_dict, lines
from tdxctl.report.trace import line


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            {"ev": "seamcall", "leaf": 33, "cpu": 1, "rcx": "0x0", "ret": "0x0"},
            "TDH.SYS.INIT cpu 1 -> 0",
        ),
        (
            {
                "ev": "seamcall",
                "leaf": 45,
                "cpu": 0,
                "rcx": "TDMR_PA_ARRAY",
                "rdx": 3,
                "r8": "0x20",
                "r9": "0x1",
                "ret": "0xc000010000000000",
                "n": 2,
            },
            "TDH.SYS.CONFIG cpu 0 rcx TDMR_PA_ARRAY rdx 3 r8 0x20 r9 0x1 -> "
            "0xc000010000000000 TDX_OPERAND_INVALID x 2",
        ),
        (
            {
                "ev": "direct_seamcall",
                "cpu": 2,
                "in": ["0x21", "0x1", "0x2", "0x0", "0x0", "0x0", "0x3"],
                "out": ["0x0", "0x1", "0x2", "0x0", "0x0", "0x0", "0x3"],
            },
            "TDH.SYS.INIT directly cpu 2 rcx 0x1 rdx 0x2 r11 0x3 -> 0",
        ),
        (
            {
                "ev": "direct_seamcall",
                "cpu": 2,
                "in": ["0x21", *["0x0"] * 6],
                "out": ["0xc000010000000000", *["0x0"] * 6],
            },
            "TDH.SYS.INIT directly cpu 2 -> 0xc000010000000000 TDX_OPERAND_INVALID",
        ),
        (
            {"ev": "memory_write", "at": "0x1000", "data": "00ff00"},
            "memory written at 0x1000, 3 bytes",
        ),
        ({"ev": "memory_read", "at": "0x1000", "data": "00"}, "memory read at 0x1000, 1 bytes"),
        (
            {
                "ev": "alloc_contig_pages",
                "nr_pages": 8,
                "nid": 1,
                "got_nid": 0,
                "base": "0x40000000",
            },
            "alloc_contig_pages 8 pages node 1 -> 0x40000000 on node 0",
        ),
        (
            {"ev": "alloc_contig_pages", "nr_pages": 8, "nid": 1, "got_nid": -1, "base": None},
            "alloc_contig_pages 8 pages node 1 -> NULL",
        ),
        (
            {"ev": "free_contig_range", "base": "0x40000000", "nr_pages": 8},
            "free_contig_range 0x40000000 8 pages",
        ),
        ({"ev": "wbinvd", "cpu": 3, "n": 4}, "wbinvd cpu 3 x 4"),
        ({"ev": "movdir64b", "stores": 64}, "movdir64b, 64 stores"),
        ({"ev": "wbinvd_on_all_cpus"}, "wbinvd_on_all_cpus"),
    ],
)
def test_an_event_is_a_line(event: dict[str, Any], text: str) -> None:
    """Expect registers that are 0 left out, a status by name, and how often at the end."""
    assert line(event) == text


def _module(**other: Any) -> Module:
    known = {
        "loaded": True,
        "version": "1.5.06",
        "release": "1.5.05",
        "evidence": "measured",
        "signed_for_cpu": None,
    }
    return from_dict(known | other)


NOT_SIGNED = (
    "TDX module 1.5.06 is not signed for this CPU: P-SEAMLDR refuses to load it (SEAMLDR_EUNSUPCPU)"
)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (_module(), ()),
        (_module(signed_for_cpu=True), ()),
        (_module(signed_for_cpu=False), (NOT_SIGNED,)),
        (_module(loaded=False, evidence="assumed", signed_for_cpu=False), ()),
        (
            _module(evidence="read, not run"),
            ("TDX module 1.5.06, read, not run: its source, in part",),
        ),
        (
            _module(evidence="assumed", signed_for_cpu=False),
            (
                "TDX module 1.5.06 is assumed to be 1.5.05: its version and build name no release",
                NOT_SIGNED,
            ),
        ),
    ],
)
def test_of_a_module_it_is_said_what_was_not_measured(
    module: Module, said: tuple[str, ...]
) -> None:
    """Nothing is said of one that is not loaded, or of which nothing is known against it."""
    assert lines(module) == said


def test_a_document_that_was_stored_before_it_had_all_of_the_module_is_read() -> None:
    """Its version was then that of a release that was measured."""
    assert from_dict({"loaded": True, "version": "1.0"}) == Module(
        True, "1.0", "1.0", "measured", None
    )
