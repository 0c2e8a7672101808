"""Pages of bytes as DynamoDB sends them, for the tests of what is written without making objects of records."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.model import AttributeValue, Record
from tidegate.transcoding import ItemSpec, Transcoding

ITEMS = ItemSpec(("id",), "uploadedOn", "epochMillis", None)
EVER = (-(1 << 62), 1 << 62)


def body(items: Sequence[Mapping[str, AttributeValue]], last_key: Mapping[str, Any] | None = None) -> bytes:
    """A page's body, without a blank between two tokens."""
    answer: dict[str, Any] = {"Count": len(items), "Items": list(items)}
    if last_key is not None:
        answer["LastEvaluatedKey"] = last_key
    return json.dumps(
        {**answer, "ScannedCount": len(items)}, separators=(",", ":"), default=lambda data: b64encode(data).decode()
    ).encode()


def raw(transcoding: Transcoding, records: Sequence[Record]) -> Sequence[Record]:
    """A page of these records, as bytes where the transcoder takes it."""
    page = transcoding.page(body([record.values for record in records]), EVER, ITEMS, lambda: records)
    return records if page is None else page
