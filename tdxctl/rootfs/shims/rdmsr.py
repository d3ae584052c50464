# SPDX-License-Identifier: Apache-2.0
"""`rdmsr` on a root: what msr-tools' prints, and its exit codes."""

from __future__ import annotations

import sys
from getopt import GetoptError, gnu_getopt

_CANNOT_READ, _NO_CPU, _USAGE = 4, 2, 127
_OPTIONS = "hVxXduoc0rap:f:"
_LONG = ["help", "version", "hexadecimal", "capital-hexadecimal", "decimal", "unsigned", "octal"]
_LONG += ["c-language", "zero-pad", "raw", "all", "processor=", "bitfield="]
_FORMS = {"-x": "x", "--hexadecimal": "x", "-X": "X", "--capital-hexadecimal": "X"}
_FORMS |= {"-d": "d", "--decimal": "d", "-u": "d", "--unsigned": "d", "-o": "o", "--octal": "o"}
_C_PREFIX = {"x": "0x", "X": "0X", "o": "0", "d": ""}


def main(root: str, arguments: list[str]) -> int:
    """Print an MSR of the host at root as rdmsr with these arguments would; its exit code."""
    try:
        options, words = gnu_getopt(arguments, _OPTIONS, _LONG)
        (word,) = words
        msr = int(word, 0)
        form, cpus, bits = _chosen(dict(options), root)
    except (GetoptError, ValueError) as error:
        sys.stderr.write(f"Usage: rdmsr [options] regno ({error})\n")
        return _USAGE
    names = {option for option, _ in options}
    values = dict(_msrs(root))
    for cpu in cpus:
        if cpu not in _online(root):
            sys.stderr.write(f"rdmsr: No CPU {cpu}\n")
            return _NO_CPU
        if msr not in values:
            sys.stderr.write(f"rdmsr: CPU {cpu} cannot read MSR 0x{msr:08x}\n")
            return _CANNOT_READ
        high, low = bits
        value = values[msr] >> low & ((1 << high - low + 1) - 1)
        text = f"{value:{form}}"
        if names & {"-0", "--zero-pad"}:
            text = text.rjust((high - low + 4) // 4, "0")
        if names & {"-c", "--c-language"}:
            text = _C_PREFIX[form] + text
        sys.stdout.write(f"{text}\n")
    return 0


def _chosen(options: dict[str, str], root: str) -> tuple[str, list[int], tuple[int, int]]:
    # The form, the CPUs and the bits, high and low. Raises ValueError.
    form = next((_FORMS[option] for option in options if option in _FORMS), "x")
    cpus = [int(options.get("-p", options.get("--processor", "0")))]
    if "-a" in options or "--all" in options:
        cpus = _online(root)
    high, _, low = options.get("-f", options.get("--bitfield", "63:0")).partition(":")
    bits = int(high), int(low)
    if not 63 >= bits[0] >= bits[1] >= 0:
        raise ValueError("bits are high:low")
    return form, cpus, bits


def _msrs(root: str) -> list[tuple[int, int]]:
    with open(f"{root}/msr", encoding="utf-8") as file:
        pairs = [line.removeprefix("MSR ").split(": ") for line in file.read().splitlines()]
    return [(int(number, 16), int(value, 16)) for number, value in pairs]


def _online(root: str) -> list[int]:
    with open(f"{root}/sys/devices/system/cpu/online", encoding="utf-8") as file:
        parts = [part.partition("-") for part in file.read().strip().split(",")]
    return [cpu for first, _, last in parts for cpu in range(int(first), int(last or first) + 1)]
