# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema is the model's, and accepts what tdxctl loads."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tdxctl import Platform
from tdxctl.linux.releases import KERNELS
from tdxctl.platform.faults import SeamcallFault
from tdxctl.platform.schema import platform_schema
from tdxctl.platform.shipped import names
from tests.cli.runner import ROOT, tdxctl
from tests.linux import vectors

SCHEMA = json.loads(platform_schema())


def test_the_published_file_is_current() -> None:
    """Mend with: tdxctl schema platform > platforms/platform-1.schema.json."""
    published = (ROOT / "platforms" / "platform-1.schema.json").read_text()
    assert published == platform_schema() + "\n"


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", names())
def test_shipped_platforms_are_valid(name: str) -> None:
    data = yaml.safe_load((ROOT / "platforms" / f"{name}.yaml").read_text())
    jsonschema.validate(data, SCHEMA)


def test_canonical_descriptions_are_valid_and_stay_what_they_are() -> None:
    """Expect to_dict() to be a description again: same schema, same Platform."""
    for case in vectors.load("v5")[::25]:
        platform = Platform.from_dict(vectors.description(case["input"], "v5"))
        canonical = platform.to_dict()
        jsonschema.validate(canonical, SCHEMA)
        assert Platform.from_dict(json.loads(json.dumps(canonical))) == platform


def test_a_status_of_any_leaf_can_be_scripted_by_name() -> None:
    """Expect the loader and the schema to take one that is none of the bring-up's."""
    data = yaml.safe_load((ROOT / "platforms" / "spr-2s-512g.yaml").read_text())
    data["faults"] = [{"leaf": "TDH.SYS.DISABLE", "status": "TDX_INTERRUPTED_RESUMABLE"}]
    jsonschema.validate(data, SCHEMA)
    (fault,) = Platform.from_dict(data).faults
    assert isinstance(fault, SeamcallFault)
    assert fault.status == 0x8000000300000000


@pytest.mark.parametrize(
    "broken",
    [
        {"cpus": {"madt": []}},
        {"memory": {"ranges": [{"start": -1}]}},
        {"module": {"chekcs": "lax"}},
        {"firmware": {"seamrr": "on"}},
        {"faults": [{"leaf": 31}]},
    ],
)
def test_it_refuses_what_is_wrong(broken: dict[str, object]) -> None:
    valid = {
        "cpus": {"madt": [{"apic_id": 0}]},
        "memory": {"ranges": [{"start": "1MiB", "size": "1GiB"}]},
    }
    jsonschema.validate(valid, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**valid, **broken}, SCHEMA)


def _schema(name: str) -> dict[str, object]:
    schema: dict[str, object] = json.loads(tdxctl("schema", name).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.mark.parametrize("kernel", [kernel.id for kernel in KERNELS])
@pytest.mark.parametrize(
    "platform", ["small", "no-module", "lp-init-fails", "emr-2s-256g-fragmented"]
)
def test_what_init_and_status_print_is_what_their_schemas_say(
    platform: str, kernel: str, tmp_path: Path
) -> None:
    environment = {"TDXCTL_STATE": str(tmp_path)}
    words = ("init", "--platform", platform, "--kernel", kernel, "--format", "json")
    report = json.loads(tdxctl(*words, environment=environment).stdout)
    jsonschema.validate(report, INIT_SCHEMA)
    status = json.loads(tdxctl("status", "--format", "json", environment=environment).stdout)
    jsonschema.validate(status, STATUS_SCHEMA)


INIT_SCHEMA, STATUS_SCHEMA = _schema("init"), _schema("status")


@pytest.mark.parametrize(
    "options",
    [(), ("--add-memory", "1GiB@3"), ("--set", "cpus.features.vmx=false")],
)
def test_what_plan_prints_is_what_its_schema_says(options: tuple[str, ...]) -> None:
    done = tdxctl("plan", "--platform", "emr-2s-256g-fragmented", "--format", "json", *options)
    jsonschema.validate(json.loads(done.stdout), _schema("plan"))


def test_what_test_prints_is_what_its_schema_says(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "schema: tdxctl.scenario/1\nplatform: small\nkernel: all\n"
        "steps: [{init: 1, expect: {pamt: 65672KiB}}]\n"
    )
    done = tdxctl("test", str(tmp_path), "--format", "json")
    assert done.returncode == 1
    jsonschema.validate(json.loads(done.stdout), _schema("test"))


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--machine", "nobody"),
        ("init", "--platform", "-", "--once"),
        ("plan", "--platform", "small", "--hole", "x"),
        ("test", "nowhere"),
    ],
)
def test_an_error_is_what_its_schema_says(words: tuple[str, ...], tmp_path: Path) -> None:
    done = tdxctl(
        *words, "--format", "json", stdin="cpus: 5\n", environment={"TDXCTL_STATE": str(tmp_path)}
    )
    assert done.returncode > 1
    jsonschema.validate(json.loads(done.stdout), _schema("error"))


def _with_text_keys(value: object) -> object:
    # What PyYAML reads as a number (6.8) is a kernel's name to tdxctl.
    if isinstance(value, dict):
        return {str(key): _with_text_keys(entry) for key, entry in value.items()}
    return [_with_text_keys(entry) for entry in value] if isinstance(value, list) else value


def test_the_shipped_scenarios_are_what_the_scenario_schema_says() -> None:
    schema = _schema("scenario")
    for path in sorted((ROOT / "tests" / "scenarios").iterdir()):
        jsonschema.validate(_with_text_keys(yaml.safe_load(path.read_text())), schema)
    wrong = {"schema": "tdxctl.scenario/1", "platform": "small", "steps": [{"innit": 1}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
