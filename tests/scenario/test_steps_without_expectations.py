# SPDX-License-Identifier: Apache-2.0
"""What nobody expects anything of must at least not fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.scenario.load import load_cases
from tdxctl.scenario.runner import run_case

FAILED = [("init", "returned", "0, as nothing else is expected", "-EFAULT")]


def _differences(folder: Path, text: str) -> list[tuple[str, str, str, str]]:
    path = folder / "x.yaml"
    path.write_text("schema: tdxctl.scenario/1\n" + text)
    [case] = load_cases(str(path))
    return [(d.step, d.key, d.expected, d.got) for d in run_case(case).differences]


FAILS = "platform: key-generation-fails\nsteps:\n  - init: 1\n"


@pytest.mark.parametrize(
    ("expect", "differences"),
    [
        ("", FAILED),
        ("    expect: {}\n", FAILED),
        ("    expect_on: {6.8: {returned: -EIO}}\n", FAILED),
        # A number of nothing holds where nothing happened; a line that is not there is not there.
        ("    expect: {pamt: {at_most: 2102MiB}, tdmrs: {at_most: 9}}\n", FAILED),
        ("    expect: {reserved: {at_most: 14}, no_log: exhausted}\n", FAILED),
        ("    expect: {calls: {TDH.SYS.INIT: 1}}\n", FAILED),
        # What tells how it ends.
        ("    expect: {returned: -EFAULT}\n", []),
        ("    expect: {status: SHUTDOWN}\n", []),
        ("    expect: {step: key-config}\n", []),
        ("    expect: {seamcall: TDH.SYS.KEY.CONFIG}\n", []),
        ("    expect: {seamcall_status: TDX_KEY_GENERATION_FAILED}\n", []),
        ("    expect: {log: Shut it down}\n", []),
    ],
)
def test_an_init_that_fails(
    expect: str, differences: list[tuple[str, str, str, str]], tmp_path: Path
) -> None:
    assert _differences(tmp_path, FAILS + expect) == differences


@pytest.mark.parametrize(
    ("step", "label", "got"),
    [
        ("boot: same", "boot", "-ENODEV"),
        ("kexec: true", "kexec", "-ENOSYS"),
        ("memory_online: 512GiB-513GiB", "memory_online 0x8000000000-0x8040000000", "-EPERM"),
        ("keyid: free", "keyid free", "-EINVAL"),
    ],
)
def test_other_operations_that_fail(step: str, label: str, got: str, tmp_path: Path) -> None:
    kernel = "v5" if step.startswith("boot") else '"6.8"'
    platform = "tdx-off" if step.startswith("boot") else "small"
    begin = "" if step.startswith("boot") else "{init: 1}, "
    text = f"platform: {platform}\nkernel: {kernel}\nsteps: [{begin}{{{step}}}]\n"
    expected = (label, "returned", "0, as nothing else is expected", got)
    assert _differences(tmp_path, text) == [expected]


def test_of_several_callers_none_may_fail(tmp_path: Path) -> None:
    """Expect the first caller's -EIO to be told: the second one's retry went well."""
    text = (
        'platform: small\nkernel: "6.8"\n'
        "set: {faults: [{leaf: TDH.SYS.LP.INIT, cpu: 2, status: TDX_SYS_BUSY}]}\n"
        "steps: [{init: 2}]\n"
    )
    expected = ("init", "returned", "0, as nothing else is expected", "-EIO")
    assert _differences(tmp_path, text) == [expected]


def test_of_several_cpus_the_first_that_fails_is_told(tmp_path: Path) -> None:
    """Expect -EBUSY of CPU 0, the last of its package, although CPU 1 goes offline after it."""
    text = (
        'platform: small\nkernel: "7.2"\n'
        "set: {cpus.madt: [{apic_id: 0, package: 0}, {apic_id: 128-129, package: 1}]}\n"
        "steps: [{init: 1}, {keyid: alloc}, {cpu_offline: 0-1}]\n"
    )
    expected = ("returned", "0, as nothing else is expected", "-EBUSY")
    assert _differences(tmp_path, text) == [("cpu_offline 0-1", *expected)]
    asked = text.replace("{cpu_offline: 0-1}", "{cpu_offline: 0-1, expect: {returned: 0}}")
    assert _differences(tmp_path, asked) == [("cpu_offline 0-1", "returned", "0", "-EBUSY")]


@pytest.mark.parametrize(
    ("expected", "differences"),
    [
        ("kvm-does-not-load", []),
        ("tdx-off", [("kvm_load", "host", "tdx-off", "kvm-does-not-load")]),
        ("none", [("kvm_load", "host", "none", "kvm-does-not-load")]),
    ],
)
def test_what_the_load_of_kvm_leaves_the_host_with_tells_how_it_ends(
    expected: str, differences: list[tuple[str, str, str, str]], tmp_path: Path
) -> None:
    """Expect no word on what it returned where the host's verdict is named."""
    text = "platform: seamrr-off\nkernel: '6.18'\nsteps:\n  - kvm_load: true\n"
    assert _differences(tmp_path, f"{text}    expect: {{host: {expected}}}\n") == differences
