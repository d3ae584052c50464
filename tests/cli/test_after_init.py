# SPDX-License-Identifier: Apache-2.0
"""After the init, through the command line: CPUs, memory, runtime update, hotplug, kexec."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.cli.runner import tdxctl

#: The kernel that has everything.
DYNAMIC = "7.2+dynamic-pamt"


class Session:
    """Commands on one stored machine `m`, on the platform `small` or as described."""

    def __init__(self, folder: Path, kernel: str, *settings: str) -> None:
        self.folder = folder
        options = [word for setting in settings for word in ("--set", setting)]
        self.run("init", "--platform", "small", "--kernel", kernel, "--machine", "m", *options)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and standard output; errors appended."""
        done = tdxctl(*words, environment={"TDXCTL_STATE": str(self.folder / "state")})
        return done.returncode, done.stdout + done.stderr

    def __call__(self, *words: str) -> tuple[int, str]:
        return self.run(*words, "--machine", "m")


TWO_PACKAGES = "cpus.madt=[{apic_id: 0-1, package: 0}, {apic_id: 128-129, package: 1}]"


def test_the_last_cpu_of_a_package_stays_while_a_td_runs(tmp_path: Path) -> None:
    """7.2: CPUs 2 and 3 are package 1; with a guest KeyID in use one of them must stay."""
    m = Session(tmp_path, DYNAMIC, TWO_PACKAGES)
    assert m("keyid", "alloc") == (0, "m: keyid alloc: ok, status INITIALIZED\n")
    assert m("cpu", "offline", "2") == (0, "m: cpu 2 offline: ok, status INITIALIZED\n")
    assert m("cpu", "offline", "3") == (
        1,
        "m: cpu 3 offline: -16 (EBUSY), status INITIALIZED\n"
        "  virt/tdx: TDX requires all packages to have an online CPU. Delete all TDs in order to "
        "offline all CPUs of a package.\n",
    )
    assert m("keyid", "free")[0] == 0
    assert m("keyid", "free") == (1, "m: keyid free: -22 (EINVAL), status INITIALIZED\n")
    assert m("cpu", "offline", "3")[0] == 0
    assert m("trace")[1].splitlines()[-2:] == ["wbinvd cpu 2", "wbinvd cpu 3"]


def test_a_cpu_that_comes_late_makes_no_seamcall_where_tdx_failed(tmp_path: Path) -> None:
    """6.8, CPU 3 offline, so that tdx_enable() fails: KVM takes its callback away."""
    m = Session(tmp_path, "6.8", "cpus.online=0-2")
    m("fault", "set", "leaf=TDH.SYS.LP.INIT", "cpu=3", "status=TDX_SYS_BUSY")
    assert m("cpu", "online", "3") == (0, "m: cpu 3 online: ok, status ERROR\n")
    assert "TDH.SYS.LP.INIT cpu 3" not in m("trace")[1]


def test_memory_outside_the_list_is_not_onlined(tmp_path: Path) -> None:
    m = Session(tmp_path, "6.18")
    assert m("memory", "online", "4GiB-5GiB")[0] == 0
    assert m("memory", "online", "64GiB+1GiB") == (
        1,
        "m: memory 0x1000000000-0x1040000000 online: -1 (EPERM), status INITIALIZED\n",
    )


HEADER = struct.pack("<HH8sII", 0x200, 0xBEEF, b"TDX-BLOB", 1, 3).ljust(4096, b"\0")
IMAGE = HEADER + bytes(4 * 4096)


@pytest.mark.parametrize(
    ("image", "what"),
    [
        (IMAGE, None),
        (b"", "its size"),
        (IMAGE[:2048], "its size"),
        (IMAGE[:4] + b"X" + IMAGE[5:], "the signature in its header"),
        (IMAGE[:12] + b"\x02" + IMAGE[13:], "its signature pages"),
        (IMAGE[:16] + b"\xf1\x01" + IMAGE[18:], "its module pages"),
        (IMAGE[:4095] + b"\x01" + IMAGE[4096:], "what should be zero in its header"),
        (IMAGE[:-1], "its size against its header"),
        (IMAGE + b"\0", "its size against its header"),
    ],
)
def test_an_update_image_is_checked_before_anything_happens(
    image: bytes, what: str | None, tmp_path: Path
) -> None:
    """Version 0x200, TDX-BLOB, 1 signature page, 3 module pages; a checksum of no account."""
    (tmp_path / "image").write_bytes(image)
    m = Session(tmp_path, DYNAMIC)
    code, out = m("module", "update", "--image", str(tmp_path / "image"))
    if what is None:
        assert (code, out) == (0, "m: module update: ok, status INITIALIZED\n")
        return
    assert (code, out.splitlines()) == (
        1,
        [
            "m: module update: -22 (EINVAL), status INITIALIZED",
            f"  why:    the update image is not one: {what} does not fit (update-image)",
            "  to do:  take the image from its source again",
        ],
    )


def test_an_update_to_another_version_is_seen_in_the_status(tmp_path: Path) -> None:
    m = Session(tmp_path, DYNAMIC, 'module.version="1.5.24"')
    assert m("module", "update", "--version", "1.5.25")[0] == 0
    status = m("status")[1]
    assert "INITIALIZED" in status
    assert "version 1.5.25" in status


def test_an_update_backwards_leaves_no_usable_module(tmp_path: Path) -> None:
    """The security version of 1.5.01 is 1.4, and that of 1.5.25 1.13: EBADSIG."""
    m = Session(tmp_path, DYNAMIC)
    code, out = m("module", "update", "--version", "1.5.01")
    assert (code, out.splitlines()[:2]) == (
        1,
        [
            "m: module update: -5 (EIO), status NOT_INITIALIZED",
            "  seamldr: SEAMCALL (0x8000000000000001) failed: 0x8000000000020000",
        ],
    )
    assert m("module", "update")[1].splitlines()[0] == (
        "m: module update: -19 (ENODEV), status NOT_INITIALIZED"
    )
    # Asked all the same, it ends at the handoff read: the old module is shut down.
    assert m("module", "update", "--force")[1].splitlines()[1] == (
        "  virt/tdx: SEAMCALL (0x0000000000000022) failed: 0xc000050600000000"
    )


def test_an_update_with_a_cpu_offline_names_it(tmp_path: Path) -> None:
    """7.2: INSTALL is done when every CPU has called it, so that SYS.INIT finds no module."""
    m = Session(tmp_path, "7.2")
    assert m("cpu", "offline", "3")[0] == 0
    code, out = m("module", "update")
    assert (code, out.splitlines()[0]) == (
        1,
        "m: module update: -19 (ENODEV), status NOT_INITIALIZED",
    )
    assert "  why:    of 4 CPUs 3 is offline: P-SEAMLDR has put no module in place" in out


def test_an_image_of_the_format_of_before_is_named(tmp_path: Path) -> None:
    """Intel published format 1.0 until December 2025; 7.2 wants 2.0."""
    old = struct.pack("<HH8sII", 0x100, 0xBEEF, b"TDX-BLOB", 1, 3).ljust(4096, b"\0")
    (tmp_path / "old.bin").write_bytes(old + bytes(4 * 4096))
    m = Session(tmp_path, "7.2")
    code, out = m("module", "update", "--image", str(tmp_path / "old.bin"))
    assert (code, out.splitlines()[0]) == (
        1,
        "m: module update: -22 (EINVAL), status INITIALIZED",
    )
    assert "the update image is of format 1.0, and this kernel takes 2.0" in out


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("module.features=[NO_RBP_MOD]", "the module lacks TD_PRESERVING"),
        ("cpus.features.no_seamret_invd_vmcs=false", "SEAMRET from P-SEAMLDR clobbers"),
        ("module.max_tdmrs=1", "the module is not initialized"),
    ],
)
def test_where_there_is_no_upload_device(setting: str, why: str, tmp_path: Path) -> None:
    code, out = Session(tmp_path, DYNAMIC, setting)("module", "update")
    assert code == 1
    assert "-19 (ENODEV)" in out
    assert f"  why:    {why}" in out


def test_after_an_update_on_v5_the_module_must_be_initialized_again(tmp_path: Path) -> None:
    """PAMTs are given back, the status is UNKNOWN, and tdx_init() works on the other version."""
    m = Session(tmp_path, "v5")
    assert m("module", "update", "--version", "1.5.01") == (
        0,
        "m: module update: ok, status UNKNOWN\n",
    )
    code, out = m("init")
    assert code == 0
    assert (
        "  tdx: TDX module: vendor_id 0x8086, major_version 1, minor_version 5, "
        "build_date 20230323, build_num 481\n"
    ) in out
    assert "already" not in out


@pytest.mark.parametrize(
    ("kernel", "words", "code", "message"),
    [
        ("6.8", ("module", "update"), 2, "error: this kernel cannot update a TDX module"),
        ("6.18", ("pamt", "get", "8GiB"), 2, "error: this kernel has no Dynamic PAMT"),
        (DYNAMIC, ("pamt", "get", "8G"), 2, "error: the address '8G' must be bytes"),
        (
            DYNAMIC,
            ("pamt", "get", "4096TiB"),
            2,
            "error: the address '4096TiB' is beyond 2^52",
        ),
        ("6.8", ("module", "shutdown"), 2, "error: this kernel never shuts a module down"),
        ("v5", ("keyid", "alloc"), 2, "error: this kernel gives out no guest KeyIDs"),
        ("v5", ("module", "load", "--force"), 2, "error: --version, --image and --force are for"),
        (DYNAMIC, ("module", "update", "--version", "2.1"), 2, "error: the version '2.1' "),
        (DYNAMIC, ("module", "update", "--image", "no"), 2, "error: cannot read 'no': no such"),
        (DYNAMIC, ("kexec",), 0, "m: kexec: ok, status NOT_INITIALIZED"),
        ("v5", ("hotplug", "cpu-remove"), 3, "error: this kernel says 'Platform doesn't support"),
        ("6.8", ("hotplug", "cpu-add"), 3, "error: kernel 6.8 does not refuse this"),
        ("v5", ("hotplug", "cpu-add"), 1, "m: hotplug cpu-add: -22 (EINVAL)"),
        ("v5", ("hotplug", "memory-add"), 1, "m: hotplug memory-add: -22 (EINVAL)"),
        ("6.8", ("kexec",), 1, "m: kexec: -38 (ENOSYS)"),
        ("6.8", ("hotplug", "add-memory", "64GiB+1GiB"), 0, "m: hotplug add-memory: ok"),
    ],
)
def test_what_a_kernel_does_not_do(
    kernel: str, words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    found, out = Session(tmp_path, kernel)(*words)
    assert (found, out[: len(message)]) == (code, message)


def test_a_driver_s_memory_is_refused_by_v5(tmp_path: Path) -> None:
    assert Session(tmp_path, "v5")("hotplug", "add-memory", "64GiB+1GiB") == (
        1,
        "m: hotplug add-memory: -22 (EINVAL), status INITIALIZED\n"
        "  Unable to add memory [0x1000000000, 0x1040000000) on TDX enabled platform.\n",
    )


def test_kexec_goes_on_when_the_module_is_gone(tmp_path: Path) -> None:
    """Expect the failed SEAMCALL to be printed, and the kernel to be booted anew."""
    m = Session(tmp_path, DYNAMIC)
    m("module", "unload")
    code, text = m("kexec")
    assert (code, text.splitlines()[0][:13]) == (0, "m: kexec: ok,")


def test_hotplug_takes_a_range_where_there_is_one_to_take(tmp_path: Path) -> None:
    m = Session(tmp_path, "6.8")
    assert m("hotplug", "add-memory")[0] == 2
    assert m("hotplug", "cpu-add", "4GiB+1GiB")[0] == 2


def test_kexec_leaves_the_module_as_it_is(tmp_path: Path) -> None:
    """The new v5 kernel fails at its first SEAMCALL; WBINVD on each CPU was the old one's last."""
    m = Session(tmp_path, "v5")
    assert m("kexec")[1].splitlines()[0] == "m: kexec: ok, status UNKNOWN"
    code, out = m("init")
    assert code == 1
    assert "TDX_SYS_INIT_NOT_PENDING" in out
    trace = m("trace")[1].splitlines()
    first = trace.index("wbinvd cpu 0")
    assert trace[first : first + 5] == [
        *(f"wbinvd cpu {cpu}" for cpu in range(4)),
        "TDH.SYS.INIT cpu 0 -> 0xc000050000000000 TDX_SYS_INIT_NOT_PENDING",
    ]


def test_kexec_is_refused_with_the_partial_write_erratum(tmp_path: Path) -> None:
    m = Session(tmp_path, "6.18", "cpus.model=emerald-rapids")
    assert m("kexec") == (
        1,
        "m: kexec: -95 (EOPNOTSUPP), status INITIALIZED\n"
        "  kexec: Not allowed on platform with tdx_pw_mce bug\n",
    )


def test_a_page_pair_lasts_as_long_as_a_page_of_its_range_is_used(tmp_path: Path) -> None:
    """Two pages of [8 GiB, 8 GiB + 2 MiB): PAMT.ADD at the first, PAMT.REMOVE at the last."""
    m = Session(tmp_path, DYNAMIC)
    before = len(m("trace")[1].splitlines())
    for action, page in (("get", 0), ("get", 1), ("put", 0), ("put", 1)):
        assert m("pamt", action, hex((8 << 30) + 4096 * page))[0] == 0
    assert (
        m("pamt", "put", "8GiB")[1] == "m: pamt put 0x200000000: -22 (EINVAL), status INITIALIZED\n"
    )
    calls = [line.split(" ") for line in m("trace")[1].splitlines()[before:]]
    assert [(call[0], call[4]) for call in calls] == [
        ("TDH.PHYMEM.PAMT.ADD", "0x200000001"),
        ("TDH.PHYMEM.PAMT.REMOVE", "0x200000001"),
    ]
    assert [call[-1] for call in calls] == ["0", "0"]


def test_a_page_that_no_node_has_and_a_pair_that_the_module_refuses(tmp_path: Path) -> None:
    m = Session(tmp_path, DYNAMIC)
    assert m("pamt", "get", "1TiB")[1].startswith("m: pamt get 0x10000000000: -22 (EINVAL)")
    m("fault", "set", "leaf=TDH.PHYMEM.PAMT.ADD", "status=TDX_OPERAND_BUSY")
    assert m("pamt", "get", "8GiB") == (
        1,
        "m: pamt get 0x200000000: -5 (EIO), status INITIALIZED\n"
        "  virt/tdx: SEAMCALL (0x000000000000003a) failed: 0x8000020000000000\n",
    )
    assert m("pamt", "get", "8GiB")[0] == 0


def test_the_status_says_why_the_boot_failed(tmp_path: Path) -> None:
    """7.2 makes its one attempt at boot: nobody needs to call init to be told."""
    m = Session(tmp_path, DYNAMIC)
    m.run("boot", "--machine", "m", "--set", "module.max_tdmrs=1")
    code, out = m("status", "--check")
    assert code == 1
    assert "NOT_INITIALIZED" in out
    assert "memory needs 2 TDMRs, the module has 1" in out
