# SPDX-License-Identifier: Apache-2.0
"""Reading what kernels of all generations print, as people send it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tdxctl.capture.bootlog import read_log
from tdxctl.messages.catalogue import MESSAGES
from tdxctl.messages.reading import read
from tests import real
from tests.cli.runner import ROOT

# A line of a kernel that tdxctl does not boot, the message that it is, and its fields.
SEEN = [
    (
        "tdx: TDX enabled by BIOS. TDX private KeyID range: [16, 64)",
        "keyids",
        {"start": 16, "end": 64},
    ),
    ("tdx: Disable TDX as there's only one TDX private KeyID available.", "one-keyid", {}),
    ("tdx: Cannot enable TDX on TDX disabled platform", "not-supported", {}),
    ("tdx: not enabled by BIOS.", "not-enabled-by-bios", {}),
    ("tdx: [firmware bug]: TDX is not enabled by BIOS.", "not-enabled-by-bios", {}),
    ("tdx: SEAMCALL failed: TDX disabled by BIOS.", "not-enabled-by-bios", {}),
    ("tdx: SEAMCALL failed: CPU 162 is not in VMX operation.", "vmx-off", {"cpu": 162}),
    (
        "tdx: SEAMCALL failed: CPU 94: leaf 33, error 0xc000092100000122.",
        "seamcall-failed",
        {"cpu": 94, "leaf": 33, "status": 0xC000092100000122},
    ),
    (
        "tdx: SEAMCALL failed: leaf 254, error 0xc000050500000000.",
        "seamcall-failed",
        {"leaf": 254, "status": 0xC000050500000000},
    ),
    (
        "SEAMCALL (0x000000000000001c) failed: 0xc000030000000001 RCX 0x0000000000000000 RDX "
        "0x0000000000000000 R8 0x0000000000000000",
        "seamcall-failed",
        {"leaf": 28, "status": 0xC000030000000001},
    ),
    (
        "tdx: additional output: rcx 0x0, rdx 0x1f, r8 0x0, r9 0x0, r10 0x0, r11 0x0.",
        "seamcall-output",
        {"rcx": 0, "rdx": 31, "r8": 0, "r9": 0, "r10": 0, "r11": 0},
    ),
    ("virt/tdx: NO_RBP_MOD feature is not supported", "rbp", {}),
    (
        "virt/tdx: CMR: [0x100000, 0x6f800000)",
        "cmr",
        {"start": 0x100000, "end": 0x6F800000},
    ),
    (
        "tdx: TDX module: atributes 0x0, vendor_id 0x8086, major_version 1, minor_version 5, "
        "build_date 20230420, build_num 507",
        "version",
        {
            "attributes": 0,
            "vendor_id": 0x8086,
            "major": 1,
            "minor": 5,
            "build_date": 20230420,
            "build_num": 507,
        },
    ),
    (
        "tdx: TDX SEAM module: attributes 0x0 vendor_id 0x8086 build_date 20220420 build_num "
        "0x156 minor_version 0x0 major_version 0x1.",
        "version",
        {
            "attributes": 0,
            "vendor_id": 0x8086,
            "build_date": 20220420,
            "build_num": 342,
            "minor": 0,
            "major": 1,
        },
    ),
    (
        "virt/tdx: TDX module 1.5.06.00, build number 744, build date 0134d817",
        "version",
        {"version": "1.5.06.00", "build_num": 744, "build_date": 20240407},
    ),
    ("virt/tdx: TDX module version: 1.5.24", "version", {"version": "1.5.24"}),
    ("tdx: TDX module: features0: fbf", "features", {"features": 0xFBF}),
    ("virt/tdx: 262668 KBs allocated for PAMT", "pamt", {"kib": 262668}),
    ("tdx: Successfully initialized TDX module", "initialized", {}),
    ("tdx: TDX module initialization failed (-22)", "init-failed", {"errno": -22}),
    ("tdx: initialization failed (-19)", "init-failed", {"errno": -19}),
    ("tdx: TDDEBUGCONFIG isn't supported.", "debugconfig", {}),
    # Trees that load the module themselves.
    ("tdx: TDX initialized.", "initialized", {}),
    ("tdx: support upto 31 TD keyids", "kvm-offers", {"keyids": 31}),
    ("tdx: Disabled CPUs detected, skipping TDX-SEAM load/config.", "cpus-left-out", {}),
    ("tdx: Loading TDX module via P-SEAMLDR.", "module-loading", {}),
    (
        "tdx: Loading TDX module via P-SEAMLDR with libtdx.so and libtdx.so.sigstruct",
        "module-loading",
        {"module": "libtdx.so", "sigstruct": "libtdx.so.sigstruct"},
    ),
    ("tdx: tdx module successfully initialized.", "seam-loader", {}),
    ("tdx: can't load/init TDX module. disabling TDX feature.", "init-failed", {}),
    (
        "tdx: e820 ram [0x6f800000 - 0x6fa00000] not covered by CMRs",
        "not-convertible",
        {"start": 0x6F800000, "end": 0x6FA00000},
    ),
    ("seam: SEAMRR base is not configured by BIOS", "seamrr-disabled", {}),
    ("seam: P-SEAMLDR was already loaded. reusing it.", "seam-loader", {}),
    (
        "seam: SEAMCALL[SEAMLDR_INFO] failed P_SEAMLDR_ENOENTROPY (0x8000000000030001)",
        "seamcall-failed",
        {
            "name": "SEAMLDR_INFO",
            "words": "P_SEAMLDR_ENOENTROPY",
            "status": 0x8000000000030001,
        },
    ),
    # KVM of SUSE's kernels of 15-SP5, and of Intel's of 6.2.
    ("kvm_intel: tdx: max servtds supported per user TD is 1", "kvm-offers", {"servtds": 1}),
    ("kvm_intel: tdx: live migration supported", "kvm-offers", {}),
    ("kvm_intel: tdx: td partitioning supported", "kvm-offers", {}),
    ("seam: Loading TDX P-SEAMLDR a/b.acm.", "seam-loader", {"file": "a/b.acm."}),
    ("kvm_intel: TDX is supported.", "kvm-supported", {}),
    ("kvm_intel: Failed to initialize TDX module.", "kvm-failed", {}),
    ("TDX requires TDP MMU.  Please enable TDP MMU for TDX.", "tdp-mmu", {}),
    ("kvm_intel: tdx: XSAVE is required for TDX", "kvm-refused", {"feature": "XSAVE"}),
    (
        "WARNING: CPU: 131 PID: 34217 at arch/x86/kvm/vmx/tdx.c:1494 "
        "tdx_mem_page_aug+0x102/0x1d0 [kvm_intel]",
        "kvm-warning",
        {"cpu": 131, "pid": 34217, "line": 1494, "function": "tdx_mem_page_aug"},
    ),
    ("kvm_intel: no symbol version for __seamcall_saved_ret", "symbol-version", None),
    ("x86/tme: not enabled by BIOS", "tme", {"state": "not enabled"}),
    ("x86/mktme: 63 KeyIDs available", "mktme-keyids", {"keyids": 63}),
    ("SEAM_RR bit: 0 (expected value: 1)", "report-seamrr", {"enabled": 0}),
    ("NUM_TDX_PRIV_KEYS: 20", "report-keyids", {"keyids": 32}),
]


@pytest.mark.parametrize(("line", "message", "fields"), SEEN, ids=[line for line, *_ in SEEN])
def test_a_wording_that_no_kernel_here_prints_is_read(
    line: str, message: str, fields: dict[str, int | str] | None
) -> None:
    [found] = read(line)
    assert found.message.id == message
    assert fields is None or found.fields == fields


@pytest.mark.parametrize(
    ("line", "release"),
    [
        ("virt/tdx: module initialized", (6, 8)),
        ("virt/tdx: TDX-Module initialized", (7, 1)),
        ("tdx: module initialized", None),
        ("kvm_intel: tdx requires TDP MMU.  Please enable TDP MMU in KVM.", None),
    ],
)
def test_the_newest_prefix_of_tdx_c_tells_the_oldest_release(
    line: str, release: tuple[int, int] | None
) -> None:
    """Expect trees of no release to have any words behind the older prefix."""
    [found] = read(line)
    assert found.release == release


@pytest.mark.parametrize(
    "line",
    [
        "virt/tdx: SEAMCALL (0x0000000000000021) failed: 0xc000090000000000",
        "tdx: SEAMCALL (0x21) failed: 0xC000090000000000",
        "SEAMCALL (21) failed: c000090000000000",
        "> virt/tdx: SEAMCALL (0x0000000000000021)  failed: 0xc000090000000000  ",
        "virt/tdx: SEAMCALL  (0x0000000000000021)\tfailed:  0xc000090000000000",
        "seamldr: SEAMCALL (0x0000000000000021) failed: 0xc000090000000000",
    ],
)
def test_numbers_prefixes_and_spaces_may_be_any(line: str) -> None:
    [found] = read(line)
    assert (found.message.id, found.fields) == (
        "seamcall-failed",
        {"leaf": 0x21, "status": 0xC000090000000000},
    )


@pytest.mark.parametrize(
    "line",
    [
        "tdx: TDX module is not loaded",
        "tdx: Failed to initialize TDX module. Shut it down.",
        "kvm_intel: tdx: Self-snoop is required for TDX",
    ],
)
def test_a_full_stop_and_a_second_space_may_be_missing(line: str) -> None:
    assert len(read(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "module initialized",
        "kvdo: module initialization failed (-12)",
        "mydrv: module version: 3.1.4",
        "Expected: virt/tdx: module initialized",
        "VMware Guest detected",
        "a driver: XSAVE is required for TDX",
        "virt/tdx: SEAMCALL (0x0000000000000021) failed:",
        "virt/tdx: BIOS enabled: private KeyID range [-32, 64)",
        "virt/tdx: CMR: [0x123456789abcdef01, 0x2)",
    ],
)
def test_what_is_no_line_on_tdx_or_has_lost_its_end_is_not_read(line: str) -> None:
    assert read(line) == ()


def test_a_line_that_ran_into_the_one_before_is_read_too() -> None:
    """Expect both, where v5's line on the module has no newline at its end."""
    found = read(
        "tdx: TDX module: vendor_id 0x8086, major_version 1, minor_version 5, build_date "
        "20211209, build_num 160tdx: Kernel-checked-CMR : [0x100000, 0xb144000)"
    )
    assert [(one.message.id, one.fields.get("build_num")) for one in found] == [
        ("version", 160),
        ("cmr", None),
    ]


# Who prints on TDX; what stands before it in formats of journals and consoles is no matter here.
_WHO = r"(?:virt/)?tdx|seam|seamldr|kvm_intel|SEAM"
_OF_TDX = re.compile(rf"(?:^|[\s;=\"])((?:{_WHO}): .*)|.*SEAMCALL.*")
# Lines that a mail program cut in two.
_CUT = {
    "virt/tdx: BIOS enabled: private KeyID range [32,",
    "virt/tdx: Disable ACPI S3. Turn off TDX in the BIOS",
    "virt/tdx: SEAMCALL (0x0000000000000021) failed:",
}


def _real_lines() -> Iterator[str]:
    for folder in ("dmesg", "tdx-logs", "reports"):
        for path in sorted(real.FOLDER.glob(f"{folder}/*.txt")):
            log = read_log(path.read_bytes(), path.name, of_a_kernel=False)
            yield from (line.text for line in log.lines)


def test_every_line_of_real_logs_is_in_the_catalogue_or_not_of_tdx() -> None:
    of_tdx = [match[1] or match[0] for line in _real_lines() if (match := _OF_TDX.search(line))]
    assert len(of_tdx) > 60
    assert [line for line in of_tdx if not read(line) and line not in _CUT] == []


def _strings(path: str) -> Iterator[str]:
    # The strings of a module that are no docstrings.
    tree = ast.parse((ROOT / path).read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)


def test_no_other_room_has_words_of_a_line() -> None:
    """Expect the longest words of each wording in no string of a room that prints or reads."""
    words = {
        max(re.split(r"\{[^}]*\}", template.text.removesuffix(".")), key=len)
        for message in MESSAGES
        for template in message.templates
    } - {" is not in VMX operation"}  # which anybody may say of a CPU
    rooms = ("host", "capture", "diagnose", "explain")
    paths = sorted(p.relative_to(ROOT) for r in rooms for p in (ROOT / "tdxctl" / r).glob("*.py"))
    said = [
        f"{path}: {words_of_a_line}"
        for path in paths
        for text in _strings(str(path))
        for words_of_a_line in words
        if words_of_a_line in text
    ]
    assert said == []
