# SPDX-License-Identifier: Apache-2.0
"""`tdxctl fleet`: hosts in, verdicts out, in whichever form."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tdxctl.fleet.arrow import hosts_schema
from tests.cli.runner import tdxctl

GIB, MIB = 1 << 30, 1 << 20
#: 2 GiB below 4 GiB and 4 above: two TDMRs.
GOOD = [{"start": MIB, "end": 2 * GIB, "node": 0}, {"start": 4 * GIB, "end": 8 * GIB, "node": 0}]
#: A host each of what may come of it, and rows that are wrong.
HOSTS: list[dict[str, Any]] = [
    {"host": "good", "memory": GOOD},
    {"host": "none", "memory": GOOD, "settings": '{"module": {"loaded": false}}'},
    {"host": "overlaps", "memory": [GOOD[0], {"start": GIB, "end": 3 * GIB, "node": 0}]},
    {"host": "full", "memory": GOOD, "settings": '{"module": {"max_tdmrs": 1}}'},
    {"host": "unknown", "memory": GOOD, "module": "1.5.99"},
    {"host": "twin", "memory": GOOD},
]
#: 2 and 4 GiB: 16 bytes for each 4 KiB, 2 MiB and 1 GiB, each in whole pages.
PAMT = (0x800000 + 0x4000 + 0x1000) + (0x1000000 + 0x8000 + 0x1000)
#: Row, what initializes, cause, TDMRs left, PAMTs, what is wrong.
VERDICTS = [
    (0, True, None, 62, PAMT, None),
    (1, False, "module-not-loaded", None, None, None),
    (2, None, None, None, None, "memory: has ranges that overlap"),
    (3, False, "tdmrs-exhausted", -1, 0, None),
    (4, None, None, None, None, 'module: is a module version that is not modelled (got "1.5.99")'),
    (5, True, None, 62, PAMT, None),
]
COLUMNS = ("row", "initializes", "cause", "tdmrs_left", "pamt_bytes", "error")


def _parquet(folder: Path, rows: list[dict[str, Any]], row_group: int = 2) -> str:
    path = folder / "hosts.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=hosts_schema()), path, row_group)
    return str(path)


def _verdicts(path: Path) -> list[tuple[object, ...]]:
    rows = pq.read_table(path).to_pylist()
    return [tuple(row[column] for column in COLUMNS) for row in rows]


def test_a_host_is_a_row_and_a_wrong_row_says_what_is_wrong(tmp_path: Path) -> None:
    """Expect every other host to be judged, and exit 3 at the end."""
    done = tdxctl("fleet", _parquet(tmp_path, HOSTS), "-o", str(tmp_path / "out.parquet"))
    assert (done.returncode, done.stderr) == (3, "")
    assert _verdicts(tmp_path / "out.parquet") == VERDICTS
    assert done.stdout.splitlines()[:6] == [
        "6 hosts, 2 of them wrong",
        "  1  memory: has ranges that overlap  (overlaps)",
        '  1  module: is a module version that is not modelled (got "1.5.99")  (unknown)',
        "",
        "v5: 2 of 4 hosts would be ready for TDs",
        "  1  module-not-loaded ENODEV VMFAILINVALID  (none)",
    ]


def test_lines_of_json_cells_of_csv_and_a_folder_of_parquet_are_hosts_too(tmp_path: Path) -> None:
    lines, cells = tmp_path / "hosts.jsonl", tmp_path / "hosts.csv"
    lines.write_text("".join(json.dumps(row) + "\n" for row in HOSTS))
    with cells.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["host", "module", "memory", "settings"])
        writer.writeheader()
        writer.writerows(row | {"memory": json.dumps(row["memory"])} for row in HOSTS)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, rows in (("a.parquet", HOSTS[:3]), ("b.parquet", HOSTS[3:])):
        pq.write_table(pa.Table.from_pylist(rows, schema=hosts_schema()), folder / name)
    for number, hosts in enumerate((lines, cells, folder)):
        out = tmp_path / f"out-{number}"
        assert tdxctl("fleet", str(hosts), "-o", str(out)).returncode == 3
        assert _verdicts(out) == VERDICTS


def test_verdicts_are_lines_of_json_or_csv_too(tmp_path: Path) -> None:
    hosts = _parquet(tmp_path, HOSTS)
    tdxctl("fleet", hosts, "-o", str(tmp_path / "out.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [tuple(row[column] for column in COLUMNS) for row in rows] == VERDICTS
    assert rows[0]["pamt_by_node"] == [{"node": 0, "bytes": PAMT}]
    tdxctl("fleet", hosts, "-o", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [row["error"] for row in cells] == [said or "" for *_, said in VERDICTS]
    assert json.loads(cells[0]["pamt_by_node"]) == [{"node": 0, "bytes": PAMT}]


def test_hosts_that_name_shapes_are_those_shapes(tmp_path: Path) -> None:
    shapes = [{"shape": row["host"]} | row for row in HOSTS]
    for row in shapes:
        del row["host"]
    kinds = hosts_schema().remove(hosts_schema().get_field_index("host"))
    shaped = pa.Table.from_pylist(shapes, schema=kinds.append(pa.field("shape", pa.string())))
    pq.write_table(shaped, tmp_path / "shapes.parquet")
    named = [row["host"] for row in HOSTS] + ["nothing"]
    hosts = pa.table({"shape": named, "host": [f"h{i}" for i in range(len(named))]})
    pq.write_table(hosts, tmp_path / "hosts.parquet")
    done = tdxctl(
        *("fleet", str(tmp_path / "hosts.parquet"), "-o", str(tmp_path / "out.parquet")),
        *("--shapes", str(tmp_path / "shapes.parquet"), "--format", "json"),
    )
    assert done.returncode == 3
    missing = (6, None, None, None, None, "shape: there is none of that name")
    assert _verdicts(tmp_path / "out.parquet") == [*VERDICTS, missing]
    assert json.loads(done.stdout)["wrong"] == 3


def test_lines_that_are_no_hosts_are_wrong_rows(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.jsonl"
    hosts.write_text('{"memory": 7}\n[]\n{"memory": [], "colour": 1}\nnothing\n')
    done = tdxctl("fleet", str(hosts), "-o", str(tmp_path / "out"))
    assert done.returncode == 3
    assert [said for *_, said in _verdicts(tmp_path / "out")] == [
        "memory: is not list<item: struct<start: int64, end: int64, node: int64>>",
        "the line is not a JSON object",
        "colour: hosts have no such column",
        "the line is not JSON",
    ]


def test_a_null_is_not_the_number_that_stands_for_it(tmp_path: Path) -> None:
    """Expect a start that is missing to be wrong, beside one that is 0; a node to be 0 without."""
    rows = [
        {"memory": [{"start": 0, "end": 8 * GIB, "node": 0}]},
        {"memory": [{"end": 8 * GIB, "node": 0}]},
        {"memory": [{"start": 0, "end": 8 * GIB}]},
    ]
    tdxctl("fleet", _parquet(tmp_path, rows), "-o", str(tmp_path / "out"))
    assert [(said, able) for _, able, *_, said in _verdicts(tmp_path / "out")] == [
        (None, True),
        ("memory: has a null in a range", None),
        (None, True),
    ]


def test_against_another_kernel_is_who_changes(tmp_path: Path) -> None:
    """Expect hosts whose module lacks NO_RBP_MOD to be ready under 6.8 alone."""
    rows = [*HOSTS[:1], HOSTS[0] | {"host": "old", "settings": '{"module": {"features": 0}}'}]
    done = tdxctl(
        *("fleet", _parquet(tmp_path, rows), "-o", str(tmp_path / "out.csv")),
        *("--kernel", "6.14", "--against", "6.8", "--format", "json"),
    )
    assert done.returncode == 1
    summary = json.loads(done.stdout)
    assert summary["changed"] == [
        {"what": "6.14: rbp-clobbered EINVAL; 6.8: ready", "hosts": 1, "examples": ["old"]}
    ]
    assert [(each["kernel"], each["ready"]) for each in summary["kernels"]] == [
        ("6.14", 1),
        ("6.8", 2),
    ]


def test_exit_0_is_every_host_ready(tmp_path: Path) -> None:
    hosts = _parquet(tmp_path, HOSTS[:1])
    assert tdxctl("fleet", hosts, "-o", str(tmp_path / "out")).returncode == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"memery": [[]]}, "hosts have no column 'memery'"),
        ({"host": ["x"]}, "has no column 'memory'"),
        ({"memory": [7]}, "column memory is int64, and has to be list<"),
    ],
)
def test_columns_that_hosts_do_not_have_are_refused(
    tmp_path: Path, columns: dict[str, list[Any]], said: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "hosts.parquet")
    done = tdxctl("fleet", str(tmp_path / "hosts.parquet"), "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    assert said in done.stderr


def test_another_run_does_not_go_on_in_the_output_of_this_one(tmp_path: Path) -> None:
    hosts, out = _parquet(tmp_path, HOSTS[:1]), str(tmp_path / "out")
    assert tdxctl("fleet", hosts, "-o", out).returncode == 0
    assert tdxctl("fleet", hosts, "-o", out).returncode == 0
    done = tdxctl("fleet", hosts, "-o", out, "--kernel", "6.8")
    assert done.returncode == 2
    assert "holds a run of other hosts, kernels or another tdxctl" in done.stderr


def test_descriptions_become_hosts(tmp_path: Path) -> None:
    folder = tmp_path / "described"
    folder.mkdir()
    description = {
        "cpus": {"madt": [{"apic_id": "0-3"}]},
        "memory": {"ranges": GOOD},
        "module": {"max_tdmrs": 1},
    }
    (folder / "one.json").write_text(json.dumps(description))
    (folder / "wrong.json").write_text("{}")
    hosts = tmp_path / "hosts.parquet"
    done = tdxctl("fleet", "--from-descriptions", str(folder), "-o", str(hosts))
    assert done.returncode == 3
    assert done.stderr.startswith("wrong: cpus: is required\n1 host written to ")
    (row,) = pq.read_table(hosts).to_pylist()
    assert (row["host"], row["memory"], row["cmrs"]) == ("one", GOOD, None)
    assert row["cpus"] == [{"package": 0, "cpus": 4, "online": 4, "not_enabled": 0}]
    assert json.loads(row["settings"]) == {"module": {"max_tdmrs": 1}}
    assert tdxctl("fleet", str(folder), "-o", str(tmp_path / "out")).returncode == 3
    assert [said for *_, said in _verdicts(tmp_path / "out")] == [None, "cpus: is required"]


def test_a_page_is_made_of_a_run_and_of_its_summary(tmp_path: Path) -> None:
    rows = [*HOSTS, {"host": "<script>", "memory": [], "module": "x"}]
    out, page = str(tmp_path / "out"), tmp_path / "page.html"
    done = tdxctl("fleet", _parquet(tmp_path, rows), "-o", out, "--format", "json")
    assert tdxctl("fleet", "html", out, "-o", str(page)).returncode == 0
    shown = page.read_text()
    assert "<h1>7 hosts</h1>" in shown
    assert "2 of 4 (50.0%)" in shown
    assert "<script>" not in shown
    assert "http" not in shown.replace("http-equiv", "")
    summary = tmp_path / "summary.json"
    summary.write_text(done.stdout)
    assert tdxctl("fleet", "html", str(summary), "-o", str(page)).returncode == 0
    assert page.read_text() == shown


def test_without_pyarrow_it_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from tdxctl.commands.fleet import command
    from tdxctl.errors import UsageError

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs pyarrow") as caught:
        command.main(["hosts.parquet", "-o", "out"], standalone_mode=False)
    assert caught.value.hint == "pip install 'tdxctl[fleet]'"


def test_schemas_of_rows_are_printed() -> None:
    host = json.loads(tdxctl("schema", "fleet").stdout)
    assert host["required"] == ["memory"]
    assert list(host["properties"])[:4] == ["memory", "host", "reserved", "cmrs"]
    assert "tdmrs_left" in json.loads(tdxctl("schema", "fleet-verdict").stdout)["properties"]
