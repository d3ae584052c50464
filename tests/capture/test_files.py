# SPDX-License-Identifier: Apache-2.0
"""Files and folders of a user's: how much is read, what is passed over, and what is told."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tdxctl.capture import bundles, host, inputs, live, sysfs
from tdxctl.capture.bundles import files_of_archive, files_of_folder, is_archive
from tdxctl.capture.files import read_file
from tdxctl.capture.findings import Findings
from tdxctl.capture.host import host_at, this_host
from tdxctl.capture.inputs import Input, best_log, read_bytes, read_inputs
from tdxctl.capture.live import read_live
from tdxctl.capture.sources import capture
from tdxctl.capture.sysfs import is_sysfs, read_sysfs
from tdxctl.capture.system_report import read_report
from tdxctl.errors import FirmwareDataError, UsageError
from tests.capture import acpi_tables as acpi

LOG = b"[    1.000000] virt/tdx: module initialized\n"
CPU = "devices/system/cpu"


def _tree(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / "sys" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def _cpus(folder: Path, **files: str) -> str:
    return _tree(folder, **{f"devices__system__cpu__{name}": text for name, text in files.items()})


def test_a_file_of_the_limit_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(bytes(1 << 20))
    assert read_file(str(file), 1 << 20) == bytes(1 << 20)
    with pytest.raises(FirmwareDataError) as caught:
        read_file(str(file), (1 << 20) - 1)
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("is too large", str(file))
    assert problem.detail == "more than 0 MiB"


def test_a_file_that_is_not_there_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "dmesg.txt").write_text("x")
    with pytest.raises(UsageError) as caught:
        read_file(str(tmp_path / "dmseg.txt"), 10)
    problem = caught.value.diagnostics()[0]
    assert problem.summary == f"cannot read '{tmp_path}/dmseg.txt': no such file or directory"
    assert "dmesg.txt" in str(problem.hint)
    with pytest.raises(UsageError, match="is a directory"):
        read_file(str(tmp_path), 10)


def test_sys_shows_cpus_packages_and_slots(tmp_path: Path) -> None:
    """Expect CPUs counted as Linux numbers those that are present, packages from 0."""
    folder = _cpus(
        tmp_path,
        present="0,2-4\n",
        online="2-3,9\n",
        possible="0-7\n",
        cpu0__topology__physical_package_id="0\n",
        cpu2__topology__physical_package_id="5\n",
        cpu3__topology__physical_package_id="-1\n",
        cpu4__topology__physical_package_id="x\n",
    )
    assert read_sysfs(folder) == [
        Findings(
            source="/sys/devices/system/cpu",
            present=4,
            online=(1, 2),
            not_enabled_later=4,
            package_of=(0, 1, 1, 1),
            warnings=(
                "/sys shows no package of 2 CPUs: that of the CPU before it is taken",
            ),
        ),
        Findings(source="/sys"),
    ]  # fmt: skip
    assert read_sysfs(f"{folder}/sys")[0].present == 4
    assert is_sysfs(folder)
    assert not is_sysfs(f"{folder}/sys/devices")


def test_a_sys_without_lists_has_the_cpus_of_its_folders(tmp_path: Path) -> None:
    folder = _cpus(
        tmp_path, cpu10__online="1", cpu2__online="0", cpu0__x="", cpufreq__x="", cpu1x__x=""
    )
    assert read_sysfs(folder)[0] == Findings(
        source="/sys/devices/system/cpu", present=3, online=(0, 2)
    )


def test_fewer_cpus_possible_than_present_leave_no_slot(tmp_path: Path) -> None:
    assert read_sysfs(_cpus(tmp_path, present="0-3", possible="0-1"))[0].not_enabled_later == 0


def test_firmwares_map_in_sys_is_cut_as_the_kernel_cuts_it(tmp_path: Path) -> None:
    maps = {
        "0": ("0x100000", "0x1fffff", "System RAM"),
        "1": ("0x200000", "0x2fffff", "Reserved"),
        "2": ("0x500000", "0x4fffff", "System RAM"),
        "3": ("0x400000", "nothing", "System RAM"),
        "4": ("0x100000000", "0xfffffffffffff", "System RAM"),
        "5": ("0x100000000", "0x10000000000000", "System RAM"),
    }
    files = {
        f"firmware__memmap__{entry}__{key}": value
        for entry, values in maps.items()
        for key, value in zip(("start", "end", "type"), values, strict=True)
    }
    _cpus(tmp_path, present="0")
    assert read_sysfs(_tree(tmp_path, **files))[1] == Findings(
        source="/sys/firmware/memmap", usable=((0x100000, 0x200000), (1 << 32, 1 << 52))
    )


def test_tables_and_iomem_beside_a_copy_of_sys_are_read(tmp_path: Path) -> None:
    folder = _cpus(tmp_path, present="0")
    tables = tmp_path / "sys" / "firmware" / "acpi" / "tables"
    tables.mkdir(parents=True)
    (tables / "APIC").write_bytes(acpi.madt([acpi.lapic(0, 4)]))
    (tables / "SRAT").write_bytes(b"SRAT\0")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "iomem").write_text("00100000-001fffff : System RAM\n")
    found = read_sysfs(folder)
    assert [one.source for one in found] == [
        "/sys/devices/system/cpu",
        "the MADT",
        "/proc/iomem",
        "/sys",
    ]
    assert len(found[3].warnings) == 1
    assert "SRAT" in found[3].warnings[0]


@pytest.mark.parametrize(
    ("files", "summary"),
    [
        ({"x": ""}, "shows no CPUs"),
        ({"present": "all"}, "is not a list of CPUs"),
        ({"present": "0-8192"}, "is not a list of CPUs"),
    ],
)
def test_a_sys_without_cpus_is_told(files: dict[str, str], summary: str, tmp_path: Path) -> None:
    with pytest.raises(FirmwareDataError, match=summary):
        read_sysfs(_cpus(tmp_path, **files))


def test_a_sys_of_more_cpus_than_any_machine_has_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect folders to count as the list does, and as many as the limit to be read."""
    monkeypatch.setattr(sysfs, "MAX_CPUS", 2)
    folder = _cpus(tmp_path, cpu0__x="", cpu1__x="")
    assert read_sysfs(folder)[0].present == 2
    _cpus(tmp_path, present="0", cpu2__x="")
    with pytest.raises(FirmwareDataError) as caught:
        read_sysfs(folder)
    problem = caught.value.diagnostics()[0]
    assert problem.summary == "shows more CPUs than any machine has"
    assert problem.detail == "expected at most 2, got 3"


@pytest.mark.parametrize(
    ("name", "tells"),
    [
        ("var/log/dmesg", True),
        ("dmesg.0", True),
        ("kern.log.1", True),
        ("messages-20250101", True),
        ("proc/cpuinfo", True),
        ("apic.dat", True),
        ("x.log", True),
        ("x.txt.gz", True),
        ("etc/passwd", False),
        ("logo.png", False),
        ("mycpuinfo", False),
    ],
)
def test_of_a_folder_the_files_whose_names_tell_something_are_read(
    name: str, tells: bool, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x")
    assert list(files_of_folder(str(tmp_path))) == ([(str(file), b"x")] if tells else [])


def test_of_a_folder_as_many_files_are_looked_at_as_the_limit_and_none_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in {"b/1.log": b"12", "a/2.log": b"123", "a/3.log": b"1", "0.log": b""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(bundles, "MAX_FILE", 2)
    names = [Path(name).name for name, _ in files_of_folder(str(tmp_path))]
    assert names == ["0.log", "3.log", "1.log"]
    monkeypatch.setattr(bundles, "_MAX_FILES", 3)
    names = [Path(name).name for name, _ in files_of_folder(str(tmp_path))]
    assert names == ["0.log", "3.log"]


def _zip(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("logs.log")
        for name, data in files.items():
            archive.writestr(f"logs/{name}.log", data)
    return buffer.getvalue()


def _tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"logs/{name}.log")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        folder = tarfile.TarInfo("logs.log")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return buffer.getvalue()


@pytest.mark.parametrize("archive", [_zip, _tar])
def test_of_an_archive_files_up_to_the_limit_are_unpacked(
    archive: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive(a=b"12", b=b"123", c=b"1")
    assert is_archive(data)
    monkeypatch.setattr(bundles, "MAX_FILE", 2)
    assert list(files_of_archive(data, "t")) == [("logs/a.log", b"12"), ("logs/c.log", b"1")]


def test_a_zip_unpacks_to_as_much_as_the_limit_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _zip(a=b"12", b=b"34")
    monkeypatch.setattr(bundles, "MAX_UNPACKED", 4)
    assert len(list(files_of_archive(data, "t"))) == 2
    monkeypatch.setattr(bundles, "MAX_UNPACKED", 3)
    with pytest.raises(FirmwareDataError) as caught:
        list(files_of_archive(data, "t"))
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("cannot be unpacked", "t")
    assert "when it is unpacked" in str(problem.detail)


def test_a_compressed_file_unpacks_to_as_much_as_the_limit_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = gzip.compress(LOG)
    monkeypatch.setattr(bundles, "MAX_UNPACKED", len(LOG))
    assert list(files_of_archive(data, "dmesg.gz")) == [("dmesg", LOG)]
    monkeypatch.setattr(bundles, "MAX_UNPACKED", len(LOG) - 1)
    with pytest.raises(FirmwareDataError, match="cannot be unpacked"):
        list(files_of_archive(data, "dmesg.gz"))


def _names(found: list[Input], folder: Path) -> list[str]:
    return [one.name.replace(f"{folder}/", "") for one in found]


def test_rotated_logs_of_a_folder_are_unpacked_until_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expect the one that reaches the limit to be the last that is unpacked."""
    for name in ("dmesg.1.gz", "dmesg.2.gz", "dmesg.3.gz"):
        (tmp_path / name).write_bytes(gzip.compress(LOG))
    (tmp_path / "dmesg.4").write_bytes(LOG)
    monkeypatch.setattr(inputs, "_MAX_ARCHIVE", 2 * len(LOG))
    assert _names(read_inputs((str(tmp_path),)), tmp_path) == [
        "dmesg.1.gz",
        "dmesg.2.gz",
        "dmesg.4",
    ]


def test_a_file_in_an_archive_in_a_folder_is_named_with_both(tmp_path: Path) -> None:
    (tmp_path / "dmesg.zip").write_bytes(_zip(a=LOG))
    assert _names(read_inputs((str(tmp_path),)), tmp_path) == ["dmesg.zip: logs/a.log"]


def test_a_bundle_that_shows_nothing_says_how_many_files_were_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x")
    (tmp_path / "b.log").write_bytes(b"y")
    with pytest.raises(FirmwareDataError) as caught:
        read_inputs((str(tmp_path),))
    problem = caught.value.diagnostics()[0]
    assert (problem.summary, problem.file) == ("holds nothing that is read", str(tmp_path))
    assert problem.detail == "2 files of a name that tells something, none that shows any"


def _log(name: str, *lines: str) -> Input:
    return read_bytes("".join(f"[    1.000000] {line}\n" for line in lines).encode(), name)


BIOS = "virt/tdx: BIOS enabled: private KeyID range [32, 64)"
VERSION = "Linux version 6.8.0"


@pytest.mark.parametrize(
    ("logs", "best"),
    [
        ([("a", ["x"]), ("b", [BIOS])], "b"),
        ([("a", ["x", "y", "z"]), ("b", [VERSION])], "b"),
        ([("a", ["x"]), ("b", ["x", "y"])], "b"),
        ([("a", ["x"]), ("b", ["y"])], "a"),
        ([("a", [BIOS]), ("b", [VERSION, "x", "y"])], "a"),
    ],
)
def test_the_log_that_tells_most_of_tdx_begins_with_the_boot_and_is_long_is_best(
    logs: list[tuple[str, list[str]]], best: str
) -> None:
    found, note = best_log([_log(name, *lines) for name, lines in logs])
    assert found is not None
    assert found.name == best
    other = "ab".replace(best, "")
    assert note == (
        f"of 2 logs {best} tells most of TDX and is taken; left aside: {other}"
    )  # fmt: skip


def test_logs_that_are_left_aside_are_named_up_to_eight() -> None:
    _, note = best_log([_log(name, "x") for name in "abcdefghij"])
    assert note is not None
    assert note.endswith("left aside: b, c, d, e, f, g, h, i and 1 more")
    _, note = best_log([_log(name, "x") for name in "abcdefghi"])
    assert note is not None
    assert note.endswith("left aside: b, c, d, e, f, g, h, i")
    assert best_log([Input("t")]) == (None, None)
    assert best_log([log := _log("a", "x")]) == (log, None)


def test_capture_notes_of_which_log_it_tells_and_of_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(f"[    1.000000] {BIOS}\n")
    (tmp_path / "b.log").write_text("[    2.000000] usb 1: x\n")
    (tmp_path / "lscpu").write_text("CPU(s): 3\nSocket(s): 1\n")
    text, warnings = capture([("FILE", str(tmp_path))], name="t")
    assert any("a.log tells most of TDX and is taken" in note for note in warnings)
    assert "  seamrr: enabled  # the log: private KeyID range\n" in text
    assert "  madt:  # lscpu: how many, not which APIC ids" in text


def test_a_hosts_log_is_the_first_that_is_one(tmp_path: Path) -> None:
    """Expect a dmesg that is none to be passed over, and no log where none is kept."""
    folder = _cpus(tmp_path, present="0")
    found = host_at(folder, None)
    assert (found.log.lines, found.unread) == (
        (),
        ("there is no log of the kernel: var/log/dmesg",),
    )
    (tmp_path / "var" / "log").mkdir(parents=True)
    (tmp_path / "var" / "log" / "dmesg").write_text("nothing\n")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "kmsg").write_bytes(LOG)
    found = host_at(folder, None)
    assert ([line.text for line in found.log.lines], found.unread) == (
        ["virt/tdx: module initialized"],
        (),
    )
    with pytest.raises(UsageError, match="no boot 2"):
        host_at(folder, 2)
    with pytest.raises(UsageError, match="no host's files"):
        host_at(str(tmp_path / "var"), None)


REPORT = b"### Kernel version\n\n6.8.0-101-generic #101\n\n### TDX kernel logs\n\n5.1.0-1 x\n"


def test_a_report_names_the_kernel_in_its_own_section() -> None:
    assert read_report(REPORT, "t").kernel == "6.8.0"
    assert read_report(REPORT.replace(b"6.8.0", b"none"), "t").kernel is None
    assert read_report(b"Linux version 6.1.0\n" + REPORT, "t").kernel == "6.1.0"


def test_standard_input_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    assert read_file("-", 3) == b"abc"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"abcd")))
    with pytest.raises(FirmwareDataError) as caught:
        read_file("-", 3)
    assert caught.value.diagnostics()[0].file == "<stdin>"


def test_of_an_archive_in_a_folder_no_file_is_unpacked_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dmesg.zip").write_bytes(_zip(a=LOG, b=LOG))
    monkeypatch.setattr(inputs, "_MAX_ARCHIVE", len(LOG))
    assert _names(read_inputs((str(tmp_path),)), tmp_path) == ["dmesg.zip: logs/a.log"]


def _refused() -> bytes:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.skipif(sys.platform != "linux", reason="this machine's /dev/kmsg")
def test_a_machine_whose_log_cannot_be_read_is_read_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host, "kmsg", _refused)
    found = this_host()
    assert found.log.lines == ()
    assert found.unread[0] == (
        "the kernel's log cannot be read: as root it can, and tells why TDX is off"
    )
    monkeypatch.setattr(live, "kmsg", _refused)
    last = read_live()[-1]
    assert (last.source, last.warnings[0]) == (
        "this machine",
        "the kernel's log cannot be read; as root it can",
    )


def test_a_folder_that_is_a_sys_is_read_as_one(tmp_path: Path) -> None:
    folder = _cpus(tmp_path, present="0-1")
    [found] = read_inputs((folder,))
    assert (found.name, found.findings[0].present) == (folder, 2)


def test_what_host_json_says_beside_a_copy_of_sys_is_read(tmp_path: Path) -> None:
    folder = _cpus(tmp_path, present="0")
    (tmp_path / "host.json").write_text('{"schema": "tdxctl.root/1", "not_shown": {"a": 1}}')
    assert Findings(source="host.json", not_shown=(("a", "1"),)) in read_sysfs(folder)
