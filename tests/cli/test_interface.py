# SPDX-License-Identifier: Apache-2.0
"""What each command takes: scripts rest on it, so that none of it changes unnoticed."""

from __future__ import annotations

from importlib import import_module

import click
import pytest

from tdxctl.cli import COMMANDS

#: Words that are counted and not told: the documents of `schema`.
_MANY = 10


def shape(parameter: click.Parameter) -> str:
    """`--name*` is required, `--name...` repeatable, `--name?` a flag; `=`, its default; `{a|b}`
    words or `[1,9]` numbers that it takes.
    """
    if isinstance(parameter, click.Option):
        text = "|".join((*parameter.opts, *parameter.secondary_opts))
    else:
        text = parameter.human_readable_name
    text += "*" * parameter.required
    if isinstance(parameter, click.Option):
        text += "?" * parameter.is_flag + "..." * parameter.multiple
    if parameter.nargs != 1:
        text += f"x{parameter.nargs}"
    match parameter.type:
        case click.Choice(choices=choices):
            some = len(choices) <= _MANY
            text += f"{{{'|'.join(choices) if some else len(choices)}}}"
        case click.IntRange(min=low, max=high):
            text += f"[{low},{'' if high is None else high}]"
        case _:
            pass
    default = parameter.to_info_dict()["default"]
    return text if default in (None, (), False) else f"{text}={default}"


COMMAND_LINES = {
    "init": (
        "--platform --kernel --assume-kernel --machine --set... --reboot? --once? "
        "--callers[1,1000]=1 --format{text|json|jsonl|dmesg}=text"
    ),
    "status": "--machine --check? --format{text|json}=text",
    "boot": "--platform --kernel --assume-kernel --machine --set... --format{text|json}=text",
    "dmesg": "--machine",
    "trace": "--machine --format{text|jsonl}=text",
    "machines": "NAME --format{text|json}=text",
    "forget": "M*",
    "cpu": "ACTION*{online|offline} LIST* --machine --kernel --format{text|json}=text",
    "memory": "ACTION*{online} RANGE* --machine --kernel --format{text|json}=text",
    "hotplug": (
        "WHAT*{cpu-add|cpu-remove|memory-add|memory-remove|add-memory} [RANGE] --machine "
        "--kernel --format{text|json}=text"
    ),
    "module": (
        "ACTION*{load|unload|shutdown|update} --version --image --force? --machine "
        "--kernel --format{text|json}=text"
    ),
    "kvm": "ACTION*{load|unload} --tdx{0|1} --machine --kernel --format{text|json}=text",
    "keyid": "ACTION*{alloc|free} --machine --kernel --format{text|json}=text",
    "pamt": "ACTION*{get|put} ADDRESS* --machine --kernel --format{text|json}=text",
    "kexec": "--machine --kernel --format{text|json}=text",
    "fault": ("ACTION*{set|clear} [KEY=VALUE]...x-1 --machine --kernel --format{text|json}=text"),
    "seamcall": "SCRIPT* --platform --machine --set... --format{text|json}=text",
    "plan": (
        "--platform* --kernel...=('all',) --assume-kernel --set... --add-memory... "
        "--hole... --guest --format{text|json}=text"
    ),
    "sweep": (
        "--platform* --kernel --assume-kernel --against --leaf --pairs? "
        "--seed[0,4294967295] --budget[1,1000000] --set... "
        "--format{text|json|junit|html}=text"
    ),
    "states": (
        "--kernel --assume-kernel --platform --depth[1,8]=5 --format{text|svg|dot|json}=text"
    ),
    "map": "--platform --kernel --assume-kernel --machine --set... --format{text|svg}=text",
    "html": "--platform --kernel... --assume-kernel --machine --set... -o|--output*",
    "validate": (
        "FILE...*x-1 --output... --format{text|json|jsonl|junit|ktap|github|gitlab|sarif}=text"
    ),
    "platforms": "NAME",
    "capture": (
        "[FILE]...x-1 --dmesg... --acpi... --iomem... --sysfs... --system-report... "
        "--live? --boot[1,] --assume-tdx? --name --description --source -o|--output=-"
    ),
    "diagnose": (
        "[FILE]...x-1 --live? --root --boot[1,] --short? --all? --verbose? --format{text|json}=text"
    ),
    "lint": "PATTERN|FILE* --kernel... -i|--ignore-case? --format{text|json}=text",
    "fleet": (
        "HOSTS | html SUMMARYx-1 -o|--output* --kernel... --assume-kernel --against "
        "--shapes --from-descriptions --workers[1,] --dask --format{text|json}=text"
    ),
    "test": (
        "PATH...*x-1 -k -j[1,64]=1 --fail-fast? --list? -v|--verbose? "
        "--durations[1,1000] --output... "
        "--format{text|json|jsonl|junit|ktap|github|gitlab|sarif}=text"
    ),
    "scenario": "ACTION*{new} --platform* --kernel=v5 --assume-kernel --set...",
    "root": (
        "DIR* --platform --kernel --assume-kernel --machine --set... --format{text|json}=text"
    ),
    "run": (
        "COMMAND...*x-1 --platform --kernel --assume-kernel --machine --set... "
        "--root-prefix? --with{bubblewrap|unshare}"
    ),
    "kernels": "[KERNEL] --against --format{text|json}=text",
    "modules": "VERSION --format{text|json}=text",
    "explain": "WHAT*x-1 --leaf --format{text|json}=text",
    "schema": "NAME{27}=platform",
    "completion": "SHELL*{bash|zsh|fish}",
}


def test_every_command_is_here() -> None:
    assert list(COMMAND_LINES) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_what_a_command_takes(name: str) -> None:
    """Expect its arguments and options in the order in which its help tells them."""
    command = import_module(f"tdxctl.commands.{name}").command
    assert " ".join(map(shape, command.params)) == COMMAND_LINES[name]


def test_a_default_is_told_where_a_format_is_asked_for() -> None:
    for name, words in COMMAND_LINES.items():
        if "--format" in words:
            command = import_module(f"tdxctl.commands.{name}").command
            assert "[default: text]" in " ".join(command.get_help(click.Context(command)).split())
