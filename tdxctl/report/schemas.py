# SPDX-License-Identifier: Apache-2.0
"""JSON Schemas of what tdxctl prints. A version is raised when a key changes, not for a new one."""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_NUMBER: Schema = {"type": "integer"}
_MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_HEX: Schema = {"type": "string", "pattern": "^0x[0-9a-f]+$"}
_MAYBE_HEX: Schema = {"type": ["string", "null"], "pattern": "^0x[0-9a-f]+$"}
_BY_NODE: Schema = {"type": "object", "additionalProperties": _COUNT}
_SEVERITY: Schema = {"enum": ["error", "warning"]}


def _object(**properties: Schema) -> Schema:
    # All keys are there, others may come.
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_FAILURE = _object(
    step=_MAYBE_TEXT,
    cause=_TEXT,
    leaf=_MAYBE_TEXT,
    cpu=_MAYBE_NUMBER,
    status=_MAYBE_HEX,
    status_name=_MAYBE_TEXT,
    errno=_TEXT,
    reason=_TEXT,
    hint=_TEXT,
    explain=_TEXT,
)
_RANGE = _object(base=_HEX, size=_COUNT)
_PAMT = _object(bytes=_COUNT, pages=_COUNT, kib=_COUNT, by_node=_BY_NODE)
_OUTCOME: Schema = {"enum": ["passed", "failed", "skipped"]}
_LOG_LINE = _object(level={"enum": ["info", "warn", "err", "WARN"]}, text=_TEXT)
_STEP = _object(
    number=_MAYBE_NUMBER,
    name=_TEXT,
    title=_TEXT,
    outcome=_OUTCOME,
    leaf=_MAYBE_TEXT,
    seamcalls=_COUNT,
    detail=_MAYBE_TEXT,
)
_TDMR = _object(
    base=_HEX,
    size=_COUNT,
    node=_COUNT,
    pamt={"type": "object", "properties": dict.fromkeys(("4k", "2m", "1g"), _RANGE)},
    reserved=_list(_object(offset=_COUNT, size=_COUNT)),
)
_INIT = _object(
    machine=_TEXT,
    kernel=_TEXT,
    call=_COUNT,
    returned=_NUMBER,
    errno=_MAYBE_TEXT,
    status=_TEXT,
    callers=_list(_object(returned=_NUMBER)),
    failure=_maybe(_FAILURE),
    steps=_list(_STEP),
    tdmrs=_list(_TDMR),
    pamt=_PAMT,
    log=_list(_LOG_LINE),
)
_STATUS = _object(
    tdxctl=_TEXT,
    machine=_TEXT,
    kernel=_TEXT,
    status=_TEXT,
    calls=_COUNT,
    returned=_MAYBE_NUMBER,
    errno=_MAYBE_TEXT,
    cpus=_object(present=_COUNT, online=_COUNT, disabled=_COUNT),
    module=_object(loaded=_FLAG, version=_TEXT),
    keyids=_object(**{"global": _MAYBE_NUMBER, "guest": _COUNT}),
    tdmrs=_object(used=_COUNT, max=_COUNT),
    pamt=_object(bytes=_COUNT, by_node=_BY_NODE),
    failure=_maybe(_FAILURE),
)
_KERNEL_PLAN = _object(
    kernel=_TEXT,
    initializes=_FLAG,
    returned=_MAYBE_NUMBER,
    errno=_MAYBE_TEXT,
    status=_MAYBE_TEXT,
    failure=_maybe(_FAILURE),
    not_modelled=_MAYBE_TEXT,
    tdmrs=_object(used=_COUNT, max=_COUNT),
    reserved=_maybe(
        _object(tdmr=_COUNT, base=_MAYBE_HEX, used=_COUNT, max=_COUNT, holes_left=_COUNT)
    ),
    pamt=_PAMT,
    dynamic_pamt=_FLAG,
    pamt_at_most=_COUNT,
    seamcalls=_COUNT,
    estimated_seconds=_maybe(_list({"type": "number"})),
)
_PLAN_OF = _object(memory=_BY_NODE, lost=_COUNT, kernels=_list(_KERNEL_PLAN))
_PLAN = _object(platform=_TEXT, plan=_PLAN_OF, changed=_maybe(_PLAN_OF))
_TEST = _object(
    summary=_object(
        total=_COUNT, passed=_COUNT, failed=_COUNT, waived=_COUNT, unexpectedly_passed=_COUNT
    ),
    scenarios=_list(
        _object(
            file=_TEXT,
            line=_COUNT,
            name=_TEXT,
            kernel=_TEXT,
            outcome={"enum": ["passed", "failed", "waived", "unexpectedly_passed"]},
            reason=_MAYBE_TEXT,
            differences=_list(
                _object(line=_COUNT, step=_TEXT, key=_TEXT, expected=_TEXT, got=_TEXT)
            ),
        )
    ),
)
_ERROR = _object(
    exit={"enum": [2, 3, 4, 5, 70, 74]},
    diagnostics=_list(
        _object(
            severity=_SEVERITY,
            summary=_TEXT,
            detail=_MAYBE_TEXT,
            hint=_MAYBE_TEXT,
            file=_MAYBE_TEXT,
            line=_MAYBE_NUMBER,
            column=_MAYBE_NUMBER,
            path=_MAYBE_TEXT,
        )
    ),
)
_CHECK = _object(
    id=_TEXT,
    title=_TEXT,
    parent=_MAYBE_TEXT,
    verdict={"enum": ["PASS", "WARN", "FAIL", "SKIP", "UNKNOWN"]},
    detail=_TEXT,
    line=_maybe(_object(number=_NUMBER, text=_TEXT)),
    status=_maybe(
        _object(
            leaf=_NUMBER,
            leaf_name=_TEXT,
            value=_HEX,
            name=_TEXT,
            details=_MAYBE_TEXT,
            meaning=_TEXT,
            to_do=_TEXT,
        )
    ),
    causes=_list(_object(cause=_TEXT, to_do=_TEXT, seen=_MAYBE_NUMBER)),
)
_PREDICTION = _object(
    kernel=_TEXT,
    basis=_TEXT,
    printed_kib=_MAYBE_NUMBER,
    predicted_kib=_MAYBE_NUMBER,
    why=_MAYBE_TEXT,
    agrees=_FLAG,
    differences=_list(_TEXT),
)
_STATES = ["initialized", "failed", "not started", "not enabled", "not supported", "unknown"]
_DIAGNOSIS = _object(
    state={"enum": _STATES},
    healthy=_FLAG,
    summary=_TEXT,
    check=_MAYBE_TEXT,
    kernel=_MAYBE_TEXT,
    checks=_list(_CHECK),
    prediction=_maybe(_PREDICTION),
)
_SCHEMAS = {
    "init": _INIT,
    "status": _STATUS,
    "plan": _PLAN,
    "test": _TEST,
    "diagnosis": _DIAGNOSIS,
    "error": _ERROR,
}
#: What `output_schema` has one of.
NAMES = tuple(_SCHEMAS)


def output_schema(name: str) -> str:
    """JSON Schema, draft 2020-12, of `tdxctl.NAME/1`."""
    title = f"tdxctl.{name}/1"
    schema = _SCHEMAS[name]
    properties = {"schema": {"const": title}} | schema["properties"]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    required = ["schema", *schema["required"]]
    return json.dumps(head | schema | {"properties": properties, "required": required}, indent=2)
