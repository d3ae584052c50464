# SPDX-License-Identifier: Apache-2.0
"""Real hosts, of which nobody here wrote a word, as a fleet and one by one.

Those of a clone, or all in the folder of TDXCTL_REALDATA.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tdxctl import Platform
from tdxctl.capture.sources import capture
from tdxctl.errors import TdxctlError
from tdxctl.fleet.descriptions import row_of
from tdxctl.fleet.setups import References
from tdxctl.linux.releases import KERNELS
from tests import real
from tests.fleet.test_equal import differences

_TDX: dict[str, Any] = {
    "firmware": {"seamrr": "enabled", "mktme_keyids": 31, "tdx_keyids": 32},
    "module": {"loaded": True},
}


def _sources(folder: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    # A host each: its name, and what `capture` is given.
    logs = [*real.files("dmesg/*.dmesg.txt"), *real.files("tdx-logs/*.dmesg.txt")]
    sources = [(log.name, [("--dmesg", str(log))]) for log in logs]
    for srat in real.files("acpi/*.SRAT.bin"):
        madt = Path(str(srat).replace(".SRAT.", ".APIC."))
        tables = [table for table in (madt, srat) if table.exists()]
        sources.append((srat.name, [("--acpi", str(table)) for table in tables]))
    sources += [(text.name, [("--iomem", str(text))]) for text in real.files("sysfs/*iomem.txt")]
    for file in real.files("sysfs/*.json"):
        contents = json.loads(file.read_text()).get("files")
        if contents:
            for name, text in contents.items():
                if name.startswith("sys/"):
                    path = folder / file.stem / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
            sources.append((file.name, [("--sysfs", str(folder / file.stem))]))
    return sources


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> list[Platform]:
    """As captured, with TDX where a log shows none, and on a CPU with TDX with every CPU online."""
    folder = tmp_path_factory.mktemp("hosts")
    hosts = []
    for name, given in _sources(folder):
        try:
            text, _ = capture(given, name="captured", assume_tdx=False, source=None)
        except TdxctlError:
            continue  # too little for a description
        captured = yaml.safe_load(text)
        able = captured | _TDX
        able["cpus"] = captured["cpus"] | {
            "online": "all",
            "disabled_cpus": 0,
            "model": "emerald-rapids",
        }
        hosts += [
            Platform.from_dict(each | {"name": name[:64].strip(".-")})
            for each in (captured, captured | _TDX, able)
        ]
    return hosts


#: One of each engine's, of CMRs that are walked and of Dynamic PAMT; of a clone's hosts one.
SOME = ["v5", "6.8+cmr-walk", "6.18", "7.2+dynamic-pamt"] if real.IS_WHOLE else ["6.18"]


@pytest.mark.parametrize("kernel", SOME)
def test_real_hosts_are_as_a_fleet_what_they_are_one_by_one(
    kernel: str, hosts: list[Platform]
) -> None:
    (known,) = (each for each in KERNELS if each.id == kernel)
    rows = [row_of(host) for host in hosts]
    assert differences(rows, hosts, known, References()) == []
    print(f"{len(hosts) // 3} hosts, each in 3 states, under {kernel}: equal")
    assert len(hosts) // 3 >= 20
