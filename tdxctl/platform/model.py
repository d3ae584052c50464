# SPDX-License-Identifier: Apache-2.0
"""What scenarios and SEAMCALL scripts, which are pydantic models, have of the declaration."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from tdxctl.platform.declared_schema import inline_schema_of
from tdxctl.platform.faults import Fault
from tdxctl.platform.reader import schema_of


class Model(BaseModel):
    """The base of all: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _Declared(Struct, frozen=True):
    # Annotation of a field that is read as a record of the declaration is, to a mapping of values.
    kind: Any

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> Any:
        return schema_of(self.kind)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return inline_schema_of(self.kind)


FaultModel = Annotated[Any, _Declared(Fault)]
