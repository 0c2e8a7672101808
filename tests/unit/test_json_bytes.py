"""JSON read by orjson where that is installed: the same as by the standard library, whatever the bytes are."""

import json
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate import json_bytes
from tidegate.formats.wire import base64_text
from tidegate.json_bytes import quick_reader, quick_writer, read_json, write_json


@pytest.fixture
def _without_orjson() -> Iterator[None]:
    with patch.dict(sys.modules, {"orjson": None}):
        quick_reader.cache_clear()
        quick_writer.cache_clear()
        yield
    quick_reader.cache_clear()
    quick_writer.cache_clear()


def outcome(read: Any, data: bytes) -> tuple[str, Any]:
    """What comes of it, so that 1, 1.0 and True differ."""
    try:
        return "read", repr(read(data))
    except (ValueError, RecursionError) as error:
        return type(error).__name__, str(error)


def documents() -> st.SearchStrategy[Any]:
    numbers = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats()
    leaves = st.none() | st.booleans() | numbers | st.text()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(documents(), st.booleans(), st.booleans(), st.integers(0, 60), st.binary(max_size=2))
def test_any_document_whole_or_damaged_is_read_as_the_standard_library_reads_it(
    document: Any, as_ascii: bool, spaced: bool, at: int, instead: bytes
) -> None:
    text = json.dumps(document, ensure_ascii=as_ascii, indent=1 if spaced else None).encode("utf-8", "surrogatepass")
    for data in (text, text[:at] + instead + text[at + len(instead) :], text[:at]):
        assert outcome(read_json, data) == outcome(json.loads, data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \t\r\n1 ",
        b"\x0b1",
        b"\xef\xbb\xbf{}",
        '{"a":"\u6f6e"}'.encode("utf-16"),
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"NaN",
        b"[Infinity]",
        b"1e400",
        b"-0",
        b"01",
        b'"\x01"',
        b'{"a":1,"b":2,"a":3}',
        b"{'a':1}",
        b"[1,]",
        b'{"a":1}{}',
        b"[" * 1500 + b"]" * 1500,
    ],
)
def test_what_readers_of_json_differ_in_is_read_as_the_standard_library_reads_it(data: bytes) -> None:
    assert outcome(read_json, data) == outcome(json.loads, data)


def test_a_whole_number_beyond_64_bits_is_read_as_a_float() -> None:
    assert read_json(b"18446744073709551616") == 18446744073709551616.0


def by_the_standard_library(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=base64_text).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.binary(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_value_in_wire_form_is_written_as_the_standard_library_writes_it(value: Any) -> None:
    assert write_json(value, base64_text) == by_the_standard_library(value)


def test_each_character_is_written_as_the_standard_library_writes_it() -> None:
    texts = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000] + ["\ufeff", "\uffff", "\U0001f600"]
    assert write_json([texts, dict.fromkeys(texts)]) == by_the_standard_library([texts, dict.fromkeys(texts)])


def test_what_json_does_not_have_is_refused_in_the_words_of_the_standard_library() -> None:
    with pytest.raises(TypeError, match="bytes is not JSON serializable"):
        write_json(["x", b""])
    with pytest.raises(UnicodeEncodeError):
        write_json({"a": "\ud800"})


@pytest.mark.usefixtures("_without_orjson")
def test_without_orjson_the_standard_library_reads_and_writes() -> None:
    assert quick_reader() is None
    assert write_json({"a": ["\u6f6e\n", b"x"]}, base64_text) == '{"a":["\u6f6e\\n","eA=="]}'.encode()
    assert read_json(b'{"a":[1,"x",null]}') == {"a": [1, "x", None]}
    with pytest.raises(json.JSONDecodeError):
        read_json(b"{")


def test_with_orjson_the_standard_library_is_asked_only_for_what_that_refuses() -> None:
    with (
        patch.object(json, "loads", side_effect=AssertionError),
        patch.object(json_bytes, "_encoder", side_effect=AssertionError),
    ):
        assert read_json(b'{"a":[1,"x",null]}') == {"a": [1, "x", None]}
        assert write_json(["x", {"B": b"x"}], base64_text) == b'["x",{"B":"eA=="}]'
