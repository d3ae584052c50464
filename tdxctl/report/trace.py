# SPDX-License-Identifier: Apache-2.0
"""A hardware event as a line of text."""

from __future__ import annotations

from typing import Any

from tdxctl.seam.leaves import leaf_title
from tdxctl.seam.status import status_name


def line(event: dict[str, Any]) -> str:
    """The line of an event's to_dict()."""
    match event["ev"]:
        case "seamcall":
            inputs = [
                f"{register} {event[register]}"
                for register in ("rcx", "rdx", "r8", "r9")
                if event.get(register, "0x0") != "0x0"
            ]
            status = int(event["ret"], 16)
            shown = "0" if status == 0 else f"{event['ret']} {status_name(status)}"
            words = [leaf_title(event["leaf"]), f"cpu {event['cpu']}", *inputs, "->", shown]
        case "direct_seamcall":
            rax, *registers = event["in"]
            named = zip(("rcx", "rdx", "r8", "r9", "r10", "r11"), registers, strict=True)
            inputs = [f"{name} {value}" for name, value in named if value != "0x0"]
            status = int(event["out"][0], 16)
            ret = "0" if status == 0 else f"{event['out'][0]} {status_name(status)}"
            title = leaf_title(int(rax, 16))
            words = [title, "directly", f"cpu {event['cpu']}", *inputs, "->", ret]
        case "memory_write" | "memory_read":
            done = "written" if event["ev"] == "memory_write" else "read"
            words = [f"memory {done} at {event['at']}, {len(event['data']) // 2} bytes"]
        case "alloc_contig_pages":
            got = f"{event['base']} on node {event['got_nid']}" if event["base"] else "NULL"
            words = [f"alloc_contig_pages {event['nr_pages']} pages node {event['nid']} -> {got}"]
        case "free_contig_range":
            words = [f"free_contig_range {event['base']} {event['nr_pages']} pages"]
        case "wbinvd":
            words = [f"wbinvd cpu {event['cpu']}"]
        case "movdir64b":
            words = [f"movdir64b, {event['stores']} stores"]
        case other:
            words = [str(other)]
    if "n" in event:
        words.append(f"x {event['n']}")
    return " ".join(words)
