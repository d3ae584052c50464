# SPDX-License-Identifier: Apache-2.0
"""`tdxctl explain`: codes from a log, in words."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import tdxctl

RESERVED = """\
TDX_NON_ORDERED_RESERVED_IN_TDMR
  status:      0xc0000a2100000300
  details:     TDMR 0, reserved area 3
  class:       physical memory; error, not recoverable
  returned by: TDH.SYS.CONFIG
  means:       Reserved areas of a TDMR overlap or are not in ascending order, or an empty entry \
stands before a used one.
  to do:       a kernel bug or a kernel and a module that do not match: try a newer kernel
"""

PAMT_OVERLAP = """\
TDX_PAMT_OVERLAP
  status:      0xc0000a1200020103
  details:     TDMR 3, PAMT_2M, with TDMR 2
  class:       physical memory; error, not recoverable
  returned by: TDH.SYS.CONFIG
  means:       A PAMT overlaps another one, or a part of a TDMR that is not marked reserved.
  to do:       a kernel bug or a kernel and a module that do not match: try a newer kernel
"""

MSR = """\
TDX_INCORRECT_MSR_VALUE
  status:      0xc000092100000087
  details:     MSR 0x87
  class:       platform; error, not recoverable
  returned by: TDH.SYS.INIT
  means:       An MSR holds a value that the module does not accept: often BIOS older than the \
module.
  to do:       update BIOS and microcode to a release meant for this TDX module, or use the module \
that came with the BIOS
"""

BUSY = """\
TDX_OPERAND_BUSY
  status:      0x8000020000000001
  details:     RCX
  class:       busy or resource; error, recoverable
  returned by: TDH.PHYMEM.PAGE.RDMD, TDH.SYS.KEY.CONFIG, TDH.SYS.TDMR.INIT
  means:       Another CPU holds what the operand names.
  to do:       a kernel that retries gets past it; on one that does not, reboot and try again
"""

VMFAILINVALID = """\
VMFAILINVALID
  status:      0x8000ff00ffff0000
  class:       made by Linux: the SEAMCALL did not get through
  means:       The SEAMCALL did not reach a module: none is loaded, or it shut itself down on a \
fatal error.
  to do:       see that the firmware carries and loads a TDX module, then reboot
"""

ENOSPC = """\
ENOSPC
  errno:       -28
  means:       6.8 and later: TDMRs or reserved areas exhausted.
  to do:       fewer memory regions and holes, or a kernel that walks CMRs
"""

ERANGE = """\
ERANGE
  errno:       -34
  means:       No kernel's TDX bring-up returns it.
"""

SYS_RD = """\
TDH.SYS.RD
  leaf:        0x22 (34)
  does:        Reads a metadata field. Step 3 of later kernels.
  takes:       RDX: field id
  returns:     TDX_SYS_LP_INIT_NOT_DONE, TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT, \
TDX_METADATA_FIELD_ID_INCORRECT
"""

# A number without 0x can be an errno without its sign.
SYS_RD_34 = SYS_RD + "  as an errno: -34 is ERANGE\n"

MAX_TDMRS = """\
MAX_TDMRS
  field id:    0x9100000100000008
  means:       A global metadata field of 16 bits, read with TDH.SYS.RD.
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["0xc0000a2100000300"], RESERVED),
        (["0XC0000A2100000300,"], RESERVED),  # as it stands in a sentence
        (["c0000a2100000300"], RESERVED),  # as %llx prints it
        (["0xc0000a1200020103"], PAMT_OVERLAP),
        (["0xc000092100000087"], MSR),
        (["0x8000020000000001"], BUSY),
        (["0x8000ff00ffff0000"], VMFAILINVALID),
        (["-28"], ENOSPC),
        (["ENOSPC"], ENOSPC),
        (["-ENOSPC"], ENOSPC),
        (["-34"], ERANGE),
        (["0x22"], SYS_RD),
        (["34"], SYS_RD_34),
        (["TDH.SYS.RD"], SYS_RD),
        (["sys.rd"], SYS_RD),
        (["0x9100000100000008"], MAX_TDMRS),
        (["MAX_TDMRS"], MAX_TDMRS),
        (["-28", "0x22", "MAX_TDMRS"], f"{ENOSPC}\n{SYS_RD}\n{MAX_TDMRS}"),
    ],
)
def test_what_is_known_is_told(words: list[str], expected: str) -> None:
    done = tdxctl("explain", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")


def test_words_come_from_standard_input_too() -> None:
    """Expect them where the - stands among the arguments."""
    done = tdxctl("explain", "-28", "-", "MAX_TDMRS", stdin="0x22\n\t0xc0000a2100000300 ")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{ENOSPC}\n{SYS_RD}\n{RESERVED}\n{MAX_TDMRS}"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ENOSPX", "ENOSPX: unknown: near ENOSPC, ENOSR, ENOTSUPP\n"),
        ("nothing-like-it", "nothing-like-it: unknown\n"),
        ("-4095", "-4095: unknown\n"),
        ("[red]", "[red]: unknown\n"),  # not markup
        ("\x1b[31mred", "\\x1b[31mred: unknown\n"),
        ("a\nb\tc", "a\\nb\\tc: unknown\n"),
        ("\u202ecod", "\\u202ecod: unknown\n"),  # right-to-left override
        ("{0}%s", "{0}%s: unknown\n"),
    ],
)
def test_the_unknown_is_said_to_be_and_harmless(word: str, expected: str) -> None:
    """Expect exit 1, what looks like it, and nothing that a terminal would act on."""
    done = tdxctl("explain", "--", word)
    assert (done.returncode, done.stdout, done.stderr) == (1, expected, "")


def test_one_unknown_among_known_ones_is_exit_1() -> None:
    done = tdxctl("explain", "-28", "ENOSPX")
    assert done.returncode == 1
    assert done.stdout == f"{ENOSPC}\nENOSPX: unknown: near ENOSPC, ENOSR, ENOTSUPP\n"


def test_json_has_the_same_facts_and_what_was_asked_as_it_was() -> None:
    words = ["0xc0000a2100000300", "-28", "0x22", "0x9100000100000008", "\x1b[31m[red]\n"]
    done = tdxctl("explain", "--format", "json", *words)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    assert json.loads(done.stdout) == {
        "schema": "tdxctl.explain/1",
        "answers": [
            {
                "asked": "0xc0000a2100000300",
                "kind": "status",
                "name": "TDX_NON_ORDERED_RESERVED_IN_TDMR",
                "status": "0xc0000a2100000300",
                "details": "TDMR 0, reserved area 3",
                "class": "physical memory; error, not recoverable",
                "returned_by": "TDH.SYS.CONFIG",
                "means": "Reserved areas of a TDMR overlap or are not in ascending order, or an "
                "empty entry stands before a used one.",
                "to_do": "a kernel bug or a kernel and a module that do not match: try a newer "
                "kernel",
                "nearest": [],
            },
            {
                "asked": "-28",
                "kind": "errno",
                "name": "ENOSPC",
                "errno": "-28",
                "means": "6.8 and later: TDMRs or reserved areas exhausted.",
                "to_do": "fewer memory regions and holes, or a kernel that walks CMRs",
                "nearest": [],
            },
            {
                "asked": "0x22",
                "kind": "leaf",
                "name": "TDH.SYS.RD",
                "leaf": "0x22 (34)",
                "does": "Reads a metadata field. Step 3 of later kernels.",
                "takes": "RDX: field id",
                "returns": "TDX_SYS_LP_INIT_NOT_DONE, TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT, "
                "TDX_METADATA_FIELD_ID_INCORRECT",
                "nearest": [],
            },
            {
                "asked": "0x9100000100000008",
                "kind": "metadata-field",
                "name": "MAX_TDMRS",
                "field_id": "0x9100000100000008",
                "means": "A global metadata field of 16 bits, read with TDH.SYS.RD.",
                "nearest": [],
            },
            {
                "asked": "\x1b[31m[red]\n",
                "kind": "unknown",
                "name": "\x1b[31m[red]\n",
                "nearest": [],
            },
        ],
    }


def test_without_a_word_it_is_a_usage_error() -> None:
    done = tdxctl("explain")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Missing argument 'WHAT...'.\n")


@pytest.mark.parametrize(
    ("asked", "first_lines"),
    [
        # Bit 62 and bits 46:34 of a metadata field id are 0: these are statuses.
        (
            "0xc0000b0a00000001",
            [
                "0xc0000b0a00000001: unknown: near TDX_PAGE_SIZE_MISMATCH, "
                "TDX_EPT_INVALID_PROMOTE_CONDITIONS, TDX_GPA_RANGE_BLOCKED",
                "  looks like:  a SEAMCALL status",
            ],
        ),
        # Details of 0 mean the first TDMR, not none.
        ("0xc0000a0000000000", ["TDX_INVALID_TDMR", "", "  details:     TDMR 0"]),
        # 16 digits without 0x are hex, also where all of them are decimal ones.
        ("8000020300000000", ["TDX_RND_NO_ENTROPY"]),
        (
            "0xc000090800000015",
            ["TDX_CPUID_LEAF_NOT_SUPPORTED", "", "  details:     CPUID leaf 0x15"],
        ),
        ("0", ["TDX_SUCCESS"]),
        ("101", ["101: unknown: near -101 (ENETUNREACH)"]),
        ("0x10000", ["0x10000: unknown"]),
        ("99999999999999999999", ["99999999999999999999: unknown"]),
        ("0x9000000300000085", ["CMR_BASE[5]", "  field id:    0x9000000300000085"]),
    ],
)
def test_numbers_are_read_as_what_they_can_be(asked: str, first_lines: list[str]) -> None:
    lines = tdxctl("explain", asked).stdout.splitlines()
    for line, expected in zip(lines, first_lines, strict=False):
        assert not expected or line == expected


def test_nothing_asked_is_a_usage_error() -> None:
    done = tdxctl("explain", "-", stdin="  \n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is nothing to explain\n  hint: give a code or a name\n"


CPUID_CONFIG = """\
TDX_OPERAND_INVALID
  status:      0xc000010000000045
  details:     CPUID_CONFIG
  operand:     CPUID_CONFIG (69): the CPUID values in the TD_PARAMS of TDH.MNG.INIT: RCX of its \
answer has the leaf (bits 31:0) and the subleaf (bits 63:32) that is refused
  class:       operand; error, not recoverable
  leaf:        TDH.MNG.INIT (21): Initializes a TD from its TD_PARAMS.
  means:       A register holds a value that the leaf does not take.
  to do:       have the virtual machine monitor ask for a TD that this CPU and module allow: other \
or fewer CPU features
"""


@pytest.mark.parametrize(
    "words",
    [
        ["0xc000010000000045", "--leaf", "TDH.MNG.INIT"],
        ["c000010000000045", "--leaf", "tdh_mng_init"],
        ["--leaf", "21", "0xC000010000000045"],
        ["TDH.MNG.INIT failed with status: 0xc000010000000045"],
        ["[   33.1] kvm_intel: SEAMCALL TDH_MNG_INIT failed: 0xc000010000000045"],
    ],
)
def test_a_status_is_told_as_the_answer_of_its_leaf(words: list[str]) -> None:
    """Expect the leaf from the command line, or from a line of any program that names it."""
    done = tdxctl("explain", *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, CPUID_CONFIG, "")


def test_a_line_that_names_a_call_is_one_on_standard_input_too() -> None:
    done = tdxctl("explain", "-", stdin="TDH.MNG.INIT failed with status: 0xc000010000000045\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, CPUID_CONFIG, "")


def test_what_no_leaf_is_is_a_usage_error() -> None:
    done = tdxctl("explain", "0xc000010000000045", "--leaf", "TDH.MNG.INTI")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: not a leaf: 'TDH.MNG.INTI'\n"
        "  hint: a name such as TDH.MNG.INIT, or a SEAMCALL's number\n"
    )
