"""Records, definitions and a store in memory for the tests of formats and parts."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tidegate.definition import from_document
from tidegate.dialects import QUOTINGS, Dialect
from tidegate.model import AttributeValue, Definition, Part, Record
from tidegate.store.objects import least_piece

MIX: list[dict[str, AttributeValue]] = [
    {
        "id": {"S": "a-1"},
        "uploadedOn": {"N": "1475539199999"},
        "digits": {"N": "-12345678901234567890.123456789012345678"},
        "photo": {"B": b"\x00\xff\xfe"},
        "tags": {"SS": ["b", "a,c", 'quo"te']},
        "sizes": {"NS": ["10", "9", "-1.5", "1E+2"]},
        "blobs": {"BS": [b"\xff", b"\x00"]},
        "note": {"S": 'two\nlines, "quoted"\r\nand a tab\t'},
        "mood": {"S": "\N{GRINNING FACE} caf\u00e9"},
        "formula": {"S": '=HYPERLINK("http://x")'},
        "nested": {"M": {"z": {"L": [{"N": "1"}, {"NULL": True}, {"BOOL": False}]}, "a": {"M": {"k": {"B": b"hi"}}}}},
        "nothing": {"NULL": True},
        "yes": {"BOOL": True},
    },
    {
        "id": {"S": "a-2"},
        "uploadedOn": {"N": "1475539200000"},
        "digits": {"N": "-5"},
        "note": {"S": ""},
        "formula": {"S": "-1+1"},
        "nothing": {"S": "x"},
    },
]


def meant(value: AttributeValue) -> Any:
    """What a reader should get, numbers as exact decimals."""
    ((kind, raw),) = value.items()
    simple: dict[str, Any] = {
        "S": lambda: raw,
        "BOOL": lambda: raw,
        "NULL": lambda: None,
        "N": lambda: Decimal(raw),
        "B": lambda: b64encode(raw).decode(),
        "L": lambda: [meant(x) for x in raw],
        "M": lambda: {name: meant(x) for name, x in raw.items()},
        "SS": lambda: sorted(raw),
        "NS": lambda: sorted(Decimal(x) for x in raw),
        "BS": lambda: [b64encode(x).decode() for x in sorted(raw)],
    }
    return simple[kind]()


def exactly(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def record(values: Mapping[str, AttributeValue], *, key: str | None = None) -> Record:
    return Record((key if key is not None else values["id"]["S"],), None, values)


def plain_record(number: int, **more: AttributeValue) -> Record:
    values: dict[str, AttributeValue] = {"id": {"S": f"r{number:06d}"}, "uploadedOn": {"N": str(number)}, **more}
    return record(values)


def definition(**document: Any) -> Definition:
    return from_document({"source": {"type": "dynamodb", "table": "Records"}, **document}, 1)


class MemoryStore:
    """Private objects in memory; putting one twice is an error, as no piece may ever be overwritten."""

    def __init__(self, chunk: int = 1000) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads = 0
        self.chunk = chunk

    def put(self, key: str, data: bytes | bytearray) -> None:
        assert key not in self.objects, f"{key} was put twice"
        self.objects[key] = bytes(data)

    def get(self, key: str) -> Iterator[bytes]:
        self.reads += 1
        data = self.objects[key]
        for start in range(0, len(data), self.chunk):
            yield data[start : start + self.chunk]

    def least_piece(self, stored: int) -> int:
        return least_piece(stored)

    def stored(self, part: Part) -> bytes:
        """A part's object, as the delivery will put it together."""
        return b"".join(self.objects[piece.key] for piece in part.pieces)

    def plain(self, part: Part) -> bytes:
        stored = self.stored(part)
        return gzip.decompress(stored) if part.key.endswith(".gz") else stored


def _number_texts() -> st.SearchStrategy[str]:
    digits = st.integers(-(10**38) + 1, 10**38 - 1)
    return st.builds(
        lambda d, e: str(Decimal(d).scaleb(e)) if abs(d) < 10**28 else f"{d}E{e}", digits, st.integers(-120, 80)
    )


def _scalars() -> st.SearchStrategy[AttributeValue]:
    return st.one_of(
        st.builds(lambda x: {"S": x}, st.text()),
        st.builds(lambda x: {"N": x}, _number_texts()),
        st.builds(lambda x: {"B": x}, st.binary()),
        st.builds(lambda x: {"BOOL": x}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda x: {"SS": x}, st.lists(st.text(), min_size=1, unique=True)),
        st.builds(lambda x: {"NS": x}, st.lists(_number_texts(), min_size=1, unique_by=Decimal)),
        st.builds(lambda x: {"BS": x}, st.lists(st.binary(), min_size=1, unique=True)),
    )


def wire_values() -> st.SearchStrategy[AttributeValue]:
    """Any value that DynamoDB can hold, in wire form."""
    names = st.text(min_size=1)
    return st.recursive(
        _scalars(),
        lambda inner: (
            st.builds(lambda x: {"L": x}, st.lists(inner, max_size=4))
            | st.builds(lambda x: {"M": x}, st.dictionaries(names, inner, max_size=4))
        ),
        max_leaves=8,
    )


def wire_records() -> st.SearchStrategy[dict[str, AttributeValue]]:
    """The attributes of a record: any names, also those that look like wire form's own."""
    names = st.sampled_from(["a", "b", "B", "BS", "M", "x.y", "=n"]) | st.text(min_size=1, max_size=5)
    return st.dictionaries(names, wire_values(), max_size=5)


def dialects() -> st.SearchStrategy[Dialect]:
    """Any way to lay out rows of text that a definition can ask for."""
    return st.builds(
        Dialect,
        delimiter=st.sampled_from(list(",;|\t :\x01\u00a6[=")),
        quoting=st.sampled_from(QUOTINGS),
        line_end=st.sampled_from(["\r\n", "\n"]),
        bom=st.booleans(),
        header=st.booleans(),
        null_text=st.sampled_from([None, "", "NULL", "\\N", "-", "0", "true"]),
        missing_text=st.sampled_from([None, "", "NA", "=n"]),
    ).filter(lambda made: made.delimiter not in f"{made.null_text}{made.missing_text}")
