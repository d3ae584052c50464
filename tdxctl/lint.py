# SPDX-License-Identifier: Apache-2.0
"""What a pattern that somebody looks for in kernel logs says of hosts: ready, or not.

The logs are those of a host that is ready, and of one that fails in each way that a log can tell,
under each kernel; what no modelled kernel prints is taken from the catalogue of messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from string import Formatter

from msgspec import Struct
from msgspec.structs import replace

from tdxctl.errnos import Errno
from tdxctl.errors import NotModelledError, UsageError
from tdxctl.linux.releases import KERNELS, KernelId
from tdxctl.machine import Machine
from tdxctl.messages.bring_up import MODULE_INITIALIZED
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.message import BACKTRACES, PREFIXES, Message, Source, Template
from tdxctl.platform.description import Platform
from tdxctl.platform.faults import AllocationFault, BootFault, Fault, SeamcallFault
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.status import Status
from tdxctl.units import printable

#: Of the releases modelled those that get fixes at the end of 2026: Ubuntu 24.04 (to 2029), 6.18
#: (longterm), and the last two of mainline.
IN_SUPPORT = ("ubuntu-24.04", "6.18", "7.1", "7.2")

_MAX_LINE = 4096
#: What is special in a regular expression.
_SPECIAL = frozenset(r"\.[]()*+?|^${}")


class Log(Struct, frozen=True):
    """The log of a host of that name under a kernel, and whether it is ready to run TDs."""

    host: str
    kernel: str
    is_ready: bool
    lines: tuple[str, ...]


class Matched(Struct, frozen=True):
    """A host, and the first of its lines that matches."""

    host: str
    line: str


class Verdict(Struct, frozen=True):
    """What a pattern says under a kernel.

    asked: whether it counts. found: of the host that is ready, None where it is missed. says: the
    line that tells that it is ready. wrong: hosts that are not ready, and match.
    """

    kernel: str
    asked: bool
    found: Matched | None
    says: str
    wrong: tuple[Matched, ...]

    @property
    def is_right(self) -> bool:
        """Whether it tells what is ready from what is not."""
        return self.found is not None and not self.wrong


class Linted(Struct, frozen=True):
    """A pattern and what it says under each kernel.

    wordings: (words, whose) of a module that is initialized in kernels that are not modelled, which
    it misses. others: lines of the catalogue that say something else, and match.
    """

    pattern: str
    verdicts: tuple[Verdict, ...]
    wordings: tuple[tuple[str, str], ...]
    others: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it is right under every kernel asked for."""
        return all(verdict.is_right for verdict in self.verdicts if verdict.asked)


class Report(Struct, frozen=True):
    """Patterns, what they say together where there are several, and one that is right."""

    patterns: tuple[Linted, ...]
    together: Linted
    suggestion: str


def lint(
    patterns: list[str], host: Platform, asked: Iterable[KernelId] = (), *, any_case: bool = False
) -> Report:
    """Judge patterns, Python's regular expressions, on hosts like host.

    asked: the kernels that count, those in support where there are none. Raises UsageError for what
    is no pattern, and for a kernel under which no host is ready.
    """
    counting = tuple(asked) or tuple(kernel for kernel in KERNELS if kernel.id in IN_SUPPORT)
    wanted = {kernel.id for kernel in counting}
    kernels = dict.fromkeys((*KERNELS, *counting))
    compiled = [_compiled(pattern, any_case) for pattern in patterns]
    logs = {kernel.id: _logs(host, kernel) for kernel in kernels}
    for kernel, found in logs.items():
        if not found or not found[0].is_ready:
            raise UsageError(f"no host is ready under kernel {printable(kernel)}")
    each = tuple(
        _judged(pattern, [one], logs, wanted)
        for pattern, one in zip(patterns, compiled, strict=True)
    )
    together = _judged(" or ".join(patterns), compiled, logs, wanted)
    return Report(
        each, together, _suggestion([logs[kernel][0] for kernel in logs if kernel in wanted])
    )


def _compiled(pattern: str, any_case: bool) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE if any_case else 0)
    except re.error as error:
        raise UsageError(
            f"no regular expression: '{printable(pattern)}': {error}",
            hint="write \\( for a parenthesis that is one",
        ) from None


def _judged(
    name: str, patterns: list[re.Pattern[str]], logs: dict[str, tuple[Log, ...]], asked: set[str]
) -> Linted:
    verdicts = tuple(_verdict(patterns, kernel, of, asked) for kernel, of in logs.items())
    wordings = tuple(
        (template.text, template.of)
        for template in MODULE_INITIALIZED.templates
        if template.since is None and not _matches(patterns, template.text)
    )
    return Linted(name, verdicts, wordings, tuple(_others(patterns)))


def _verdict(
    patterns: list[re.Pattern[str]], kernel: str, logs: tuple[Log, ...], asked: set[str]
) -> Verdict:
    ready, *_ = logs
    wrong = (_first(patterns, log) for log in logs if not log.is_ready)
    return Verdict(
        kernel,
        kernel in asked,
        _first(patterns, ready),
        _says(ready),
        tuple(found for found in wrong if found is not None),
    )


def _first(patterns: list[re.Pattern[str]], log: Log) -> Matched | None:
    found = (line for line in log.lines if _matches(patterns, line))
    line = next(found, None)
    return None if line is None else Matched(log.host, line)


def _matches(patterns: list[re.Pattern[str]], line: str) -> bool:
    return any(pattern.search(line) for pattern in patterns)


def _others(patterns: list[re.Pattern[str]]) -> Iterator[str]:
    for message in MESSAGES:
        if message is MODULE_INITIALIZED:
            continue
        lines = (_sample(message, template) for template in message.templates)
        found = next((line for line in lines if _matches(patterns, line)), None)
        if found is not None:
            yield found


def _sample(message: Message, template: Template) -> str:
    # The line with something in its fields, as the newest release has its prefix.
    prefixes = PREFIXES.get(message.sources[0], ())
    has_none = (template.level or message.level) in BACKTRACES
    prefix = prefixes[-1][1] if prefixes and not has_none else ""
    fields: dict[str, int | str] = {
        name: 1 if conversion and conversion[-1] in "dx" else "words"
        for _, name, conversion, _ in Formatter().parse(template.text)
        if name is not None
    }
    return prefix + template.text.format_map(fields)


# Hosts


@cache
def _logs(host: Platform, kernel: KernelId) -> tuple[Log, ...]:
    # The one that is ready first; the same for every pattern.
    return tuple(_logged(host, kernel))


def _logged(host: Platform, kernel: KernelId) -> Iterator[Log]:
    for name, platform in _hosts(host):
        try:
            machine = Machine.boot(platform, kernel)
            returned = machine.tdx_init().returned
        except NotModelledError:
            continue
        ready = returned == 0 and machine.status == "INITIALIZED"
        yield Log(name, kernel.id, ready, tuple(line.text for line in machine.dmesg))


def _hosts(host: Platform) -> Iterator[tuple[str, Platform]]:
    yield "ready", host
    yield "no TDX module", replace(host, module=replace(host.module, loaded=False))
    for keyids, name in ((0, "TDX off in the BIOS"), (1, "one KeyID")):
        yield name, replace(host, firmware=replace(host.firmware, tdx_keyids=keyids))
    cpus = replace(host.cpus, online=host.cpus.online[:-1])
    yield "a CPU offline", replace(host, cpus=cpus)
    yield "hibernation possible", replace(host, kernel=replace(host.kernel, hibernation=True))
    for name, fault in _FAULTS.items():
        yield name, replace(host, faults=(fault,))


_FAULTS: dict[str, Fault] = {
    **{
        f"{leaf.title} fails": SeamcallFault(leaf, int(Status.TDX_OPERAND_INVALID))
        for leaf in (
            *(Leaf.TDH_SYS_INIT, Leaf.TDH_SYS_LP_INIT, Leaf.TDH_SYS_INFO, Leaf.TDH_SYS_RD),
            *(Leaf.TDH_SYS_CONFIG, Leaf.TDH_SYS_KEY_CONFIG, Leaf.TDH_SYS_TDMR_INIT),
        )
    },
    "SEAMRR off": SeamcallFault(Leaf.TDH_SYS_INIT, int(Status.GP)),
    "no memory for a PAMT": AllocationFault("pamt"),
    "no memory for the kernel": AllocationFault("kernel"),
    "no memory notifier": BootFault("memory_notifier", Errno.ENOMEM),
}


# Suggestions


def _says(ready: Log) -> str:
    words = [template.text for template in MODULE_INITIALIZED.templates]
    return next((line for line in ready.lines if any(line.endswith(text) for text in words)), "")


def _suggestion(ready: list[Log]) -> str:
    # A pattern, for grep -E as for Python, that is right for the kernels of these logs.
    prefixes = [text for _, text in PREFIXES[Source.TDX]]
    shared = min(prefixes, key=len)
    texts = dict.fromkeys(_says(log).rpartition(shared)[2] for log in ready)
    alternatives = "|".join(_literally(text) for text in texts)
    return _literally(shared) + (f"({alternatives})" if len(texts) > 1 else alternatives)


def _literally(text: str) -> str:
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


def patterns_of(text: str) -> list[str]:
    """The patterns of a file: one a line, without empty lines and comments that begin with #.

    Raises UsageError where there is none, and for a line that is too long.
    """
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError("the file has no pattern", hint="one a line")
    if any(len(line) > _MAX_LINE for line in found):
        raise UsageError(f"a pattern is longer than {_MAX_LINE} characters")
    return found
