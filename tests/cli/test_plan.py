# SPDX-License-Identifier: Apache-2.0
"""`tdxctl plan` and `tdxctl kernels`: one platform across all kernels."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import tdxctl

FRAGMENTED = """\
emr-2s-256g-fragmented: Two-socket Emerald Rapids, 256 GiB, 17 holes below 2 GiB
255.4 GiB in 4 NUMA nodes, 632 KiB lost below 1 MiB and to alignment

kernel            verdict      status           TDMRs  reserved  holes left     PAMT\
  SEAMCALLs  seconds
v5                no, -EFAULT  SHUTDOWN          5/64     17/16           0        -\
        258        -
v5-posted         no, -EFAULT  SHUTDOWN          5/64     17/16           0        -\
        258        -
6.8               no, -ENOSPC  ERROR             5/64     17/16           0        -\
        134        -
6.8+cmr-walk      yes          INITIALIZED       5/64      3/16          13  1.0 GiB\
      65738  0.6-1.1
ubuntu-24.04      yes          INITIALIZED       5/64      3/16          13  1.0 GiB\
      65674  0.6-1.1
6.18              no, -ENOSPC  ERROR             5/64     17/16           0        -\
        228        -
7.1               no, -ENOSPC  NOT_INITIALIZED   5/64     17/16           0        -\
        231        -
7.2+dynamic-pamt  no, -ENOSPC  NOT_INITIALIZED   5/64     17/16           0        -\
        232        -

v5, v5-posted: TDMR 0 [0x0, 0x80000000) needs 17 reserved areas, the module has 16: memory holes \
17, PAMTs 0 (-E2BIG inside the kernel, -EFAULT to the caller)
  to do: fewer holes in low memory: a BIOS that keeps its tables together, or a kernel that finds \
holes by walking CMRs

6.8, 6.18, 7.1, 7.2+dynamic-pamt: TDMR 0 [0x0, 0x80000000) needs 17 reserved areas, the module \
has 16: memory holes 17, PAMTs 0
  to do: fewer holes in low memory: a BIOS that keeps its tables together, or a kernel that finds \
holes by walking CMRs

  host:        kvm_intel does not load: no virtual machine starts on this host (6.18)
  until then:  load kvm_intel with tdx=0: other virtual machines start then
  host:        TDX off, KVM works (7.1, 7.2+dynamic-pamt)

PAMT: 6.8+cmr-walk, ubuntu-24.04
             memory       PAMT      KiB  of memory
  node 0   63.6 GiB  256.5 MiB   262664    0.394 %
  node 1   63.9 GiB  256.5 MiB   262660    0.392 %
  node 2   63.9 GiB  256.5 MiB   262660    0.392 %
  node 3   63.9 GiB  256.5 MiB   262660    0.392 %
  total   255.4 GiB    1.0 GiB  1050644    0.392 %

TDs: the KeyIDs allow 31 at a time; what one costs beside its memory
  exactly:     TDR 4 KiB, TDCS 24 KiB, and TDVPS 24 KiB for each vCPU (the module's metadata)
  at most:     S-EPT: 4 KiB for each 2 MiB, 1 GiB and 512 GiB begun (arithmetic, not measured)
               Dynamic PAMT: 8 KiB for each 2 MiB in use, its own pages' included (arithmetic, not \
measured)

reserved: areas used in the tightest TDMR
seconds: an estimate, from hosts that took 2.4 to 4.4 s per TiB
evidence short of the kernel's own code: 6.8+cmr-walk (read), ubuntu-24.04 (seen in logs)
"""


def test_the_fragmented_server_is_what_the_field_saw() -> None:
    """6.8 and mainline fail with -28 in TDMR [0x0, 0x80000000); cmr-walk prints 1050644 KB."""
    names = ("v5", "v5-posted", "6.8", "6.8+cmr-walk", "ubuntu-24.04", "6.18", "7.1")
    kernels = [word for name in (*names, "7.2+dynamic-pamt") for word in ("--kernel", name)]
    done = tdxctl("plan", "--platform", "emr-2s-256g-fragmented", *kernels)
    assert (done.returncode, done.stdout, done.stderr) == (1, FRAGMENTED, "")
    report = tdxctl(
        *("init", "--once", "--platform", "emr-2s-256g-fragmented", "--kernel", "6.8"),
        *("--format", "dmesg"),
    )
    assert report.stdout.splitlines()[-2:] == [
        "virt/tdx: initialization failed: TDMR [0x0, 0x80000000): reserved areas exhausted.",
        "virt/tdx: module initialization failed (-28)",
    ]
    walked = tdxctl(
        *("init", "--once", "--platform", "emr-2s-256g-fragmented", "--kernel", "6.8+cmr-walk"),
        *("--format", "dmesg"),
    )
    assert "virt/tdx: 1050644 KB allocated for PAMT" in walked.stdout.splitlines()


def test_a_change_stands_beside_what_was() -> None:
    """64 GiB more, and a hole in the first GiB: [1G, 2G) becomes a TDMR of its own.

    before  [0 ........ 2G)  [4G ... 18G)
    after   [0 .. 1G)[1G .. 2G)  [4G ... 18G)[18G ... 82G)
    """
    done = tdxctl(
        *("plan", "--platform", "small", "--kernel", "6.8"),
        *("--add-memory", "64GiB@0", "--hole", "256MiB-257MiB"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[2] == (
        "changed: 80.0 GiB in 1 NUMA node, 632 KiB lost below 1 MiB and to alignment; where the "
        "change shows: before -> after"
    )
    assert lines[4:6] == [
        "kernel  verdict  status              TDMRs      reserved  holes left                   "
        "PAMT      SEAMCALLs                 seconds",
        "6.8     yes      INITIALIZED  2/64 -> 4/64  2/16 -> 4/16    14 -> 12  "
        "64.1 MiB -> 320.6 MiB  4108 -> 20492  0.04-0.07 -> 0.19-0.34",
    ]


def test_the_json_has_both() -> None:
    done = tdxctl(
        *("plan", "--platform", "small", "--kernel", "7.2+dynamic-pamt", "--format", "json"),
        *("--set", "module.max_reserved_per_tdmr=0"),
    )
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["schema"] == "tdxctl.plan/1"
    (before,), (after,) = document["plan"]["kernels"], document["changed"]["kernels"]
    assert (before["initializes"], after["initializes"]) == (True, False)
    assert before["dynamic_pamt"] is True
    # 16 GiB: bitmaps of 32 KiB per GiB and the 2M and 1G parts; 8 KiB for each of 8,192 ranges.
    assert before["pamt"]["bytes"] == 648 << 10
    assert before["pamt_at_most"] == (648 << 10) + 8192 * 8192
    assert before["estimated_seconds"] is None
    assert before["reserved"] == {
        "tdmr": 1,
        "base": "0x100000000",
        "used": 2,
        "max": 16,
        "holes_left": 14,
    }
    assert (after["errno"], after["status"]) == ("ENOSPC", "NOT_INITIALIZED")
    assert after["failure"]["cause"] == "reserved-areas-exhausted"


def test_a_kernel_that_is_not_modelled_there_says_so() -> None:
    done = tdxctl("plan", "--platform", "small", "--set", "cpus.features.vmx=false")
    assert done.returncode == 1
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if "->" in line)
    assert rows["v5"].startswith("yes -> not modelled")
    assert rows["7.2"].startswith("yes -> no, -EOPNOTSUPP")
    assert "v5, v5-posted: cpus.features.vmx is false: a v5 kernel oopses" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kernel", "5.9"), "error: Linux 5.9 has no TDX host code"),
        (("--add-memory", "64GiB"), "error: not more memory: '64GiB'"),
        (("--add-memory", "0@0"), "error: not more memory: '0@0'"),
        (("--add-memory", "1GiB@1024"), "error: not more memory: '1GiB@1024'"),
        (("--add-memory", "4096TiB@0"), "error: so much memory would end beyond 2^52"),
        (("--hole", "3GiB-4GiB"), "error: the hole 0xc0000000-0x100000000 lies in no memory"),
        (("--hole", "1MiB"), "error: not a memory range: '1MiB'"),
    ],
)
def test_what_cannot_be_planned(options: tuple[str, ...], message: str) -> None:
    done = tdxctl("plan", "--platform", "small", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_no_cmr_is_left_for_more_memory() -> None:
    cmrs = json.dumps([{"base": f"{i}GiB", "size": "1GiB"} for i in range(32)])
    done = tdxctl(
        "plan", "--platform", "small", "--set", f"memory.cmrs={cmrs}", "--add-memory", "1GiB@0"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no CMR left")


def test_a_plan_stores_nothing(tmp_path: object) -> None:
    environment = {"TDXCTL_STATE": f"{tmp_path}/none"}
    assert tdxctl("plan", "--platform", "small", environment=environment).returncode == 0
    assert tdxctl("machines", environment=environment).stdout == ""


def test_the_kernels_are_listed_with_what_validates_them() -> None:
    text = tdxctl("kernels").stdout
    assert text.startswith(
        "v5: on-demand series v5 as reviewed, June 2022 (2022-06-22)\n  changes:  on v5-posted: "
    )
    for kernel, platforms in (("6.8", 830), ("6.18", 851), ("7.2+dynamic-pamt", 907)):
        block = text.partition(f"\n{kernel}: ")[2].partition("evidence: ")[2]
        assert block.startswith(f"executed: {platforms} platforms")
    document = json.loads(tdxctl("kernels", "--format", "json").stdout)
    listed = [kernel["id"] for kernel in document["kernels"]]
    told = ["v5", "v5-posted", "6.8", "6.8+cmr-walk", "6.14", "6.16", "6.18", "7.1", "7.2"]
    assert [kernel for kernel in listed if kernel in told] == told
    assert listed[-1] == "7.2+dynamic-pamt"
    assert len(set(listed)) == len(listed)


def test_mainline_is_another_name_of_the_newest() -> None:
    done = tdxctl(
        "init", "--once", "--platform", "small", "--kernel", "mainline", "--format", "json"
    )
    assert json.loads(done.stdout)["kernel"] == "7.2"
    assert done.stderr == "kernel: mainline is 7.2\n"
