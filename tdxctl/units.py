# SPDX-License-Identifier: Apache-2.0
"""Sizes, alignment, hex, cpulists: the arithmetic and notation everything else shares."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SZ_4K = 1 << 12
SZ_2M = 1 << 21
SZ_4M = 1 << 22
SZ_1M = 1 << 20
SZ_16M = 1 << 24
SZ_32M = 1 << 25
SZ_1G = 1 << 30
SZ_4G = 1 << 32

PAGE_SHIFT = 12
#: Physical addresses are below this on every CPU that has TDX (MAXPA 52).
MAX_PHYSICAL_ADDRESS = 1 << 52
U32_MASK = (1 << 32) - 1
U64_MASK = (1 << 64) - 1

#: A machine's or a platform's name: what is_name() asks for, as a JSON Schema has it.
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

#: How the name of a file ends that may be a description or a scenario.
FILE_SUFFIXES = (".yaml", ".yml", ".json")

_SUFFIXES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
# Groups of hex digits, one underscore between groups: 0x1_0000.
_HEX = r"0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*"
_DECIMAL = r"0|[1-9][0-9]*"
_SUFFIXED = r"(0|[1-9][0-9]*)(KiB|MiB|GiB|TiB)"
# What GitHub and Azure take for a command, up to the character that is shown as an escape.
_COMMAND = re.compile(r"^ *::|##(?=[a-z]*\[)")
# Longer than any 64-bit number in any notation; keeps int() away from absurd input.
_LONGEST_NUMBER = 40
#: A word that is longer than any that is known is compared by its beginning.
LONGEST_WORD = 100


def round_down(value: int, alignment: int) -> int:
    """The largest multiple of alignment (a power of two) that is not above value."""
    return value & ~(alignment - 1)


def round_up(value: int, alignment: int) -> int:
    """The smallest multiple of alignment (a power of two) that is not below value."""
    return (value + alignment - 1) & ~(alignment - 1)


def parse_size(text: str) -> int:
    """Bytes from `4096`, `0x1_0000`, `4KiB`, `1MiB`, `4GiB` or `2TiB`.

    Raises ValueError with the reason, without the text itself.
    """
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("is too long for a size")
    if re.fullmatch(_DECIMAL, text):
        return int(text)
    if re.fullmatch(_HEX, text):
        return int(text.replace("_", ""), 16)
    if match := re.fullmatch(_SUFFIXED, text):
        return int(match[1]) * _SUFFIXES[match[2]]
    raise ValueError("must be bytes, 0x... hex, or a whole number of KiB, MiB, GiB or TiB")


def parse_range(text: str) -> tuple[int, int]:
    """[start, end) in bytes from `START-END`, end exclusive, or `START+SIZE`.

    Raises ValueError with the reason, without the text itself.
    """
    for separator in ("-", "+"):
        first, found, second = text.partition(separator)
        if not found:
            continue
        try:
            start, other = parse_size(first), parse_size(second)
        except ValueError as error:
            raise ValueError(f"has an end that {error}") from None
        end = other if separator == "-" else start + other
        if not start < end <= MAX_PHYSICAL_ADDRESS:
            raise ValueError("is empty or ends beyond 2^52")
        return start, end
    raise ValueError("must be START-END, end exclusive, or START+SIZE")


def format_size(size: int) -> str:
    """size in the largest binary unit that shows it exactly: `4 GiB`, `1783 MiB`, `17 B`."""
    for suffix in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _SUFFIXES[suffix] == 0:
            return f"{size // _SUFFIXES[suffix]} {suffix}"
    return f"{size} B"


def approximate_size(size: int) -> str:
    """size for reading, rounded to a tenth: `511.1 GiB`; without a fraction where exact."""
    for suffix in ("TiB", "GiB", "MiB", "KiB"):
        unit = _SUFFIXES[suffix]
        if size >= unit:
            return f"{size / unit:.1f} {suffix}" if size % unit else f"{size // unit} {suffix}"
    return f"{size} B"


def counted(number: int, what: str) -> str:
    """`1 CPU`, `2 CPUs`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def are(number: int, what: str) -> str:
    """`1 CPU is`, `2 CPUs are`."""
    return f"{counted(number, what)} {'is' if number == 1 else 'are'}"


class Cpulist:
    """The numbers of a kernel cpulist in the order written: counted before any is made."""

    __slots__ = ("_length", "_runs")

    def __init__(self, runs: Iterable[tuple[int, int, int, int]]) -> None:
        """runs: (first, last, used, group): used numbers of every group, from first to last."""
        self._runs = tuple(runs)
        self._length = sum(_count(*run) for run in self._runs)

    def __len__(self) -> int:
        return self._length

    def __contains__(self, number: object) -> bool:
        return any(number == one for one in self)

    def __iter__(self) -> Iterator[int]:
        for first, last, used, group in self._runs:
            for start in range(first, last + 1, group):
                yield from range(start, min(start + used, last + 1))

    def __str__(self) -> str:
        """As a cpulist, runs that touch as one: `0-63,65`."""
        runs: list[tuple[int, int, int, int]] = []
        for first, last, used, group in self._runs:
            plain = used == group and bool(runs) and runs[-1][2] == runs[-1][3]
            if plain and runs[-1][1] + 1 == first:
                runs[-1] = (runs[-1][0], last, 1, 1)
            else:
                runs.append((first, last, used, group))
        return ",".join(
            (str(first) if first == last else f"{first}-{last}")
            + ("" if used == group else f":{used}/{group}")
            for first, last, used, group in runs
        )

    def is_within(self, lowest: int, highest: int) -> bool:
        """Whether every number is from lowest to highest."""
        for first, last, used, group in self._runs:
            start = last - (last - first) % group
            if first < lowest or min(start + used - 1, last) > highest:
                return False
        return True


def _count(first: int, last: int, used: int, group: int) -> int:
    groups, rest = divmod(last - first + 1, group)
    return groups * used + min(rest, used)


def parse_cpulist(text: str, *, limit: int) -> list[int]:
    """The numbers of a kernel cpulist, as parse_runs() reads it. Raises ValueError."""
    return list(parse_runs(text, limit=limit))


def parse_runs(text: str, *, limit: int) -> Cpulist:
    """The numbers of a kernel cpulist, in the order written.

    `0-3,8`, and with a stride `0-62:1/2` (used of every group), as
    Documentation/admin-guide/kernel-parameters.rst has it; the empty string is the
    empty list. limit bounds how many numbers may come out, so that `0-4294967295` costs
    nothing. Raises ValueError with the reason.
    """
    runs: list[tuple[int, int, int, int]] = []
    count = 0
    for part in text.split(",") if text.strip() else []:
        match = re.fullmatch(
            r"\s*([0-9]{1,10})(?:-([0-9]{1,10})(?::([0-9]{1,10})/([0-9]{1,10}))?)?\s*",
            part,
            re.ASCII,
        )
        if not match:
            raise ValueError("must be a list such as 0-63,65")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        used, group = (int(match[3]), int(match[4])) if match[3] else (1, 1)
        if last < first:
            raise ValueError(f"has a range that runs backwards ({first}-{last})")
        if not 1 <= used <= group:
            raise ValueError(f"has a stride that is not used/group ({used}/{group})")
        count += _count(first, last, used, group)
        if count > limit:
            raise ValueError(f"names more than {limit} numbers")
        runs.append((first, last, used, group))
    return Cpulist(runs)


def format_cpulist(cpus: Iterable[int]) -> str:
    """A kernel cpulist of ascending numbers: `0-63,65`; `none` for the empty list."""
    runs: list[list[int]] = []
    for cpu in cpus:
        if runs and runs[-1][1] + 1 == cpu:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "none"


def is_name(text: str) -> bool:
    """Whether a machine or a platform can be called that."""
    return re.fullmatch(NAME_PATTERN, text, re.ASCII) is not None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint with the nearest of the known words, None where none is near."""
    from difflib import get_close_matches

    words = {one.upper(): one for one in known}
    near = get_close_matches(word[:LONGEST_WORD].upper(), words, n=1, cutoff=0.75)
    return f"did you mean {words[near[0]]}?" if near else None


def printable(text: str) -> str:
    """text as one line that cannot move, colour or forge output.

    Everything that is not printable (control characters, escape sequences, newlines,
    bidirectional overrides, lone surrogates) is shown as a backslash escape, and so is a
    character of what CI systems would obey: `::` where a line begins, `##[` and `##vso[` anywhere.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda match: f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}", text)
    return text


def printable_lines(text: str) -> str:
    """text of several lines, each of them printable."""
    return "\n".join(map(printable, text.split("\n")))
