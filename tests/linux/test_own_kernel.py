# SPDX-License-Identifier: Apache-2.0
"""A developer's own kernel: a class in a file, or one that a package offers."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from tdxctl import Machine, Platform
from tdxctl.errors import UsageError
from tdxctl.linux.lookup import find_kernel
from tdxctl.linux.own import ENTRY_POINTS, of_class, of_file
from tdxctl.linux.v6_8 import V6_8
from tdxctl.platform import shipped
from tests import golden
from tests.cli.runner import ROOT, tdxctl
from tests.linux import vectors
from tests.pages import blocks

EXAMPLE = ROOT / "docs" / "examples" / "none_when_not_loaded.py"
NIT = f"{EXAMPLE}:NoneWhenNotLoaded"
ABSENT = ("init", "--platform", "no-module", "--kernel")


def test_the_example_of_the_page_is_the_file() -> None:
    """Expect ten lines of code; tests/test_pages.py runs the page's commands."""
    [code] = blocks(ROOT / "docs" / "your-own-kernel.md", "python")
    assert code == EXAMPLE.read_text()
    assert len([line for line in code.splitlines() if line]) == 10


def test_the_nit_on_v5_posted_is_v5_wherever_no_pamt_size_overflows() -> None:
    """Expect v5's golden results where no module is loaded, and where both kernels have the same.

    What is left out differs by v5's other change.
    """
    kernel = of_file(NIT)
    posted = vectors.results("v5-posted").cases()
    same = absent = 0
    for name, case in vectors.results("v5").cases().items():
        is_same = posted[name.replace("v5-", "v5-posted-", 1)]["output"] == {
            **case["output"],
            "profile": "v5-posted",
        }
        is_absent = case["input"]["id"].startswith("absent-")
        if is_same or is_absent:
            found = vectors.run(case["input"], kernel)
            assert not list(golden.differences(found, vectors.golden(case["output"])))
        same += is_same
        absent += is_absent and not is_same
    assert (same, absent) == (736, 2)


def test_a_kernel_that_no_release_has_is_told_apart() -> None:
    done = tdxctl(*ABSENT, NIT, "--once", "--format", "json")
    document = json.loads(done.stdout)
    assert (document["kernel"], document["status"]) == ("v5-posted:NoneWhenNotLoaded", "NONE")
    assert str(EXAMPLE.parent) not in done.stdout + done.stderr
    listed = tdxctl("kernels", NIT).stdout
    assert listed.startswith("v5-posted:NoneWhenNotLoaded: NoneWhenNotLoaded, a kernel of your own")
    assert "evidence: assumed: nothing vouches for a kernel of your own" in listed


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        (None, "Mine", "mine.py': no such file or directory"),
        ("class Mine(", "Mine", "mine.py' cannot be run: SyntaxError: "),
        ("1 / 0", "Mine", "mine.py' cannot be run: ZeroDivisionError: division by zero"),
        ("x = 1", "Mine", "error: mine.py has no class Mine"),
        ("class Mine: pass", "Mine", "error: Mine of mine.py is no kernel"),
        (
            "from tdxctl.linux.v5 import V5\nclass Mine(V5): pass",
            "Mine",
            "error: Mine of mine.py does not say which release it is on",
        ),
        (
            "from tdxctl.linux.v5 import V5\nclass Mine(V5): RELEASE = '6.8'",
            "Mine",
            "error: Mine of mine.py is on 6.8, and its base is not",
        ),
        (
            "from tdxctl.linux.kernel import Kernel\nclass Mine(Kernel): RELEASE = 'v5'",
            "Mine",
            "error: Mine of mine.py is on v5, and its base is not",
        ),
        (
            "from abc import abstractmethod\nfrom tdxctl.linux.v5 import V5\n"
            "class Mine(V5):\n  RELEASE = 'v5'\n  @abstractmethod\n  def more(self): ...",
            "Mine",
            "error: Mine of mine.py lacks more",
        ),
    ],
)
def test_a_file_that_is_no_kernel(
    tmp_path: Path, code: str | None, name: str, message: str
) -> None:
    file = tmp_path / "mine.py"
    if code is not None:
        file.write_text(code)
    done = tdxctl(*ABSENT, f"{file}:{name}", "--once")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[0]


def test_only_a_command_line_names_a_file(tmp_path: Path) -> None:
    """Expect exit 2 from the environment, 3 from a scenario, and a refusal from Python."""
    done = tdxctl("init", "--once", "--platform", "small", environment={"TDXCTL_INIT_KERNEL": NIT})
    assert done.returncode == 2
    assert "only a command line names one" in done.stderr
    scenario = tmp_path / "x.yaml"
    scenario.write_text(
        f"schema: tdxctl.scenario/1\nplatform: small\nkernel: '{NIT}'\nsteps: [{{init: 1}}]\n"
    )
    assert tdxctl("test", str(scenario)).returncode == 3
    with pytest.raises(UsageError, match="only --kernel on a command line names it"):
        find_kernel(NIT)


def test_a_stored_machine_keeps_the_digest_of_its_file(tmp_path: Path) -> None:
    """Expect exit 5 without the file and with another one, and the same machine with the same."""
    state = {"TDXCTL_STATE": str(tmp_path / "state")}
    mine = tmp_path / "mine.py"
    mine.write_text(EXAMPLE.read_text())
    kernel = f"{mine}:NoneWhenNotLoaded"
    assert tdxctl(*ABSENT, kernel, environment=state).returncode == 1
    status = json.loads(tdxctl("status", "--format", "json", environment=state).stdout)
    assert (status["kernel"], status["status"]) == ("v5-posted:NoneWhenNotLoaded", "NONE")
    stored = json.loads(
        tdxctl("machines", "no-module", "--format", "json", environment=state).stdout
    )
    assert str(tmp_path) not in json.dumps(stored)

    without = tdxctl("module", "load", environment=state)
    assert without.returncode == 5
    assert without.stderr == (
        "error: machine 'no-module' was booted with a kernel of your own, "
        "v5-posted:NoneWhenNotLoaded, which runs only where the command line names it\n"
        "  hint: --kernel FILE.py:Class\n"
    )
    assert tdxctl("module", "load", "--kernel", kernel, environment=state).returncode == 0

    mine.write_text(EXAMPLE.read_text() + "\n")
    other = tdxctl("module", "unload", "--kernel", kernel, environment=state)
    assert other.returncode == 5
    assert "of another file than this one" in other.stderr
    assert tdxctl("module", "unload", "--kernel", "v5", environment=state).returncode == 5


def test_a_package_offers_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect its name to be found after tdxctl's own, and what cannot be loaded to be told."""

    def offered(*, group: str, name: str) -> list[importlib.metadata.EntryPoint]:
        values = {"mine": f"{__name__}:Offered", "broken": "nowhere:None", "v5": "nowhere:V5"}
        assert group == ENTRY_POINTS
        return [importlib.metadata.EntryPoint(name, values[name], group)] if name in values else []

    monkeypatch.setattr(importlib.metadata, "entry_points", offered)
    found = find_kernel("mine")
    assert (found.id, found.own, len(found.digest or "")) == ("mine", Offered, 64)
    assert find_kernel("v5").own is None
    with pytest.raises(UsageError, match="kernel 'broken' cannot be loaded: ModuleNotFoundError"):
        find_kernel("broken")
    with pytest.raises(UsageError, match="no such kernel: 'other'"):
        find_kernel("other")


class Offered(V6_8):
    """6.8 that believes every module to have one TDMR."""

    RELEASE = "6.8"

    def read_sys_metadata_field(self, field_id: int) -> int:
        """MAX_TDMRS is 1."""
        value = super().read_sys_metadata_field(field_id)
        return 1 if field_id == 0x9100000100000008 else value


def test_a_class_is_booted_from_python() -> None:
    platform = Platform.load(shipped.path_of("spr-2s-512g"))
    machine = Machine.boot(platform, of_class(Offered))
    assert machine.tdx_init().returned == -28
    assert machine.dmesg[-1].text == "virt/tdx: module initialization failed (-28)"


def test_who_takes_the_base_of_another_release_is_told_which_one_it_is() -> None:
    class Mine(Offered):
        RELEASE = "v5"

    with pytest.raises(UsageError) as error:
        of_class(Mine)
    assert error.value.hint == "the base for v5 is tdxctl.linux.v5.V5"
