# SPDX-License-Identifier: Apache-2.0
"""The fixture `tdx_host`: files of a host, and commands on it."""

from __future__ import annotations

from collections.abc import Callable

from tdxctl.pytest_plugin import TdxHost


def test_a_ready_host_and_a_failing_one(tdx_host: Callable[..., TdxHost]) -> None:
    ready = tdx_host("small")
    failing = tdx_host("no-module", kernel="7.2")
    detector = ("grep", "-q", "tdx", "/sys/fs/cgroup/misc.capacity")

    assert (ready.root / "sys/module/kvm_intel/parameters/tdx").read_text() == "Y\n"
    assert (failing.root / "sys/module/kvm_intel/parameters/tdx").read_text() == "N\n"
    assert failing.machine.status == "NOT_INITIALIZED"
    assert ready.run(*detector).exit_code == 0
    assert failing.run(*detector).exit_code == 1


def test_a_command_has_the_environment_that_it_is_given(
    tdx_host: Callable[..., TdxHost],
) -> None:
    done = tdx_host("small").run("sh", "-c", 'echo "$COLOUR"', env={"COLOUR": "green"})

    assert (done.exit_code, done.stdout) == (0, "green\n")
