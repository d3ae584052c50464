# SPDX-License-Identifier: Apache-2.0
"""Options from the environment: TDXCTL_<COMMAND>_<OPTION>, and what their errors say."""

from __future__ import annotations

import json

import click
import pytest

from tdxctl.cli import COMMANDS, cli
from tests.cli.runner import tdxctl


def _options(name: str) -> list[click.Option]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return [option for option in command.params if isinstance(option, click.Option)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_but_the_repeatable_has_its_variable(name: str) -> None:
    for option in _options(name):
        longest = max(option.opts, key=len).strip("-").replace("-", "_")
        expected = None if option.multiple else f"TDXCTL_{name}_{longest}".upper()
        assert option.envvar == expected


def test_variables_stand_for_options_that_are_not_given() -> None:
    environment = {
        "TDXCTL_INIT_PLATFORM": "small",
        "TDXCTL_INIT_KERNEL": "6.8",
        "TDXCTL_INIT_ONCE": "1",
        "TDXCTL_INIT_FORMAT": "json",
        "TDXCTL_BOOT_KERNEL": "no kernel",
        "TDXCTL_INIT_HELP": "1",
        "TDXCTL_VERSION": "1",
    }
    report = json.loads(tdxctl("init", environment=environment).stdout)
    assert (report["machine"], report["kernel"]) == ("small", "6.8")
    given = tdxctl("init", "--kernel", "v5", "--format", "dmesg", environment=environment)
    assert given.stdout.startswith("tdx: SEAMRR enabled.\n")
    assert tdxctl("machines").stdout == ""


def test_an_alias_takes_the_variables_of_its_command() -> None:
    done = tdxctl("reboot", "--platform", "small", environment={"TDXCTL_BOOT_FORMAT": "json"})
    assert json.loads(done.stdout)["machine"] == "small"


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        ("TDXCTL_INIT_FORMAT", "jsn", "Invalid value for '--format'"),
        ("TDXCTL_INIT_CALLERS", "many", "Invalid value for '--callers'"),
        ("TDXCTL_INIT_REBOOT", "maybe", "Invalid value for '--reboot'"),
        ("TDXCTL_INIT_KERNEL", "v6", "no such kernel: 'v6'"),
        ("TDXCTL_INIT_PLATFORM", "smal", "no such platform: 'smal'"),
        ("TDXCTL_INIT_MACHINE", "a b", "not a machine's name: 'a b'"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str, error: str) -> None:
    words = [] if variable == "TDXCTL_INIT_PLATFORM" else ["--platform", "small"]
    done = tdxctl("init", *words, environment={variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"error: {error}")
    assert lines[1].endswith(f"from the environment: {variable}")


def test_a_refusal_names_the_variable_that_asked_for_it() -> None:
    assert tdxctl("boot", "--platform", "small").returncode == 0
    done = tdxctl("init", environment={"TDXCTL_INIT_KERNEL": "6.8"})
    assert done.returncode == 5
    assert done.stderr.splitlines()[1].endswith("; from the environment: TDXCTL_INIT_KERNEL")
    done = tdxctl("init", "--kernel=6.17", environment={"TDXCTL_INIT_KERNEL": "6.8"})
    assert "TDXCTL" not in done.stderr


def test_errors_are_json_where_the_variable_says_so() -> None:
    done = tdxctl("init", "--platform", "no", environment={"TDXCTL_INIT_FORMAT": "json"})
    assert json.loads(done.stdout)["exit"] == 2
    words = ("init", "--platform", "no", "--format", "text")
    assert tdxctl(*words, environment={"TDXCTL_INIT_FORMAT": "json"}).stdout == ""


@pytest.mark.parametrize("name", ["a b", "nobody"])
def test_the_machine_variable_is_named_too(name: str) -> None:
    assert tdxctl("boot", "--platform", "small").returncode == 0
    done = tdxctl("status", environment={"TDXCTL_MACHINE": name})
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith(f"'{name}' (TDXCTL_MACHINE)")
    assert "TDXCTL_MACHINE" not in tdxctl("status", "--machine", name).stderr
