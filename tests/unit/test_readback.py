from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.compression import compression_of
from tidegate.dialects import Dialect
from tidegate.formats import Column, format_of
from tidegate.model import FormatSpec
from tidegate.readback import Cells, RowText, read_back
from unit.part_samples import dialects

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def chunks(data: bytes, size: int = 7) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def written(spec: FormatSpec, texts: Sequence[str]) -> bytes:
    made = format_of(spec)
    columns = [Column.of("id", [{"S": text} for text in texts]), Column.of("n", [{"N": "1.50"} for _ in texts])]
    return made.header(["id", "n"]) + made.separator.join(made.records(columns)) + made.footer()


@pytest.mark.parametrize("kind", ["CSV", "JSON", "JSONL"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), size=st.integers(1, 50))
def test_what_a_format_writes_is_read_back_whole(kind: str, compression: str, texts: list[str], size: int) -> None:
    data = written(FormatSpec(kind, formula_guard=False), texts)
    way = compression_of(compression)
    stored = way.compress(data[:5]) + way.compress(data[5:])
    seen: list[Cells] = []
    key = f"x/part-00001.{kind.lower()}" + way.suffix
    back = read_back(chunks(stored, size), key, ("n", "id", "none"), seen.extend)
    assert (back.records, back.size, back.sha256) == (len(texts), len(stored), hashlib.sha256(stored).hexdigest())
    assert seen == [("1.50", text, None) for text in texts]


@given(texts=st.lists(TEXTS, min_size=1, max_size=12), dialect=dialects(), kind=st.sampled_from(["csv", "tsv"]))
def test_rows_of_any_dialect_are_read_back_by_what_the_manifest_says(
    texts: list[str], dialect: Dialect, kind: str
) -> None:
    data = written(FormatSpec(kind.upper(), formula_guard=False, dialect=dialect), texts)
    seen: list[Cells] = []
    told = RowText(Dialect.of(dialect.document()), ("id", "n"))
    back = read_back(chunks(data, 11), f"part.{kind}", ("n", "id", "none"), seen.extend, told)
    assert (back.records, back.trouble) == (len(texts), "")
    assert seen == [("1.50", text, None) for text in texts]


def test_a_json_array_may_be_laid_out_in_any_way_and_be_longer_than_one_read() -> None:
    records = [{"id": f"record {number}", "text": "x" * number * 400} for number in range(400)]
    for data in (json.dumps(records), json.dumps(records, indent=4), "\n\n[ ]\n"):
        assert read_back(chunks(data.encode(), 1 << 16), "part.json").records == len(json.loads(data))


def test_a_cell_may_be_longer_than_csvs_usual_limit() -> None:
    data = b"id,n\r\n" + b"x" * 500_000 + b",1\r\n"
    assert read_back(chunks(data, 1 << 16), "part.csv").records == 1


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("part.csv", b""),
        ("part.csv", b'id,n\r\n"a,1\r\n'),
        ("part.csv", b"id,n\r\na\r\n"),
        ("part.csv", b"id\r\n\xff\r\n"),
        ("part.jsonl", b'{"id": 1}\n{"id": \n'),
        ("part.jsonl", b"[1]\n"),
        ("part.json", b""),
        ("part.json", b'[{"id": 1}'),
        ("part.json", b'[{"id": 1} {"id": 2}]'),
        ("part.json", b'[{"id": 1},]'),
        ("part.json", b"[] []"),
        ("part.json", b'{"id": 1}'),
        ("part.csv.gz", b"id,n\r\n"),
        ("part.csv.gz", gzip.compress(b"id,n\r\na,1\r\n", mtime=0)[:-3]),
        ("part.csv.zst", b"id,n\r\n"),
        ("part.csv.zst", compression_of("zstd").compress(b"id,n\r\na,1\r\n")[:-3]),
        ("part.parquet", b"PAR1"),
    ],
)
def test_bytes_that_are_not_of_their_format_are_measured_and_said_to_be_unreadable(key: str, data: bytes) -> None:
    back = read_back(chunks(data), key, ("id",), lambda _: None)
    assert back.records is None
    assert back.trouble
    assert (back.size, back.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_could_be_read_before_the_damage_is_handed_on() -> None:
    seen: list[Cells] = []
    read_back(chunks(b'{"id":"a"}\n{"id":"b"}\n{"id'), "part.jsonl", ("id",), seen.extend)
    assert seen == [("a",), ("b",)]


def test_the_reason_quotes_nothing_of_the_content() -> None:
    for key, data in (("part.jsonl", b'{"id": "secret\xff"}\n'), ("part.jsonl", b'{"secret": secret}\n')):
        assert "secret" not in read_back(chunks(data), key).trouble
