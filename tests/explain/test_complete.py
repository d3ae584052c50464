# SPDX-License-Identifier: Apache-2.0
"""Everything that tdxctl can show has words, and the words name what there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import astuple

from tdxctl import causes
from tdxctl.advice.causes import explain_cause
from tdxctl.advice.errnos import ERRNOS
from tdxctl.advice.statuses import STATUSES, explain_code
from tdxctl.errnos import Errno
from tdxctl.explain.leaves import PURPOSES, purpose
from tdxctl.explain.lookup import look_up
from tdxctl.seam.codes import table
from tdxctl.seam.leaves import Leaf
from tdxctl.seam.metadata import FIELDS
from tdxctl.seam.returned import RETURNS, returned_by
from tdxctl.seam.status import Status, base_status
from tests.cli.runner import ROOT
from tests.seam import vectors

# The dispatcher's, Linux's and those of leaves that are not modelled: no leaf's own.
OF_NO_LEAF = {
    "TDX_SUCCESS",
    "TDX_SYS_NOT_READY",
    "TDX_SYS_SHUTDOWN",
    "TDX_INTERRUPTED_BUSY",
    "TDX_MISSING_PAMT_PAGE_PAIR",
    "TDX_CRYPTO_SELF_TEST_FAILED",
    "SEAMLDR_EUNSPECERR",
    "SEAMLDR_EINTERRUPT",
    "VMFAILINVALID",
    "GP",
    "UD",
}


# Of each type of cause one, with numbers of no meaning.
_NUMBERS = {"offline": (3,), "errno": Errno.ENOMEM, "what": "the TDMR array"}
ONE_OF_EACH: list[causes.Cause] = [
    cause(**{field: _NUMBERS.get(field, 7) for field in cause.__match_args__})
    for cause in causes.Cause.__args__
]


def test_every_status_has_words() -> None:
    assert set(STATUSES) == set(Status)


def test_every_leaf_has_words() -> None:
    assert set(PURPOSES) == set(Leaf)


def test_every_errno_of_the_kernels_has_words() -> None:
    """Expect words for each errno that code of the host side names, and some to be named."""
    named = set()
    for path in (*(ROOT / "tdxctl" / "linux").glob("*.py"), ROOT / "tdxctl" / "machine.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="Errno"), attr=str(name)):
                    named.add(Errno[name])
                case _:
                    pass
    assert named >= {Errno.ENODEV, Errno.EINVAL, Errno.EFAULT, Errno.E2BIG, Errno.ENOMEM}
    assert named <= set(ERRNOS)


def _texts() -> Iterator[str]:
    for words in (*STATUSES.values(), *ERRNOS.values()):
        yield from (words.means, words.to_do)
    for cause in ONE_OF_EACH:
        said = explain_cause(cause)
        yield from (said.why, said.means, said.to_do)
    yield from PURPOSES.values()
    for code in table().status_codes:
        yield from astuple(explain_code(code))
    for known in table().leaves:
        yield purpose(known)


def test_no_words_are_missing_or_unfinished() -> None:
    """Expect meanings to be sentences, hints to be fragments without a full stop."""
    assert [text for text in _texts() if not text or text != text.strip()] == []
    codes = [explain_code(code) for code in table().status_codes]
    meanings = [words.means for words in (*STATUSES.values(), *ERRNOS.values(), *codes)]
    meanings += PURPOSES.values()
    meanings += [purpose(leaf) for leaf in table().leaves]
    assert [text for text in meanings if not text.endswith(".")] == []
    hints = [words.to_do for words in (*STATUSES.values(), *ERRNOS.values(), *codes)]
    meanings += [explain_cause(cause).means for cause in ONE_OF_EACH]
    hints += [explain_cause(cause).to_do for cause in ONE_OF_EACH]
    assert [text for text in hints if text.endswith(".")] == []


def test_leaves_and_statuses_in_the_words_exist() -> None:
    """Expect each TDH.A.B and TDX_A_B to be one that tdxctl knows."""
    text = " ".join(_texts())
    leaves = {name.rstrip(".") for name in re.findall(r"\bTD[HG]\.[A-Z0-9.]+", text)}
    assert leaves >= {"TDH.SYS.INIT", "TDH.SYS.CONFIG", "TDH.SYS.LP.INIT", "TDH.MEM.TRACK"}
    assert leaves <= {leaf.name for leaf in table().leaves}
    assert set(re.findall(r"\bTDX_[A-Z_]+", text)) <= set(Status.__members__)


def test_every_status_names_the_leaves_that_return_it() -> None:
    assert {status.name for status in Status if not returned_by(status)} == OF_NO_LEAF


def _golden_answers() -> Iterator[tuple[int, int]]:
    # Leaf and status of every call that the published module code answered.
    for name in vectors.names():
        for case in vectors.load(name):
            if "expect" in case:
                yield 45, vectors.number(case["expect"]["status"])
            elif "rdx" in case:
                yield 37 if name.endswith("rdall") else 34, vectors.number(case["status"])
            for step in case.get("steps", ()):
                if "leaf" not in step:
                    continue
                leaf = vectors.call_of(step).rax & 0xFFFF
                statuses = [result[1] for result in step.get("results", ())] or [step["status"]]
                yield from ((leaf, vectors.number(status)) for status in statuses)


def test_the_modules_own_answers_are_in_the_table() -> None:
    """Expect every status of a golden call to be one that its leaf is said to return."""
    # Any leaf: success, a halted module, and what the dispatcher answers.
    of_any = {0, 0x8000FF00FFFF0000, 0xC000010000000000, 0xC000050500000000, 0xC000050600000000}
    said = {(leaf & 0xFFFF, status) for leaf, own in RETURNS.items() for status in own}
    golden = {(leaf, status) for leaf, status in _golden_answers() if status not in of_any}
    assert (45, 0xC0000A2100000300) in golden
    unsaid = [
        (leaf, hex(status))
        for leaf, status in sorted(golden)
        if (leaf, base_status(status)) not in said
    ]
    assert unsaid == []


def test_every_metadata_field_is_found_by_id_and_by_name() -> None:
    for first, name, fields, elements, _ in FIELDS:
        count = fields * elements
        last = look_up(hex(first + count - 1))
        assert (last.kind, last.name) == (
            "metadata-field",
            name if count == 1 else f"{name}[{count - 1}]",
        )
        assert (look_up(name).kind, look_up(name).name) == ("metadata-field", name)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_found_by_number_and_by_name(status: Status) -> None:
    assert look_up(status.name).name == status.name
    if int(status) in {
        int(leaf) for leaf in Leaf
    }:  # P-SEAMLDR's leaves and statuses share numbers: both are told
        assert look_up(hex(status)).kind == "leaf"
        assert status.name in dict(look_up(hex(status)).lines)["also"]
    elif status:  # 0 is too little to tell a status by
        assert look_up(hex(status)).name == status.name
