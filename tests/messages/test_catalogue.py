# SPDX-License-Identifier: Apache-2.0
"""What the catalogue says of a message, beside its words."""

from __future__ import annotations

import pytest

from tdxctl.linux.releases import RELEASES
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.message import Message, Stage
from tdxctl.messages.reading import candidates, has_prefix, read, read_in_any_case

BY_ID = {message.id: message for message in MESSAGES}


def test_wordings_come_with_releases_that_can_be_booted() -> None:
    """Expect a release whose words differ from the one before for every `since`, and none else."""
    since = {t.since for message in MESSAGES for t in message.templates if t.since is not None}
    assert since == {release.wording for release in RELEASES}


def test_stages_follow_each_other() -> None:
    assert [f"{stage.value} {stage.name}" for stage in Stage] == [
        "0 BOOT",
        "1 ASKED",
        "2 ENUMERATED",
        "3 CONFIGURED",
        "4 DONE",
        "5 RUNTIME",
    ]


def test_what_looks_like_a_failure_and_is_none() -> None:
    harmless = [message.id for message in MESSAGES if message.is_harmless]
    assert harmless == ["s3", "debugconfig", "symbol-version", "tme-policy", "mktme-algorithms"]


def test_what_others_say_too_is_a_line_of_tdx_by_its_prefix_or_its_place_alone() -> None:
    assert [message.id for message in MESSAGES if message.generic] == [
        *("seamrr-enabled", "enabled-by-bios", "not-supported", "seamrr-disabled"),
        *("feature-missing", "not-enabled-by-bios", "not-loaded", "version", "features"),
        *("dynamic-pamt", "initialized", "init-failed", "failed-for", "module-outdated"),
        *("initializing", "module-was-loaded", "kvm-refused", "kvm-parameter", "kvm-supported"),
        *("kvm-offers", "kvm-failed", "kvm-without-tdx", "kvm-not-fitting", "symbol-version"),
        *("kvm-of-amd", "kvm-of-another", "guest"),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        # The newest words of a kernel; those of trees that are no release, where only they have it.
        ("keyids", "BIOS enabled: private KeyID range [..., ...)"),
        ("not-loaded", "module not loaded"),
        ("vmx-off", "SEAMCALL failed: CPU ... is not in VMX operation"),
    ],
)
def test_how_a_message_is_shown(name: str, words: str) -> None:
    assert BY_ID[name].shown == words


@pytest.mark.parametrize("message", [m for m in MESSAGES if m.generic], ids=lambda m: m.id)
def test_words_that_others_say_too_count_at_the_start_of_a_line_alone(message: Message) -> None:
    """Expect them nowhere in a sentence, where no prefix stands before them."""
    told = f"I wonder whether {message.shown.replace('...', '1')} means anything"
    assert message.id not in [found.message.id for found in candidates(told)]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("virt/tdx: anything", True),
        ("tdx: anything", True),
        ("anything", False),
        ("kvm: anything", False),
    ],
)
def test_a_line_of_tdx_may_be_one_that_nobody_knows(text: str, has: bool) -> None:
    assert has_prefix(text) is has
    assert read(text) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("VIRT/TDX: MODULE INITIALIZED", "initialized"),
        ("seamcall FAILED: cpu 3 is NOT in vmx OPERATION", "vmx-off"),
        ("virt/tdx: initialized module", None),
        ("HYPERVISOR DETECTED: KVM", None),  # what it says is any words
    ],
)
def test_people_quote_in_any_case(text: str, name: str | None) -> None:
    found = read_in_any_case(text)
    assert (None if found is None else found.message.id) == name
