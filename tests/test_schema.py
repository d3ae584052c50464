# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema is the model's, and accepts what tdxctl loads."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from tdxctl import Platform
from tdxctl.platform.schema import platform_schema
from tdxctl.platform.shipped import names
from tests.cli.runner import ROOT
from tests.host import vectors

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
        platform = Platform.from_dict(vectors.description(case["input"]))
        canonical = platform.to_dict()
        jsonschema.validate(canonical, SCHEMA)
        assert Platform.from_dict(json.loads(json.dumps(canonical))) == platform


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
