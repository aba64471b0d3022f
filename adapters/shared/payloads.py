"""Types of payload fields that are left out where a value does not have the documented type."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class Omit:
    """A mark for the value of a field, or an item of a list, that is left out where it cannot be read."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_default_schema(schema=handler(source), on_error="omit")


OMIT: Final = Omit()

Str: TypeAlias = Annotated[str, OMIT]
Int: TypeAlias = Annotated[int, OMIT]
Bool: TypeAlias = Annotated[bool, OMIT]
