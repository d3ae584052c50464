# SPDX-License-Identifier: Apache-2.0
"""What the files of a host show of TDX: KVM's parameter, misc.capacity, flags of CPUs, MSRs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdxctl.capture.findings import Findings
from tdxctl.capture.host_state import not_shown, read_state
from tdxctl.platform.description import Seamrr

GIB = 1 << 30
WORDS = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat vmx xsave"
CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\n"


def _host(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / PATHS[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


PATHS = {
    "kvm": "sys/module/kvm_intel/parameters/tdx",
    "other": "sys/module/kvm_intel/parameters/ept",
    "capacity": "sys/fs/cgroup/misc.capacity",
    "cpuinfo": "proc/cpuinfo",
    "msr": "msr",
    "version": "sys/devices/faux/tdx_host/version",
    "dev_kvm": "dev/kvm",
    "host": "host.json",
}


def test_a_host_with_tdx_shows_all_of_it(tmp_path: Path) -> None:
    """Expect 31 KeyIDs for guests in misc.capacity to be 32 with the global one."""
    folder = _host(
        tmp_path,
        kvm="Y\n",
        capacity="sev 5\ntdx 31\n",
        cpuinfo=f"{CPUINFO}flags\t\t: {WORDS} ss tdx_host_platform\n",
        msr="MSR 0x87: 0x200000001f\nMSR 0xfe: 0x8d0a\nMSR 0x982: 0x600000002\n"
        "MSR 0x1400: 0x40000000\nMSR 0x1401: 0xffffffe000c00\n",
        version="1.5.05\n",
        dev_kvm="",
    )
    state = read_state(folder)
    assert (state.kvm_loaded, state.kvm_tdx, state.capacity) == (True, True, 31)
    assert (state.version, state.has_kvm) == ("1.5.05", True)
    assert state.flags == {*WORDS.split(), "ss", "tdx_host_platform"}
    assert state.msrs == {
        0x87: 0x200000001F,
        0xFE: 0x8D0A,
        0x982: 0x600000002,
        0x1400: GIB,
        0x1401: 0xFFFFFFE000C00,
    }
    assert [text.what for text in state.texts] == ["/proc/cpuinfo", "a shell's transcript"]
    assert [text.kvm_tdx for text in state.texts] == [None, True]
    assert list(state.findings) == [
        Findings(source="/proc/cpuinfo", cpu=(6, 207)),
        Findings(
            source="a shell's transcript",
            seamrr=Seamrr.ENABLED,
            keyids=(32, 64),
            tdx_keyids=32,
            mktme_keyids=63,
        ),
        Findings(source="/proc/cpuinfo", features_off=("movdir64b",)),
        Findings(source="MSRs", seamrr=Seamrr.ENABLED, seamrr_range=(GIB, 32 << 20), keyid_bits=6),
        Findings(source="misc.capacity", seamrr=Seamrr.ENABLED, tdx_keyids=32),
    ]


def test_a_folder_without_such_files_shows_nothing(tmp_path: Path) -> None:
    state = read_state(str(tmp_path))
    assert (state.kvm_loaded, state.kvm_tdx, state.capacity) == (False, None, None)
    assert (state.flags, state.msrs, state.version, state.has_kvm) == (frozenset(), {}, None, False)
    assert (state.texts, list(state.findings)) == ((), [])


@pytest.mark.parametrize(
    ("files", "loaded", "tdx"),
    [
        ({"kvm": "N\n"}, True, False),
        ({"kvm": "0\n"}, True, False),
        ({"kvm": "1\n"}, True, True),
        ({"kvm": "y\n"}, True, True),
        ({"kvm": ""}, True, None),
        ({"other": "Y\n"}, True, None),
    ],
)
def test_kvms_parameter_tells_whether_it_can_use_tdx(
    files: dict[str, str], loaded: bool, tdx: bool | None, tmp_path: Path
) -> None:
    state = read_state(_host(tmp_path, **files))
    assert (state.kvm_loaded, state.kvm_tdx) == (loaded, tdx)


@pytest.mark.parametrize(
    ("text", "capacity"), [("sev 5\n", 0), ("", 0), ("tdx 0\n", 0), ("tdx 15", 15), ("xtdx 3\n", 0)]
)
def test_misc_capacity_without_a_line_on_tdx_is_of_no_guest(
    text: str, capacity: int, tmp_path: Path
) -> None:
    state = read_state(_host(tmp_path, capacity=text))
    assert state.capacity == capacity
    assert [found.tdx_keyids for found in state.findings] == ([16] if capacity else [])


@pytest.mark.parametrize(
    ("flags", "off"),
    [
        # 20 flags are those of a CPU, fewer are a part of them.
        (f"{WORDS} movdir64b ss", ()),
        (f"{WORDS} a b", ("movdir64b", "self_snoop")),
        (f"{WORDS} a", None),
        (
            "a b c d e f g h i j k l m n o p q r s t",
            ("mtrr", "vmx", "xsave", "movdir64b", "self_snoop"),
        ),
    ],
)
def test_features_that_no_flag_shows_are_off(
    flags: str, off: tuple[str, ...] | None, tmp_path: Path
) -> None:
    state = read_state(_host(tmp_path, cpuinfo=f"flags\t\t: {flags}\n"))
    assert [found.features_off for found in state.findings] == ([] if off is None else [off])


MIB32 = 1 << 25


@pytest.mark.parametrize(
    ("msrs", "seamrr", "where", "bits"),
    [
        ({0xFE: 0x7FFF, 0x1400: GIB, 0x1401: 0xFFFFFFE000C00}, Seamrr.ABSENT, None, None),
        ({0xFE: 0x8000}, None, None, None),
        ({0x1400: GIB, 0x1401: 0xFFFFFFE000400}, Seamrr.DISABLED, None, None),
        ({0x1401: 0xFFFFFFE000C00}, Seamrr.ENABLED, None, None),
        ({0x1400: GIB, 0x1401: 0xC00}, Seamrr.ENABLED, None, None),
        ({0x1400: GIB, 0x1401: 0x800}, Seamrr.ENABLED, None, None),
        # Bits 25 to 51 are of an address; the lowest that the mask has is the size.
        (
            {0x1400: (1 << 52) | (1 << 51) | MIB32 | (MIB32 - 1), 0x1401: 0xFFFFFF8000C00},
            Seamrr.ENABLED,
            ((1 << 51) | MIB32, 1 << 27),
            None,
        ),
        ({0x1400: GIB, 0x1401: (1 << 52) | 0x1FFFC00}, Seamrr.ENABLED, None, None),
        ({0x982: 0x2}, None, None, None),
        ({0x982: 0xF00000002}, None, None, 15),
        ({0x982: 0x10_0000_0002}, None, None, None),
        ({0x982: 0x1FFFFFFFF}, None, None, 1),
    ],
)
def test_msrs_show_the_seam_range_and_the_bits_of_keyids(
    msrs: dict[int, int],
    seamrr: Seamrr | None,
    where: tuple[int, int] | None,
    bits: int | None,
    tmp_path: Path,
) -> None:
    text = "".join(f"MSR {msr:#x}: {value:#x}\n" for msr, value in msrs.items())
    state = read_state(_host(tmp_path, msr=text))
    [found] = [found for found in state.findings if found.source == "MSRs"]
    assert (found.seamrr, found.seamrr_range, found.keyid_bits) == (seamrr, where, bits)


@pytest.mark.parametrize(
    ("data", "msrs"),
    [
        # Each is eight bytes from its own number on, little-endian.
        (
            bytes(0x1401) + bytes(range(1, 9)),
            {0x87: 0, 0xFE: 0, 0x982: 0, 0x1400: 0x0706050403020100, 0x1401: 0x0807060504030201},
        ),
        (bytes(0x1401) + bytes(7), {0x87: 0, 0xFE: 0, 0x982: 0, 0x1400: 0}),
        (bytes(0x87) + b"\x1f\0\0\0\x20\0\0\0", {0x87: 0x200000001F}),
        (b"", {}),
    ],
)
def test_msrs_of_the_driver_are_read_by_their_numbers(
    data: bytes, msrs: dict[int, int], tmp_path: Path
) -> None:
    device = tmp_path / "dev" / "cpu" / "0" / "msr"
    device.parent.mkdir(parents=True)
    device.write_bytes(data)
    assert read_state(str(tmp_path)).msrs == msrs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '{"schema": "tdxctl.root/1", "not_shown": {"cpus.features": {"vmx": false}, "a": 1}}',
            (("cpus.features", '{"vmx": false}'), ("a", "1")),
        ),
        ('{"schema": "tdxctl.root/1", "not_shown": {}}', None),
        ('{"schema": "tdxctl.root/2", "not_shown": {"a": 1}}', None),
        ('{"schema": "tdxctl.root/1"}', None),
        ('{"schema": "tdxctl.root/1", "not_shown": [1]}', None),
        ("[]", None),
        ("[" * 100000, None),
        ("", None),
    ],
)
def test_host_json_of_a_root_says_what_no_file_shows(
    text: str, shown: tuple[tuple[str, str], ...] | None, tmp_path: Path
) -> None:
    found = not_shown(_host(tmp_path, host=text))
    assert found == (None if shown is None else Findings(source="host.json", not_shown=shown))
    assert not_shown(str(tmp_path / "nowhere")) is None
