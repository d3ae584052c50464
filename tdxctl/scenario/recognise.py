# SPDX-License-Identifier: Apache-2.0
"""Whether a document that does not say so is a scenario after all."""

from __future__ import annotations

from difflib import SequenceMatcher

from tdxctl.errors import DescriptionError
from tdxctl.platform.reading import read
from tdxctl.scenario.description import SCHEMA
from tdxctl.scenario.model import OPERATIONS, ScenarioModel

_KEYS = frozenset(field.alias or name for name, field in ScenarioModel.model_fields.items())
_IN_A_STEP = frozenset({*OPERATIONS, "expect", "expect_on"})
_NEAR = 0.72


def is_like_a_scenario(data: bytes, path: str) -> bool | None:
    """Whether the file of that content is meant as one; None where it cannot be parsed.

    What tells: a value like the schema's, a list of what is like steps, or a platform and steps
    with no key that a scenario does not have.
    """
    try:
        document = read(data, path, is_json=path.lower().endswith(".json")).data
    except DescriptionError:
        return None
    if not isinstance(document, dict):
        return False
    if any(_is_near_the_schema(value) for value in document.values()):
        return True
    if any(_is_like_steps(value) for value in document.values()):
        return True
    keys = set(document)
    return {"platform", "steps"} <= keys <= _KEYS


def _is_near_the_schema(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 2 * len(SCHEMA):
        return False
    return SequenceMatcher(a=value.lower(), b=SCHEMA).ratio() >= _NEAR


def _is_like_steps(value: object) -> bool:
    return isinstance(value, list) and any(
        isinstance(entry, dict) and not _IN_A_STEP.isdisjoint(entry) for entry in value
    )
