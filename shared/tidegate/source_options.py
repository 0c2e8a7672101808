"""The options of a source, as its own `Parameters` describe them: checked when a definition is put, and shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from tidegate.errors import FatalError
from tidegate.rejection import checked, rejected

_WHAT = "definition"


def check_options(parameters: type | None, options: Mapping[str, Any]) -> None:
    """Whether these options, as JSON has them, are what a source takes; None is one that takes none.

    Nothing is converted and nothing unknown let through. Raises RejectedError naming `source.options.<name>`, also for
    what the parameters' own `__post_init__` finds wrong (ValueError), FatalError where they cannot be described.
    """
    options_model = _model(parameters)
    source_model = create_model("Source", options=(options_model, ...))
    document = create_model("Definition", source=(source_model, ...))
    checked(document, {"source": {"options": dict(options)}}, what=_WHAT, null_is_absent=True)
    try:
        if parameters is not None:
            parameters(**options)
    except (TypeError, ValueError) as error:
        raise rejected("INVALID_FIELD", [f"source.options {error}."], what=_WHAT) from None


def options_schema(parameters: type | None) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a source's options. Raises FatalError where they cannot be described."""
    schema = _model(parameters).model_json_schema()
    for described in (schema, *schema["properties"].values()):
        del described["title"]
    return schema


@cache
def _model(parameters: type | None) -> type[BaseModel]:
    """A strict model of a dataclass: the worker makes the dataclass itself, and has no pydantic for it."""
    fields = () if parameters is None else dataclasses.fields(parameters)
    config = ConfigDict(strict=True, extra="forbid")
    try:
        hints = {} if parameters is None else get_type_hints(parameters, include_extras=True)
        described: dict[str, Any] = {field.name: (hints[field.name], _default(field)) for field in fields}
        return create_model("Options", __config__=config, **described)
    except (NameError, TypeError, PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        raise FatalError(
            f"The source's Parameters cannot be described: {type(error).__name__}.",
            code="SOURCE_BROKEN",
            remedy="Give each field a type that JSON has: str, int, float, bool, list, dict, Literal, or None.",
        ) from error


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return Field(default=field.default)
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory)
    return Field()
