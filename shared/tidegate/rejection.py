"""What is wrong with untrusted data, as one RejectedError that names each field as its sender wrote it.

The codes come in a fixed order, whatever the order of the fields: UNKNOWN_FIELD before INVALID_FIELD before
MISSING_FIELD. Up to three findings of the same code are told at once. No more than 80 characters of a value are shown.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidegate.errors import RejectedError

SHOWN_CHARACTERS = 80
_TOLD_AT_ONCE = 3
_ORDER = ("UNKNOWN_FIELD", "INVALID_FIELD", "MISSING_FIELD")
_CODES = {"extra_forbidden": "UNKNOWN_FIELD", "invalid_key": "UNKNOWN_FIELD", "missing": "MISSING_FIELD"}
_REASONS = {
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}

_NULL = object()
"""Stands for a null that was sent: no field takes it, while None would pass for one that was left out."""

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], data: object, *, what: str, null_is_absent: bool) -> Model:
    """`data` as a `model`; `what` ("request", "definition") stands in the remedy.

    A field that was left out may be None inside; only with `null_is_absent` may it be sent as null.
    Raises RejectedError with UNKNOWN_FIELD, INVALID_FIELD or MISSING_FIELD, the first of these that occurs.
    """
    if not null_is_absent and isinstance(data, Mapping):
        data = {name: _NULL if value is None else value for name, value in data.items()}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    by_code: dict[str, list[ErrorDetails]] = {code: [] for code in _ORDER}
    for detail in details:
        by_code[_CODES.get(detail["type"], "INVALID_FIELD")].append(detail)
    code = next(code for code in _ORDER if by_code[code])
    # Only what is told is put into words: 256 KB can hold ten thousands of findings.
    told = [_finding(detail, what, model) for detail in by_code[code][:_TOLD_AT_ONCE]]
    raise rejected(code, told, what=what, more=len(by_code[code]) - len(told))


def rejected(code: str, findings: Sequence[str], *, what: str, more: int = 0) -> RejectedError:
    """The error that tells up to three findings, each a whole sentence, and what to do; `more` were not even told."""
    message = " ".join(findings[:_TOLD_AT_ONCE])
    more += max(0, len(findings) - _TOLD_AT_ONCE)
    if more:
        message += f" (And {more} more.)"
    return RejectedError(message, code=code, remedy=f"Correct the {what} and send it again.")


def shown(value: object) -> str:
    """A value for people, on one line of printable characters, cut to 80; lists and objects only by their kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    text = repr(value[: SHOWN_CHARACTERS + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 4] + "..."


def path_of(location: Iterable[int | str]) -> str:
    """`columns[2].from`. Parts in brackets are names of alternatives and keys inside models, which no sender wrote."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith(("<", "[")):
            name = part if part.isidentifier() and len(part) <= SHOWN_CHARACTERS else shown(part)
            path += f".{name}" if path else name
    return path


def _finding(detail: ErrorDetails, what: str, model: type[BaseModel]) -> str:
    path = path_of(detail["loc"])
    if not path:
        return f"The {what} must be an object (got {shown(detail['input'])})."
    kind = detail["type"]
    if kind in _CODES:
        if _CODES[kind] == "MISSING_FIELD":
            return f"{path} is required."
        return f"{path} is not a field of a {what}.{_suggestion(str(detail['loc'][-1]), model)}"
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["input"] is None or detail["input"] is _NULL:
        return f"{path} is null; leave it out or give a value."
    reason = _REASONS[kind].format_map(context) if kind in _REASONS else f"is not usable: {detail['msg']}"
    return f"{path} {reason} (got {shown(detail['input'])})."


def _suggestion(name: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    known = {known for part in (schema, *schema.get("$defs", {}).values()) for known in part.get("properties", {})}
    close = difflib.get_close_matches(name[:SHOWN_CHARACTERS], known - {name}, n=1)
    return f" Did you mean {close[0]}?" if close and name not in known else ""
