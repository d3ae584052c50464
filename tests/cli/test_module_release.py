# SPDX-License-Identifier: Apache-2.0
"""From a log that shows a module by its build to what a kernel makes of that release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, tdxctl

BOOT_LOG = ROOT / "tests" / "data" / "boot.log"
NOT_KNOWN = (
    "no release of module 1.5 that is known has build 20230420, number 507: assumed is 1.5.25"
)
ASSUMED = (
    "module 1.5 with build 20230420, number 507 is no release that is known: assumed is 1.5.25"
)


def _log(folder: Path, build: str) -> Path:
    path = folder / "boot.log"
    path.write_text(BOOT_LOG.read_text().replace("build_date 20240129, build_num 698", build))
    return path


def _captured(folder: Path, build: str) -> tuple[Path, str]:
    path = folder / "host.yaml"
    done = tdxctl("capture", "--dmesg", str(_log(folder, build)), "-o", str(path))
    assert done.returncode == 0
    return path, done.stderr


@pytest.mark.parametrize("kernel", ["6.8", "6.18", "7.2+dynamic-pamt"])
def test_the_module_of_ubuntu_24_04_initializes_on_every_kernel(
    kernel: str, tmp_path: Path
) -> None:
    """Expect 1.5.08 by its build, which reads MAX_VCPUS_PER_TD and has no Dynamic PAMT."""
    path, notes = _captured(tmp_path, "build_date 20240725, build_num 784")
    assert "note:" not in notes
    assert '  version: "1.5.08"  # shown as 1.5: its build names it\n' in path.read_text()
    done = tdxctl("init", "--once", "--platform", str(path), "--kernel", kernel, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert answer["status"] == "INITIALIZED"
    # The log's `24636 KB allocated for PAMT`.
    assert answer["pamt"]["kib"] == 24636


def test_a_build_that_is_not_known_is_said_to_be_wherever_it_counts(tmp_path: Path) -> None:
    """Expect what is assumed on standard error, of capture and of what runs the description."""
    path, notes = _captured(tmp_path, "build_date 20230420, build_num 507")
    assert f"note: {NOT_KNOWN}\n" in notes
    text = path.read_text()
    assert f"# Note: {NOT_KNOWN}\n" in text
    assert '  version: "1.5"  # as shown; taken for 1.5.25, as its release is not known\n' in text
    for command in ("init", "plan"):
        once = ("--once",) if command == "init" else ()
        done = tdxctl(command, *once, "--platform", str(path), "--kernel", "6.8")
        assert (done.returncode, done.stderr) == (0, f"note: {ASSUMED}\n")
    done = tdxctl("validate", str(path))
    assert done.returncode == 0
    assert f"module.version: warning: {ASSUMED}\n" in done.stderr


@pytest.mark.parametrize(
    ("build", "detail"),
    [
        (
            "build_date 20240725, build_num 784",
            "it is module 1.5.08 (build 20240725, number 784)",
        ),
        (
            "build_date 20230420, build_num 507",
            "it is module 1.5 (build 20230420, number 507), no release that is known",
        ),
    ],
)
def test_a_diagnosis_names_the_release(build: str, detail: str, tmp_path: Path) -> None:
    done = tdxctl("diagnose", str(_log(tmp_path, build)), "--format", "json")
    assert done.returncode == 0
    checks = {check["id"]: check["detail"] for check in json.loads(done.stdout)["checks"]}
    assert checks["module-loaded"] == detail


@pytest.mark.parametrize(
    ("settings", "printed"),
    [
        (
            ["module.build_date=20240725", "module.build_num=784"],
            "virt/tdx: Module version: 1.5.08",
        ),
        (
            ["module.build_date=20250210", "module.build_num=864"],
            "virt/tdx: Module version: 1.5.13",
        ),
        ([], "virt/tdx: Module version: 1.5.25"),
    ],
)
def test_a_description_may_name_the_release_by_its_build(
    settings: list[str], printed: str, tmp_path: Path
) -> None:
    path = tmp_path / "host.yaml"
    text = (ROOT / "platforms" / "spr-2s-512g.yaml").read_text()
    path.write_text(text)
    given = [word for text in ['module.version="1.5"', *settings] for word in ("--set", text)]
    done = tdxctl("init", "--once", "--platform", str(path), "--kernel", "2026-06", *given)
    assert done.returncode == 0
    assert printed in done.stdout
    assert ("assumed is 1.5.25" in done.stderr) == (not settings)
