# SPDX-License-Identifier: Apache-2.0
"""Kernels, and what lies between two, as lines and as documents."""

from __future__ import annotations

import json

import pytest

from tdxctl.linux.lookup import find_kernel
from tdxctl.report.kernels import between_json, between_lines, list_lines, one_json, one_lines
from tdxctl.report.prose import DIM, HEAD, plain

#: The one change of `6.8+cmr-walk`, as documents have it.
CMR_WALK = {
    "id": "cmr-walk",
    "title": "holes are found by walking CMRs",
    "does": "reserved areas are made for what lies between CMRs, not between memory regions; "
    "memory outside every CMR is refused",
    "since": None,
    "commits": [
        {
            "hash": None,
            "subject": "Reduce TDMR's reserved areas by using CMRs to find memory holes",
            "where": "posted July to December 2024, v8.2; carried by distributions",
        }
    ],
    "evidence": "read",
}

ONE = """\
6.8+cmr-walk: Linux 6.8 with the CMR walk (2024-12)
  changes:  on 6.8: holes are found by walking CMRs
  evidence: read: not executed; the PAMT that a host with that change printed

1 change since the first of its line:
  cmr-walk
    reserved areas are made for what lies between CMRs, not between memory regions; memory \
outside every CMR is refused. ("Reduce TDMR's reserved areas by using CMRs to find memory holes") \
(posted July to December 2024, v8.2; carried by distributions)"""


def test_a_kernel_in_full_has_every_change_with_its_commits() -> None:
    """Expect its id, and that of each change, to stand out; nothing of one without changes."""
    lines = one_lines(find_kernel("6.8+cmr-walk"))
    assert plain(lines) == ONE
    assert [line.label_role for line in lines] == [HEAD, DIM, DIM, DIM, DIM, HEAD, DIM]
    first, evidence = plain(one_lines(find_kernel("6.8"))).split("\n")
    assert first == "6.8: Linux 6.8 (2024-03-10)"
    assert evidence.startswith("  evidence: executed: ")


def test_a_list_has_what_is_new_in_each_and_what_more_is_read() -> None:
    found = plain(list_lines(map(find_kernel, ("6.14", "6.8+cmr-walk")))).split("\n")
    assert found[:2] == [
        "6.14: Linux 6.14 (2025-03-24)",
        "  changes:  on 6.8: a module must have NO_RBP_MOD; the metadata has features too: "
        "6 fields, not 5; the metadata is read before the memory list is built",
    ]
    assert found[3:] == ONE.split("\n")[:3]


@pytest.mark.parametrize(
    ("kernel", "against", "lines"),
    [
        (
            "6.14",
            "6.8",
            [
                "6.14 against 6.8: 1 change",
                "  no-rbp-mod-required",
                "    a module whose TDX_FEATURES0 lacks bit 18 is refused with -EINVAL. (in v6.14)",
                "  metadata: has features too: 6 fields, not 5",
                "  metadata: is read before the memory list is built",
            ],
        ),
        (
            "6.8",
            "6.14",
            [
                "6.8 against 6.14: 0 changes, 1 not in it",
                "  no-rbp-mod-required",
                "    not in it: a module whose TDX_FEATURES0 lacks bit 18 is refused with -EINVAL. "
                "(in v6.14)",
                "  metadata: lacks features",
                "  metadata: is read after the memory list is built",
            ],
        ),
        ("6.8", "6.8", ["6.8 against 6.8: 0 changes"]),
    ],
)
def test_between_two_kernels_are_changes_and_what_is_read_of_the_metadata(
    kernel: str, against: str, lines: list[str]
) -> None:
    assert plain(between_lines(find_kernel(kernel), find_kernel(against))).split("\n") == lines


@pytest.mark.parametrize(
    ("kernel", "against", "lines"),
    [
        (
            "6.14",
            "v5",
            [
                "  metadata: has features, tdmr too: 6 fields, not 0",
                "  engine:   linux/v6_8.py, not linux/v5.py: another tdx.c altogether",
            ],
        ),
        (
            "v5",
            "6.14",
            [
                "  metadata: lacks features, tdmr",
                "  engine:   linux/v5.py, not linux/v6_8.py: another tdx.c altogether",
            ],
        ),
    ],
)
def test_of_a_kernel_that_reads_no_metadata_it_is_not_said_when(
    kernel: str, against: str, lines: list[str]
) -> None:
    """v5 reads none, before or after the memory list; its tdx.c is another one."""
    found = plain(between_lines(find_kernel(kernel), find_kernel(against))).split("\n")
    assert [line for line in found if line.startswith(("  metadata:", "  engine:"))] == lines


def test_the_document_of_a_kernel() -> None:
    assert json.loads(one_json(find_kernel("6.8+cmr-walk"))) == {
        "schema": "tdxctl.kernels/2",
        "kernels": [
            {
                "id": "6.8+cmr-walk",
                "title": "Linux 6.8 with the CMR walk",
                "date": "2024-12",
                "on": "6.8",
                "engine": "linux/v6_8.py",
                "changes": [CMR_WALK],
                "evidence": "read",
                "validated_by": "not executed; the PAMT that a host with that change printed",
            }
        ],
    }


def test_the_document_of_what_lies_between_two_tells_what_is_new_from_what_is_gone() -> None:
    walks, plain_6_8, v5 = map(find_kernel, ("6.8+cmr-walk", "6.8", "v5"))
    both = {"engine": "linux/v6_8.py", "engine_against": "linux/v6_8.py", "metadata": []}
    schema = {"schema": "tdxctl.kernels-between/1"}
    assert json.loads(between_json(walks, plain_6_8)) == schema | both | {
        "kernel": "6.8+cmr-walk",
        "against": "6.8",
        "changes": [CMR_WALK],
        "not_in_it": [],
    }
    assert json.loads(between_json(plain_6_8, walks)) == schema | both | {
        "kernel": "6.8",
        "against": "6.8+cmr-walk",
        "changes": [],
        "not_in_it": [CMR_WALK],
    }
    found = json.loads(between_json(v5, plain_6_8))
    assert (found["engine"], found["engine_against"]) == ("linux/v5.py", "linux/v6_8.py")
    assert found["metadata"] == ["lacks tdmr"]
