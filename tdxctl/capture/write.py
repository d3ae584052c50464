# SPDX-License-Identifier: Apache-2.0
"""A captured platform as the text of a description, with a comment where each part is from.

No text of a source is carried over: what stands here is numbers, and tdxctl's own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from tdxctl.capture.findings import ModuleShown
from tdxctl.capture.merge import Captured, CpuSlot
from tdxctl.capture.release import name_release
from tdxctl.platform.description import SCHEMA
from tdxctl.seam.cpu_models import family_and_model
from tdxctl.seam.releases import exactly
from tdxctl.units import approximate_size, counted, printable

_WIDTH = 96
# Names that YAML takes for numbers, truth values, nothing or dates.
_NOT_TEXT = r"[0-9].*|null|true|false|yes|no|on|off|y|n"


def write_description(
    captured: Captured,
    *,
    name: str,
    options: str,
    source: str | None = None,
    description: str | None = None,
) -> str:
    """The description of captured, as YAML.

    options: the options it was captured with, without the names of files. source, description:
    what whoever captures says of where the sources are from, and of the machine.
    """
    lines = [f"# Captured with: tdxctl capture {options}"]
    if source is not None:
        lines += _comment(f"Source: {printable(source)}")
    if captured.assumed:
        lines += _comment("Assumed: TDX firmware, SEAMRR and KeyIDs, which no source shows")
    for warning in captured.warnings:
        lines += _comment(f"Note: {printable(warning)}")
    lines += [
        f"schema: {SCHEMA}",
        f"name: {json.dumps(name)}"
        if re.fullmatch(_NOT_TEXT, name, re.ASCII | re.IGNORECASE)
        else f"name: {name}",
        f"description: {_scalar(description or _description(captured))}",
        *_cpus(captured),
        *_memory(captured),
        *_firmware(captured),
    ]
    if "module" not in captured.not_shown:
        lines += _module(captured.module, captured.origins["module"], captured.not_shown)
    kernel = ["  hibernation: true  # the log says so"] if captured.hibernation else []
    kernel += _of_host_json(captured, "kernel")
    if kernel:
        lines += ["kernel:", *kernel]
    return "\n".join([*lines, *_of_host_json(captured, "")])


def _of_host_json(captured: Captured, section: str) -> Iterator[str]:
    # What host.json has for keys of a section, or for whole sections where it is "".
    for path, value in captured.not_shown.items():
        head, _, key = path.rpartition(".")
        if head == section:
            indent = "  " if section else ""
            yield f"{indent}{key}: {value}  # host.json: no file of a host shows it"


def _comment(text: str) -> Iterator[str]:
    from textwrap import wrap

    for index, line in enumerate(
        wrap(text, _WIDTH, break_on_hyphens=False, break_long_words=False)
    ):
        yield f"# {'  ' if index else ''}{line}"


def _scalar(text: str) -> str:
    # Plain where YAML cannot take it for anything else, quoted elsewhere.
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ,./()-]*(?<! )", text, re.ASCII) and " " in text:
        return text
    return json.dumps(printable(text), ensure_ascii=False)


def _description(captured: Captured) -> str:
    enabled = [slot for slot in captured.slots if slot.enabled]
    memory = sum(block.end - block.start for block in captured.ranges)
    nodes = len({block.node for block in captured.ranges})
    packages = len({slot.package for slot in enabled})
    text = f"{counted(len(enabled), 'CPU')} in {counted(packages, 'package')}"
    if memory:
        text += f", {approximate_size(memory)} in {counted(nodes, 'NUMA node')}"
    return text


def _cpus(captured: Captured) -> Iterator[str]:
    origins = captured.origins
    yield "cpus:"
    if captured.kernel is not None:
        yield f"  # running Linux {captured.kernel} when captured"
    if captured.cpu is not None:
        family, model = captured.cpu
        yield f"  model: {{family: {family:#x}, model: {model:#x}}}"
    elif (signed := _signed_for(captured.module)) is not None:
        family, model = signed
        yield "  # which CPU is not shown; the module is signed for this one"
        yield f"  model: {{family: {family:#x}, model: {model:#x}}}"
    if captured.features_off and "cpus.features" not in captured.not_shown:
        off = ", ".join(f"{name}: false" for name in captured.features_off)
        yield f"  features: {{{off}}}  # flags of /proc/cpuinfo"
    yield from _of_host_json(captured, "cpus")
    yield f"  madt:  # {origins['madt']}; packages: {origins['package']}"
    for entry in _madt(captured.slots):
        yield f"    - {entry}"
    if captured.online is not None:
        yield f"  online: {_quoted(_cpulist(captured.online))}  # {origins['online']}"
    if captured.disabled_cpus is not None:
        yield f"  disabled_cpus: {captured.disabled_cpus}  # {origins['disabled_cpus']}"
    elif "disabled_cpus" in origins:
        yield f"  disabled_cpus: auto  # {origins['disabled_cpus']}"


def _signed_for(module: ModuleShown | None) -> tuple[int, int] | None:
    # Family and model of the first CPU that the module's release is signed for, where one is known.
    named = None if module is None or module.version is None else name_release(module)
    shown = None if named is None else exactly(named.version)
    return None if shown is None or not shown.cpus else family_and_model(shown.cpus[0])


def _madt(slots: tuple[CpuSlot, ...]) -> Iterator[str]:
    for (package, enabled), group in groupby(slots, lambda slot: (slot.package, slot.enabled)):
        ids = _cpulist([slot.apic_id for slot in group])
        tail = "" if enabled else ", enabled: false"
        yield f"{{apic_id: {_quoted(ids)}, package: {package}{tail}}}"


def _quoted(text: str) -> str:
    # A list of numbers is text in YAML once it has a comma or a colon.
    return text if text.replace("-", "").isdigit() else f'"{text}"'


def _cpulist(numbers: Iterable[int]) -> str:
    # In the order given: runs of neighbours, `0-63`, and of every second, `0-62:1/2`.
    numbers = list(numbers)
    parts = []
    at = 0
    while at < len(numbers):
        step = numbers[at + 1] - numbers[at] if at + 1 < len(numbers) else 0
        end = at + 1
        while end < len(numbers) and step > 0 and numbers[end] - numbers[end - 1] == step:
            end += 1
        if end - at < 3 and step != 1:
            end = at + 1
        first, last = numbers[at], numbers[end - 1]
        if end == at + 1:
            parts.append(str(first))
        else:
            parts.append(f"{first}-{last}" if step == 1 else f"{first}-{last}:1/{step}")
        at = end
    return ",".join(parts)


def _memory(captured: Captured) -> Iterator[str]:
    origins = captured.origins
    yield "memory:"
    if captured.ranges:
        yield f"  ranges:  # {origins['ranges']}"
        for block in captured.ranges:
            yield f"    - {{start: {block.start:#x}, end: {block.end:#x}, node: {block.node}}}"
    else:
        yield f"  ranges: []  # {origins['ranges']}"
    yield from _of_host_json(captured, "memory")
    if "memory.cmrs" in captured.not_shown:
        return
    if captured.cmrs is None:
        yield "  cmrs: auto  # no source shows them"
        return
    yield f"  cmrs:  # {origins['cmrs']}"
    for start, end in captured.cmrs:
        yield f"    - {{base: {start:#x}, size: {end - start:#x}}}"


def _firmware(captured: Captured) -> Iterator[str]:
    yield "firmware:"
    yield f"  seamrr: {captured.seamrr.value}  # {captured.origins['firmware']}"
    yield f"  mktme_keyids: {captured.mktme_keyids}"
    yield f"  tdx_keyids: {captured.tdx_keyids}"
    if captured.keyid_bits is not None:
        yield f"  keyid_bits: {captured.keyid_bits}  # IA32_TME_ACTIVATE"
    if captured.seamrr_range is not None:
        base, size = captured.seamrr_range
        yield f"  seamrr_range: {{base: {base:#x}, size: {size:#x}}}  # IA32_SEAMRR_PHYS_BASE"
    yield from _of_host_json(captured, "firmware")


def _module(module: ModuleShown | None, origin: str, not_shown: dict[str, str]) -> Iterator[str]:
    if module is None:
        yield f"# module: {origin}"
        return
    if not module.loaded:
        yield f"module: {{loaded: false}}  # {origin}"
        return
    if module.version is None:
        yield f"module: {{loaded: true}}  # {origin}; its version is not shown"
        return
    yield f"module:  # {origin}"
    yield "  loaded: true"
    named = name_release(module)
    if (told := not_shown.get("module.version")) is not None:
        yield f"  version: {told}  # host.json: no file of a host shows it"
    elif named is None:
        yield f"  # version {module.version} is not modelled: the default stands"
        return
    else:
        yield f'  version: "{named.version}"  # {named.known_by}'
    if module.build_date is not None:
        yield f"  build_date: {module.build_date}"
    if module.build_num is not None:
        yield f"  build_num: {module.build_num}"
    if module.features is not None:
        yield f"  features: {module.features:#x}"
