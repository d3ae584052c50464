# SPDX-License-Identifier: Apache-2.0
"""What stands in a root, and what becomes of the folder that it is written into."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tdxctl import Machine
from tdxctl.errors import UsageError
from tdxctl.rootfs.document import machine_root
from tdxctl.rootfs.tree import File, Files, Link, cpumask
from tdxctl.rootfs.write import write_root
from tests.cli.runner import tdxctl
from tests.machines import booted, small
from tests.rootfs.hosts import machine, root


def _tree(folder: Path) -> dict[str, object]:
    # Every path, with its content or target, and its mode.
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes(), path.stat().st_mode & 0o777
        else:
            found[name] = "folder"
    return found


def test_a_ready_host_says_so_in_every_file() -> None:
    host = root("small", "6.16")

    assert (host / "sys/module/kvm_intel/parameters/tdx").read_text() == "Y\n"
    assert (host / "sys/fs/cgroup/misc.capacity").read_text() == "tdx 31\n"
    assert (host / "dev/kvm").exists()
    assert " tdx_host_platform " in (host / "proc/cpuinfo").read_text()
    assert "] virt/tdx: module initialized\n" in (host / "var/log/dmesg").read_text()
    assert "MSR 0x87: 0x200000001f\n" in (host / "msr").read_text()


def test_a_host_whose_kvm_does_not_load_has_no_kvm() -> None:
    """Expect flags and MSRs to say yes all the same: they tell of firmware, not of the kernel."""
    host = root("lp-init-fails", "6.16")

    assert not (host / "sys/module/kvm_intel").exists()
    assert not (host / "dev/kvm").exists()
    assert (host / "proc/modules").read_text() == ""
    assert (host / "sys/fs/cgroup/misc.capacity").read_text() == ""
    assert " tdx_host_platform " in (host / "proc/cpuinfo").read_text()
    assert "MSR 0x1401: 0xffffffe000c00\n" in (host / "msr").read_text()


def test_a_host_without_a_module_has_kvm_without_tdx() -> None:
    host = root("no-module", "6.16")

    assert (host / "sys/module/kvm_intel/parameters/tdx").read_text() == "N\n"
    assert (host / "sys/fs/cgroup/misc.capacity").read_text() == ""


def test_the_device_of_the_module_is_there_from_7_2_on() -> None:
    device = "sys/devices/faux/tdx_host"

    assert not (root("small", "7.1") / device).exists()
    assert (root("small", "7.2") / device / "version").read_text() == "1.5.25\n"
    assert not (root("no-module", "7.2") / device).exists()


def test_a_kernel_whose_kvm_asks_for_no_tdx_has_no_parameter() -> None:
    host = root("small", "6.8")

    assert (host / "sys/module/kvm_intel/parameters/ept").read_text() == "Y\n"
    assert not (host / "sys/module/kvm_intel/parameters/tdx").exists()


def test_an_offline_cpu_has_no_topology() -> None:
    host = root("offline-cpu", "v5")
    cpus = host / "sys/devices/system/cpu"

    assert (cpus / "online").read_text() == "0-2,4-63\n"
    assert (cpus / "offline").read_text() == "3\n"
    assert (cpus / "cpu3/online").read_text() == "0\n"
    assert not (cpus / "cpu3/topology").exists()
    assert not (cpus / "cpu0/online").exists()
    assert (cpus / "cpu2/topology/thread_siblings_list").read_text() == "2\n"


def test_slots_that_firmware_did_not_enable_are_possible_cpus() -> None:
    cpus = root("madt-not-enabled", "v5") / "sys/devices/system/cpu"

    assert (cpus / "present").read_text() == "0-63\n"
    assert (cpus / "possible").read_text() == "0-67\n"


@pytest.mark.parametrize(
    ("cpus", "width", "mask"),
    [
        ([0, 1], 4, "3"),
        ([0, 63], 64, "80000000,00000001"),
        ([66], 68, "4,00000000,00000000"),
        ([], 33, "0,00000000"),
    ],
)
def test_a_mask_is_printed_as_the_kernel_prints_it(cpus: list[int], width: int, mask: str) -> None:
    assert cpumask(cpus, width) == mask


def test_every_file_is_told_of_in_host_json() -> None:
    """Expect each file to match a path of host.json, so many as it says."""
    host = root("small", "7.2")
    told = json.loads((host / "host.json").read_text())
    files = [name for name, what in _tree(host).items() if what != "folder"]

    assert told["schema"] == "tdxctl.root/1"
    assert sum(part["count"] for part in told["files"]) + 1 == len(files)
    assert all(part["says"] for part in told["files"])


def test_the_same_again_is_the_same(tmp_path: Path) -> None:
    made = machine_root(booted("6.16"))
    made.write(str(tmp_path))
    before = _tree(tmp_path)
    made.write(str(tmp_path))

    assert _tree(tmp_path) == before


def test_another_machine_over_a_root_is_as_in_a_new_folder(tmp_path: Path) -> None:
    """Expect nothing to be left of the larger machine, whose kvm_intel was loaded."""
    again, new = tmp_path / "again", tmp_path / "new"
    machine_root(machine("small", "6.16")).write(str(again))
    failing = machine_root(booted("v5"))
    failing.write(str(again))
    failing.write(str(new))

    assert _tree(again) == _tree(new)


def test_a_link_that_leads_elsewhere_now_is_made_anew(tmp_path: Path) -> None:
    """Expect the same of a file with another text or mode, and of a link that becomes a file."""
    told = '{"schema": "tdxctl.root/1", "files": [{"path": "*"}]}'
    for target, text, mode, third in (
        ("x", b"1\n", 0o444, Link("c", "x")),
        ("y", b"2\n", 0o444, Link("c", "x")),
        ("y", b"2\n", 0o400, File("c", b"3\n")),
    ):
        entries = (Link("a", target), File("b", text, mode), third)
        write_root(str(tmp_path), [Files("*", "", (), entries)], told)
        assert os.readlink(tmp_path / "a") == target
        assert (tmp_path / "b").read_bytes() == text
        assert (tmp_path / "b").stat().st_mode & 0o777 == mode
    assert (tmp_path / "c").read_text() == "3\n"
    assert (tmp_path / "host.json").read_text() == f"{told}\n"
    assert (tmp_path / "host.json").stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "c").is_symlink()


def test_what_tdxctl_did_not_write_stays(tmp_path: Path) -> None:
    made = machine_root(booted("6.16"))
    made.write(str(tmp_path))
    (tmp_path / "sys/notes.txt").write_text("mine")
    made.write(str(tmp_path))

    assert (tmp_path / "sys/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("host", ["", "[]", '{"schema": "tdxctl.root/1"}', '{"schema": "x/1"}'])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, host: str) -> None:
    (tmp_path / "host.json").write_text(host)

    with pytest.raises(UsageError, match="is not empty, and no root that tdxctl wrote"):
        machine_root(booted("6.16")).write(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["host.json"]


@pytest.mark.parametrize("target", ["/etc", "../../outside", "../../../../../../tmp"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    """Expect nothing to be written, or taken away, where a folder was made a link."""
    folder, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    made = machine_root(booted("6.16"))
    made.write(str(folder))
    (folder / "sys/fs").rename(tmp_path / "elsewhere")
    (folder / "sys/fs").symlink_to(target)
    (folder / "proc/cmdline").unlink()

    with pytest.raises(UsageError, match="is a symbolic link out of the folder"):
        made.write(str(folder))
    assert not (folder / "proc/cmdline").exists()
    assert list(outside.iterdir()) == []


def test_nothing_is_written_through_a_link_inside(tmp_path: Path) -> None:
    """Expect a folder that is a link to be refused, a file that is one to be replaced."""
    made = machine_root(booted("6.16"))
    made.write(str(tmp_path))
    (tmp_path / "proc/cmdline").unlink()
    (tmp_path / "proc/cmdline").symlink_to("version")
    made.write(str(tmp_path))

    assert (
        tmp_path / "proc/cmdline"
    ).read_text() == "root=/dev/vda1 ro kvm_intel.tdx=1 nohibernate\n"
    assert (tmp_path / "proc/version").read_text().startswith("Linux version 6.16.0 ")
    (tmp_path / "sys/fs").rename(tmp_path / "sys/other")
    (tmp_path / "sys/fs").symlink_to("other")
    with pytest.raises(UsageError, match="leads through something that is no folder"):
        made.write(str(tmp_path))


def test_the_command_writes_and_tells(tmp_path: Path) -> None:
    done = tdxctl("root", str(tmp_path / "h"), "--platform", "no-module", "--kernel", "6.16")

    assert done.returncode == 0
    assert "  kvm_intel:      loaded, tdx=N\n" in done.stdout
    assert (tmp_path / "h/sys/module/kvm_intel/parameters/tdx").read_text() == "N\n"


def test_the_command_prints_host_json(tmp_path: Path) -> None:
    asked = ("--platform", "small", "--kernel", "7.2", "--format", "json")
    done = tdxctl("root", str(tmp_path / "h"), *asked)

    assert done.stdout == (tmp_path / "h/host.json").read_text()


def test_a_stored_machine_is_written_as_it_is(tmp_path: Path) -> None:
    """Expect no TDX before anybody asks for it."""
    state = {"TDXCTL_STATE": str(tmp_path / "state")}
    tdxctl("boot", "--platform", "small", "--kernel", "6.16", environment=state)
    done = tdxctl("root", str(tmp_path / "h"), "--machine", "small", environment=state)

    assert "  module:         UNINITIALIZED\n" in done.stdout
    assert (tmp_path / "h/sys/fs/cgroup/misc.capacity").read_text() == ""


def test_cpus_are_spread_over_the_nodes_of_their_package() -> None:
    """Two packages of 64 CPUs, four nodes: 32 CPUs each."""
    nodes = root("emr-2s-256g-fragmented", "v5") / "sys/devices/system/node"

    assert [(nodes / f"node{n}/cpulist").read_text() for n in range(4)] == [
        "0-31\n",
        "32-63\n",
        "64-95\n",
        "96-127\n",
    ]


def test_no_memory_and_one_cpu_is_a_root_too(tmp_path: Path) -> None:
    bare = small(cpus={"madt": [{"apic_id": 300}]}, memory={"ranges": []})
    made = Machine.boot(bare, "6.16")
    made.init_host()
    machine_root(made).write(str(tmp_path))

    assert (tmp_path / "sys/devices/system/node/node0/cpulist").read_text() == "0\n"
    assert not (tmp_path / "sys/devices/system/memory/memory0").exists()
