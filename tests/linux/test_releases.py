# SPDX-License-Identifier: Apache-2.0
"""What `--kernel` takes, and which kernel it is."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import UsageError
from tdxctl.linux.changes import ASSUMED, CHANGES, EXECUTED, READ
from tdxctl.linux.engines import kernel_class
from tdxctl.linux.lookup import find_kernel, is_stored, names_file
from tdxctl.linux.releases import KERNELS, RELEASES, changes_between, changes_of
from tests.cli.runner import ROOT, tdxctl
from tools.kernel_reference import reference


@pytest.mark.parametrize(
    ("asked", "kernel"),
    [
        ("v5", "v5"),
        ("7.2+dynamic-pamt", "7.2+dynamic-pamt"),
        # Other names.
        ("mainline", "7.2"),
        ("2026-06", "7.2+dynamic-pamt"),
        ("cmr-walk", "6.8+cmr-walk"),
        # A release with the changes of another is that one.
        ("v5-posted+none-when-not-loaded+pamt-size-64bit", "v5"),
        ("v5-posted+pamt-size-64bit+none-when-not-loaded", "v5"),
        ("mainline+dynamic-pamt", "7.2+dynamic-pamt"),
        # One that has no row of its own.
        ("v5-posted+pamt-size-64bit", "v5-posted+pamt-size-64bit"),
        ("6.14+cmr-walk", "6.14+cmr-walk"),
        ("6.14+cmr-walk+cmr-walk", "6.14+cmr-walk"),
        ("7.1+runtime-update", "7.1+runtime-update"),
        # 6.16 reads more of the module than 6.14 does with its change.
        ("6.14+kvm-asks-for-tdx", "6.14+kvm-asks-for-tdx"),
        # `uname -r`.
        ("6.10", "6.8+no-caller"),
        ("6.13.0-rc2-ipu6+", "6.8+no-caller"),
        ("6.12.48+deb13-amd64", "6.8+no-caller"),
        ("6.15.4-200.fc42.x86_64", "6.14+no-caller"),
        ("6.8.0-1004-intel", "ubuntu-24.04-1004"),
        ("6.8.0-1006-intel", "ubuntu-24.04"),
        ("6.8.0-1028-intel", "ubuntu-24.04"),
        ("6.14.0-1005-intel", "ubuntu-25.04"),
        ("6.16.0+", "6.16"),
        ("6.17", "6.16"),
        ("6.17.0-14-generic", "6.16"),
        ("6.17.3", "6.16"),
        ("6.17.4", "6.17.4"),
        ("6.17.12-300.fc43.x86_64", "6.17.4"),
        ("6.19.2-arch1-1", "6.18"),
        ("7.0.0-rc4", "6.18"),
        ("7.1.3", "7.1"),
        ("7.2.8-200.fc45", "7.2"),
        ("7.3.0-rc5", "7.2"),
        ("6.8.0-51-generic.el8.x86_64+spr", "6.8+no-caller"),
    ],
)
def test_a_name_is_a_kernel(asked: str, kernel: str) -> None:
    assert find_kernel(asked).id == kernel


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ("5.14.0-570.el9", "Linux 5.14 has no TDX host code", "kernels: v5, "),
        ("7.4.1", "Linux 7.4 is not known yet", "7.3, which behaves as 7.2"),
        ("v5+kexec", "no such change: 'kexec'", "none-when-not-loaded, pamt-size-64bit"),
        ("v5+", "no such change: ''", "changes for v5: "),
        ("6.8+dynamic-pmat", "no such change: 'dynamic-pmat'", "did you mean dynamic-pamt?"),
        ("6.8+dynamic-pamt", "dynamic-pamt cannot be had on 6.8", "releases from 7.1 on"),
        ("6.18+initialized-at-boot", "initialized-at-boot cannot be had on 6.18", "from 7.1 on"),
        ("v5+cmr-walk", "cmr-walk cannot be had on v5", "releases from 6.8 on"),
        ("6.16+cmr-walk", "cmr-walk can be had up to 6.15, not on 6.16", ""),
        ("v5+pamt-size-64bit", "v5 has pamt-size-64bit already", ""),
        ("6.16+kexec-beside-tdx", "kexec-beside-tdx needs caches-marked-incoherent", ""),
        ("v6", "no such kernel: 'v6'", "kernels: v5, "),
        ("6.8 ", "no such kernel: '6.8 '", "did you mean 6.8?"),
        ("\x1b[31m", "no such kernel: '\\x1b[31m'", "kernels: v5, "),
        ("", "no such kernel: ''", "kernels: v5, "),
    ],
)
def test_a_name_that_is_no_kernel(asked: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        find_kernel(asked)
    assert raised.value.message.startswith(message)
    assert hint in (raised.value.hint or "")


def test_evidence_is_that_of_the_weakest_part() -> None:
    assert find_kernel("6.18").evidence is EXECUTED
    assert find_kernel("6.8+cmr-walk").evidence is READ
    assert find_kernel("6.14+cmr-walk").evidence is READ
    combined = find_kernel("6.16+pamt-reset-only-with-erratum")
    assert combined.evidence is EXECUTED
    assert combined.validated_by == "its parts (executed); nothing shows them together"
    assert ASSUMED.rank > READ.rank > EXECUTED.rank


def test_the_changes_between_two_releases() -> None:
    added, gone = changes_between(find_kernel("6.18"), find_kernel("6.8+cmr-walk"))
    assert [change.id for change in added] == [
        "no-rbp-mod-required",
        "kvm-asks-for-tdx",
        "kvm-refusals-fail",
        "pamt-reset-only-with-erratum",
        "caches-marked-incoherent",
        "kexec-beside-tdx",
    ]
    assert [change.id for change in gone] == ["cmr-walk"]


def test_every_change_has_a_release_or_says_that_none_has_it() -> None:
    """Expect `since` to be the first row that has it, and what it needs to come with it."""
    order = sorted(RELEASES, key=lambda release: release.wording)
    for change in CHANGES:
        having = [release.id for release in order if change in changes_of(release)]
        plain = [release for release in having if "+" not in release]
        if change.engine == "v5":
            assert having == ["v5"]
        elif change.since is None:
            assert [name for name in plain if not name.startswith("ubuntu-")] == []
        else:
            assert plain[0] == change.since
        ids = {other.id for other in CHANGES}
        assert {*change.needs, *change.excludes} <= ids
        for release in RELEASES:
            has = {other.id for other in changes_of(release)}
            if change.id in has:
                assert {*change.needs} <= has
                assert not has & {*change.excludes}


def test_every_kernel_has_a_class_and_every_engine_a_name_for_its_status() -> None:
    initial = {kernel.id: kernel_class(kernel).INITIAL_STATUS for kernel in KERNELS}
    assert {initial[name] for name in ("v5", "v5-posted")} == {"UNKNOWN"}
    late = ("6.8", "6.14", "6.16", "6.18", "ubuntu-24.04", "ubuntu-25.04")
    assert {initial[name] for name in late} == {"UNINITIALIZED"}
    assert {initial[name] for name in ("7.1", "7.2")} == {"NOT_INITIALIZED"}


@pytest.mark.parametrize(
    ("stored", "is_one"),
    [
        ("v5", True),
        ("7.2+dynamic-pamt", True),
        ("6.14+cmr-walk", True),
        # What was another kernel under that name, or is told by another name now.
        ("6.17", False),
        ("mainline", False),
        ("2026-06", False),
        ("cmr-walk", False),
        ("6.16+no-such-change", False),
        ("v5+kexec", False),
    ],
)
def test_a_stored_kernel_is_never_another_one(stored: str, is_one: bool) -> None:
    assert is_stored(stored) is is_one


def _combinations() -> list[str]:
    # Every change on every release that it can be had on, with what it needs.
    found = []
    for release in RELEASES:
        for change in CHANGES:
            with suppress(UsageError):
                found.append(find_kernel("+".join((release.id, *change.needs, change.id))).id)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("kernel", _combinations())
def test_a_change_has_its_words_on_every_release_that_can_carry_it(kernel: str) -> None:
    """Expect no line to be missing, whatever a module, a CPU or an update makes it say."""
    for loaded, features in ((True, "0x5ad9326f3f0fbf"), (True, "0x0"), (False, "0x0")):
        platform = Platform.from_dict(
            {
                "name": "m",
                "cpus": {"model": {"family": 6, "model": 0x8F}, "madt": [{"apic_id": "0-3"}]},
                "memory": {"ranges": [{"start": "1MiB", "size": "2GiB"}]},
                "module": {"loaded": loaded, "features": int(features, 16)},
            }
        )
        machine = Machine.boot(platform, kernel)
        machine.tdx_init()
        for operation in (lambda m: m.update_module(force=True), Machine.kexec, Machine.kexec):
            with suppress(UsageError):
                operation(machine)
        assert all(line.text for line in machine.dmesg)
    assert len(_combinations()) > 20


def test_the_page_of_kernels_is_current() -> None:
    """Mend with: python -m tools.kernel_reference > docs/kernels.md."""
    assert (ROOT / "docs" / "kernels.md").read_text() == reference()


def test_a_uname_that_is_not_known_can_be_assumed_to_be_a_release() -> None:
    """Expect it to be said, and a name that is none to stay one."""
    done = tdxctl(
        *("init", "--once", "--platform", "small", "--kernel", "7.6.1", "--assume-kernel", "7.2"),
        *("--format", "json"),
    )
    assert (done.returncode, done.stderr) == (0, "kernel: 7.6.1 behaves as 7.2, assumed\n")
    assert json.loads(done.stdout)["kernel"] == "7.2"
    found = find_kernel("5.14.0-611.el9", assumed=find_kernel("6.18"))
    assert (found.id, found.evidence, found.asked) == ("6.18", ASSUMED, "5.14.0-611.el9")
    assert find_kernel("6.16.1", assumed=find_kernel("7.2")).id == "6.16"
    with pytest.raises(UsageError, match="no such kernel: 'nonsense'"):
        find_kernel("nonsense", assumed=found)


@pytest.mark.parametrize(
    "words",
    [
        ("html", "--platform", "small", "-o", "-"),
        ("scenario", "new", "--platform", "small"),
        ("plan", "--platform", "small"),
    ],
    ids=lambda words: words[0],
)
def test_wherever_a_kernel_is_asked_for_one_can_be_assumed(words: tuple[str, ...]) -> None:
    """Expect the hint that says so to be one that can be followed."""
    refused = tdxctl(*words, "--kernel", "7.6.1")
    assert refused.returncode == 2
    assert "hint: --assume-kernel RELEASE goes on; the newest known is 7.3" in refused.stderr
    done = tdxctl(*words, "--kernel", "7.6.1", "--assume-kernel", "7.2")
    assert (done.returncode, done.stderr) == (0, "kernel: 7.6.1 behaves as 7.2, assumed\n")


@pytest.mark.parametrize(
    ("kernel", "error"),
    [
        ("6.14+no-caller+kvm-asks-for-tdx", "no-caller excludes kvm-asks-for-tdx"),
        ("6.14+kvm-asks-for-tdx+no-caller", "kvm-asks-for-tdx excludes no-caller"),
        ("6.8+no-caller+kvm-tells-of-failure", "no-caller excludes kvm-tells-of-failure"),
        (
            "6.14+kvm-tells-of-failure+kvm-asks-for-tdx",
            "kvm-tells-of-failure excludes kvm-asks-for-tdx",
        ),
    ],
)
def test_two_answers_to_who_calls_are_no_kernel(kernel: str, error: str) -> None:
    with pytest.raises(UsageError) as raised:
        find_kernel(kernel)
    assert raised.value.message == error


@pytest.mark.parametrize(
    "kernel", ["6.14+kvm-asks-for-tdx", "6.8+no-rbp-mod-required+kvm-asks-for-tdx"]
)
def test_a_kvm_that_asks_brings_the_metadata_that_it_looks_at(kernel: str) -> None:
    """Expect the verdict of 6.16, not of a module without ATTRIBUTES and XFAM."""
    done = tdxctl("init", "--once", "--platform", "small", "--kernel", kernel)
    assert done.returncode == 0
    assert done.stdout.endswith("\nhost:  ready to run 31 TDs\n")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("k.py:Mine", True),
        ("/a:b/k.py:Mine", True),
        ("package:Mine", False),
        ("k.py:1st", False),
        ("k.py:", False),
        ("k.py", False),
    ],
)
def test_which_words_name_a_file(text: str, is_one: bool) -> None:
    assert names_file(text) is is_one
