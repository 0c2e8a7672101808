"""Untrusted message -> checked request (SPEC 2). Pure: what only the moment of acceptance knows stays open.

Whatever is wrong with a message, the first of these is what its sender is told:

1. MALFORMED: not exactly one JSON object of at most 256 KB
2. UNKNOWN_FIELD: a key that no request has
3. INVALID_FIELD: a wrong type or value, null, an empty list
4. MISSING_FIELD
5. CONFLICTING_FIELDS: fields that must not stand together
6. INVALID_FIELD: a start that is not before its end
7. UNKNOWN_EXPORT: an export that cannot be one, because ids look different

The caller adds what needs the stack: unknown and disabled studies, overrides that are not there, ids used before; and,
once the end is fixed, `check_accepted`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate.errors import RejectedError
from tidegate.instants import rfc3339
from tidegate.json_text import load_object, readable_fields
from tidegate.message import EXPORT_ID_PATTERN, RequestMessage, published_schema
from tidegate.model import DEFAULT_EXPORT, NO_TAG, ExportType, Request
from tidegate.rejection import checked, rejected, shown

FUTURE_ALLOWANCE = timedelta(minutes=15)
_WHAT = "request"
_ALIASES = (
    ("ignoreLastExportTime", "ignoreLastExportDateTime"),
    ("studyWhitelist", "appWhitelist"),
    ("recordIdS3Override", "s3override"),
)


def parse(body: str | bytes) -> Request:
    """The request in a message's body, aliases resolved and defaults filled in.

    `end` and `request_id` stay None where the message has none. A study or table that a whitelist names twice counts
    once, at its first place. Raises RejectedError with a code of SPEC 2 in the order that this module's docstring
    gives; the message names each field as the sender wrote it.
    """
    try:
        fields = load_object(body)
    except ValueError as error:
        raise RejectedError(
            f"The message is no request: {error}.",
            code="MALFORMED",
            remedy='Send exactly one JSON object, such as {"exportType": "INSTANT"}.',
        ) from None
    return of_fields(fields)


def of_fields(fields: Mapping[str, Any]) -> Request:
    """The request that the fields of a message make; raises RejectedError as `parse` does, but never MALFORMED."""
    message = checked(RequestMessage, dict(fields), what=_WHAT, null_is_absent=False)
    for code, findings in (
        ("MISSING_FIELD", list(_missing(message))),
        ("CONFLICTING_FIELDS", list(_conflicts(message, fields))),
        ("INVALID_FIELD", list(_crossed(message.start, message.end))),
        ("UNKNOWN_EXPORT", list(_impossible_export(message.export))),
    ):
        if findings:
            raise rejected(code, findings, what=_WHAT)
    override = message.override or message.override_alias
    return Request(
        export=message.export or DEFAULT_EXPORT,
        export_type=message.export_type,
        end=message.end,
        start=message.start,
        # A redrive never touches a watermark (SPEC 10), and its files are no link of the chain.
        ignore_watermark=override is not None or _ignores(message) or bool(message.redrive_count),
        studies=_once(message.studies or message.studies_alias),
        tables=_once(message.tables),
        override=override,
        tag=NO_TAG if message.tag is None else message.tag,
        request_id=message.request_id,
        redrive_count=message.redrive_count or 0,
    )


def check_accepted(request: Request, end: datetime, now: datetime) -> None:
    """What can only be checked once acceptance has fixed the end of the window.

    Raises RejectedError: END_IN_FUTURE where `end` is more than 15 minutes after `now` (a later end would hide records
    that are yet to come), INVALID_FIELD where a chosen start is not before `end`.
    """
    if end - now > FUTURE_ALLOWANCE:
        raise rejected(
            "END_IN_FUTURE",
            [f"endDateTime {rfc3339(end)} is more than 15 minutes in the future (it is {rfc3339(now)} now)."],
            what=_WHAT,
        )
    for finding in _crossed(request.start, end):
        raise rejected("INVALID_FIELD", [finding], what=_WHAT)


def canonical(request: Request) -> str:
    """The meaning of a request as JSON text that is the same for every way of writing it.

    Two messages under one requestId are the same request where this is equal, and REQUEST_ID_REUSED where it is not.
    The requestId itself is left out, an open end stays null, and the order of a whitelist does not count.
    """
    meaning = {
        "export": request.export,
        "exportType": request.export_type,
        "endDateTime": rfc3339(request.end) if request.end else None,
        "startDateTime": rfc3339(request.start) if request.start else None,
        "ignoreLastExportTime": request.ignore_watermark,
        "studyWhitelist": sorted(request.studies) if request.studies else None,
        "tableWhitelist": sorted(request.tables) if request.tables else None,
        "recordIdS3Override": request.override,
        "tag": request.tag,
        "redriveCount": request.redrive_count,
    }
    return json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def request_id_of(body: str | bytes) -> str | None:
    """The valid requestId of a body that may be bad in any other way, None where none can be read; never raises."""
    return _readable_text(body, "requestId", shortest=1, longest=128)


def tag_of(body: str | bytes) -> str | None:
    """The valid tag of a body that may be bad in any other way, None where none can be read; never raises."""
    return _readable_text(body, "tag", shortest=0, longest=256)


def json_schema() -> dict[str, Any]:
    """The message's JSON schema (draft 2020-12), generated from the model."""
    return published_schema(RequestMessage)


def _missing(message: RequestMessage) -> Iterator[str]:
    if message.override or message.override_alias:
        return
    if message.export_type is None:
        yield "exportType is required (DAILY, HOURLY or INSTANT)."
    elif message.export_type is not ExportType.INSTANT and message.end is None:
        yield f"endDateTime is required for {message.export_type}."


def _conflicts(message: RequestMessage, fields: Mapping[str, Any]) -> Iterator[str]:
    for name, alias in _ALIASES:
        if name in fields and alias in fields:
            yield f"{name} and {alias} are two names of one field; send one of them."
    ignore = message.ignore if message.ignore_alias is None else message.ignore_alias
    if ignore is not None and ignore == message.use:
        yield f"{_ignore_name(fields)} and useLastExportTime contradict each other; send one of them."
    if message.override or message.override_alias:
        yield from _conflicts_with_override(message, fields)
    elif not _ignores(message):
        if message.start is not None:
            yield "startDateTime needs ignoreLastExportTime: true; without it the window starts at the watermark."
        if message.tables is not None:
            yield (
                "tableWhitelist needs ignoreLastExportTime: true or an override; without it the watermark would move"
                " past the other tables' records."
            )


def _conflicts_with_override(message: RequestMessage, fields: Mapping[str, Any]) -> Iterator[str]:
    override = "recordIdS3Override" if message.override else "s3override"
    for name in ("exportType", "startDateTime", "endDateTime"):
        if name in fields:
            yield f"{name} must not stand with {override}, which exports records by id whatever their time."
    if False in (message.ignore, message.ignore_alias):
        yield f"{_ignore_name(fields)}: false must not stand with {override}, which leaves the watermark alone."
    if message.use:
        yield f"useLastExportTime: true must not stand with {override}, which leaves the watermark alone."


def _ignore_name(fields: Mapping[str, Any]) -> str:
    return next((name for name in _ALIASES[0] if name in fields), _ALIASES[0][0])


def _crossed(start: datetime | None, end: datetime | None) -> Iterator[str]:
    if start is not None and end is not None and start >= end:
        yield f"startDateTime {rfc3339(start)} must be before endDateTime {rfc3339(end)}."


def _impossible_export(export: str | None) -> Iterator[str]:
    if export is not None and re.search(EXPORT_ID_PATTERN[:-1] + r"\Z", export) is None:
        yield f"export names no export: {shown(export)} (ids have 1 to 64 of a-z, 0-9 and hyphens)."


def _ignores(message: RequestMessage) -> bool:
    return bool(message.ignore or message.ignore_alias or message.use is False)


def _once(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(dict.fromkeys(names))


def _readable_text(body: str | bytes, field: str, *, shortest: int, longest: int) -> str | None:
    value = readable_fields(body).get(field)
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value
