# SPDX-License-Identifier: Apache-2.0
"""What no firmware makes can be described and booted, and `validate` warns of it."""

from __future__ import annotations

import json

import pytest

from tdxctl.platform.shipped import names
from tests.cli.runner import tdxctl

HINT = "the shipped platform tdx-off is a machine whose BIOS left TDX off"
CPU = (
    "warning: a CPU without TDX while TDX is described as on: no firmware makes that, and every "
    "SEAMCALL raises #UD\n"
    f"  hint: name a CPU that has TDX, such as emerald-rapids, or leave TDX off: {HINT}\n"
)
MEMORY = "memory: {ranges: [{start: 1MiB, end: 1GiB}]}\n"
MADT = "cpus: {madt: [{apic_id: 0}]}\n"
OLD = "cpus: {model: skylake-x, madt: [{apic_id: 0}]}\n"
OFF = "firmware: {seamrr: disabled, tdx_keyids: 0}\nmodule: {loaded: false}\n"


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        pytest.param(
            "firmware: {seamrr: disabled, tdx_keyids: 16}\nmodule: {loaded: false}\n" + MADT,
            "<stdin>:1:42: firmware.tdx_keyids: warning: 16 KeyIDs for TDX while SEAMRR is "
            f"disabled: no firmware makes that\n  hint: {HINT}\n",
            id="keyids",
        ),
        pytest.param(
            "firmware: {seamrr: absent, tdx_keyids: 0}\nmodule: {loaded: true}\n" + MADT,
            "<stdin>:2:18: module.loaded: warning: a module is loaded while SEAMRR is absent: no "
            f"firmware makes that, and every SEAMCALL raises #GP\n  hint: {HINT}\n",
            id="module",
        ),
        pytest.param(OLD, f"<stdin>:1:15: cpus.model: {CPU}", id="cpu"),
        pytest.param(
            OLD + "firmware: {seamrr: enabled, tdx_keyids: 0}\nmodule: {loaded: false}\n",
            f"<stdin>:1:15: cpus.model: {CPU}",
            id="cpu-with-seamrr-alone",
        ),
        pytest.param(OLD + OFF, "", id="cpu-with-tdx-off"),
        pytest.param(MADT + OFF, "", id="off"),
        pytest.param(MADT, "", id="on"),
        pytest.param(MADT + "module: {loaded: false}\n", "", id="no-module"),
        pytest.param(MADT + "firmware: {tdx_keyids: 0}\n", "", id="no-keyids"),
    ],
)
def test_what_no_firmware_makes_is_a_warning_at_its_place(text: str, warnings: str) -> None:
    done = tdxctl("validate", "-", stdin=text + MEMORY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "-: valid\n", warnings)


def test_what_is_not_written_is_warned_of_where_it_would_stand() -> None:
    """Expect the defaults beside `seamrr: disabled`, 32 KeyIDs and a loaded module, to be told."""
    done = tdxctl("validate", "-", stdin=MADT + MEMORY + "firmware: {seamrr: disabled}\n")
    places = [line.partition(" warning: ")[0] for line in done.stderr.splitlines()[::2]]
    assert places == ["<stdin>:3:11: firmware.tdx_keyids:", "<stdin>:1:1: module.loaded:"]


def test_warnings_as_json() -> None:
    done = tdxctl("validate", "-", "--format", "json", stdin=OLD + MEMORY)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["valid"]) == (0, True)
    [warning] = answer["warnings"]
    assert (warning["severity"], warning["path"]) == ("warning", "cpus.model")
    assert (warning["line"], warning["column"]) == (1, 15)


def test_warnings_stand_beside_errors() -> None:
    done = tdxctl("validate", "-", "platforms/icx-2s-128g.yaml", stdin="cpus: 1\n")
    assert done.returncode == 3
    assert "<stdin>:1:7: cpus: must be a mapping" in done.stderr
    assert "platforms/icx-2s-128g.yaml:14:10: cpus.model: warning: a CPU without" in done.stderr


def test_of_the_shipped_platforms_three_are_warned_of() -> None:
    files = [f"platforms/{name}.yaml" for name in names()]
    done = tdxctl("validate", *files)
    assert done.returncode == 0
    assert {line.partition(":")[0] for line in done.stderr.splitlines()[::2]} == {
        "platforms/4s-512g.yaml",
        "platforms/icx-2s-128g.yaml",
        "platforms/seamrr-off.yaml",
    }
