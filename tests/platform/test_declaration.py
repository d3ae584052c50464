# SPDX-License-Identifier: Apache-2.0
"""The declaration of a platform: what its JSON Schemas say, and that a value is read once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from tdxctl import Platform, units
from tdxctl.platform import fields, shipped
from tdxctl.platform.schema import platform_schema
from tests.cli.runner import ROOT
from tools.key_reference import reference

WRITTEN, RESOLVED = (json.loads(platform_schema(resolved=resolved)) for resolved in (False, True))


def keys(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of every record, as Record.key."""
    for name, record in {"Platform": schema, **schema["$defs"]}.items():
        for key, found in record["properties"].items():
            yield f"{name}.{key}", found


@pytest.mark.parametrize("schema", [WRITTEN, RESOLVED], ids=["written", "resolved"])
def test_every_key_has_its_sentence(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    found = dict(keys(schema))
    assert len(found) >= 70
    for name, key in found.items():
        assert key["description"].endswith("."), name
        assert len(key["description"]) > 8, name


def test_names_that_can_be_written_are_listed() -> None:
    found = dict(keys(WRITTEN))
    assert "TDH.SYS.KEY.CONFIG" in found["SeamcallFault.leaf"]["anyOf"][0]["enum"]
    assert "TDX_KEY_GENERATION_FAILED" in found["SeamcallFault.status"]["anyOf"][0]["enum"]
    assert "ENOMEM" in found["BootFault.errno"]["anyOf"][0]["enum"]
    assert "emerald-rapids" in found["Cpus.model"]["anyOf"][0]["enum"]
    assert "IA32_TSX_CTRL" in found["MsrValue.msr"]["enum"]
    (names,) = (one["items"] for one in found["Module.features"]["anyOf"] if "items" in one)
    assert names["enum"][:2] == ["TD_MIGRATION", "TD_PRESERVING"]


def test_what_a_key_is_by_itself_stands_as_it_is_written() -> None:
    """Expect XCR0 of KVM's host in hex, and numbers, words and whole records as they are."""
    found = dict(keys(WRITTEN))
    assert found["KvmConfig.xcr0"]["default"] == "0x602e7"
    assert found["Module.max_tdmrs"]["default"] == 64
    assert found["Firmware.seamrr"]["default"] == "enabled"
    assert found["Platform.kernel"]["default"] == {"hibernation": False, "tdx_host": True}
    assert "default" not in found["Firmware.seamrr_range"]


def test_auto_is_a_list_that_is_worked_out_and_no_record() -> None:
    """Expect the word where CMRs may stand; the SEAM range is simply left out."""
    found = dict(keys(WRITTEN))
    assert found["Memory.cmrs"]["anyOf"][0] == {"const": "auto"}
    assert found["Firmware.seamrr_range"] == {
        "description": "Where the SEAM range is; else 32 MiB behind the last memory.",
        "$ref": "#/$defs/BaseSize",
    }


def test_what_is_resolved_has_one_form() -> None:
    found = dict(keys(RESOLVED))
    assert "MemoryRange.size" not in found
    assert found["MemoryRange.end"]["type"] == "integer"
    assert found["MsrValue.value"]["pattern"] == "^0x[0-9a-f]+$"
    assert found["Firmware.keyid_bits"]["maximum"] == 15
    assert RESOLVED["required"] == [
        *("schema", "name", "description", "cpus", "memory", "firmware", "module", "kernel"),
        *("kvm", "faults"),
    ]


def test_the_reference_of_keys_is_current() -> None:
    """Mend with: python -m tools.key_reference > docs/platform-keys.md."""
    published = (ROOT / "docs" / "platform-keys.md").read_text()
    assert published == reference()
    assert "| `memory.ranges[].node` | `0` | The NUMA node it belongs to. |\n" in published


@pytest.mark.parametrize("name", shipped.names())
def test_a_resolved_platform_is_what_its_schema_says(name: str) -> None:
    canonical = Platform.load(shipped.path_of(name)).to_dict()
    jsonschema.validate(canonical, RESOLVED)
    canonical["memory"]["ranges"][0]["start"] = "1MiB"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(canonical, RESOLVED)


def test_a_value_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expect five numbers to be read five times, the checks of order and overlap included."""
    read = []

    def parse_size(text: str) -> int:
        read.append(text)
        return original(text)

    original = units.parse_size
    monkeypatch.setattr(fields, "parse_size", parse_size)
    Platform.from_dict(
        {
            "cpus": {"madt": [{"apic_id": 0}]},
            "memory": {
                "ranges": [{"start": "1MiB", "end": "2GiB"}, {"start": "4GiB", "size": "1GiB"}]
            },
            "firmware": {"tdx_keyids": "0x20"},
        }
    )
    assert read == ["1MiB", "2GiB", "4GiB", "1GiB", "0x20"]


def test_a_platform_is_hashable_equal_and_replaceable() -> None:
    small = Platform.load(shipped.path_of("small"))
    again = Platform.load(shipped.path_of("small"))
    assert small is not again
    assert small == again
    assert len({small, again}) == 1
    other = replace(small, firmware=replace(small.firmware, tdx_keyids=1))
    assert other != small
    assert (other.firmware.tdx_keyids, other.memory) == (1, small.memory)
    with pytest.raises(AttributeError, match="immutable"):
        small.name = "other"  # type: ignore[misc]
