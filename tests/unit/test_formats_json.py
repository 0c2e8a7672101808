"""JSON and JSONL: what is in the file is what was in the table."""

import json
from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.columns import named
from tidegate.errors import FatalError
from tidegate.formats import MISSING, Column, UnwritableValueError, format_of, names, register
from tidegate.formats import numerals as numerals_module
from tidegate.formats.jsonlines import JSONLinesFormat
from tidegate.formats.numerals import numeral, numerals
from tidegate.formats.wire import json_text, json_texts
from tidegate.model import AttributeValue, FormatSpec
from unit.part_samples import MIX, exactly, meant, wire_records, wire_values

JSONL = format_of(FormatSpec(type="JSONL"))
ARRAY = format_of(FormatSpec(type="JSON"))


def one(values: dict[str, AttributeValue]) -> bytes:
    return JSONL.records(named(sorted(values) or ["a"], [values]))[0]


def test_a_real_mix_gives_these_very_lines() -> None:
    columns = named(["id", "uploadedOn", *sorted(MIX[0].keys() - {"id", "uploadedOn"})], MIX)
    assert b"".join(JSONL.records(columns)).decode() == (
        '{"blobs":["AA==","/w=="],"digits":-12345678901234567890.123456789012345678,'
        '"formula":"=HYPERLINK(\\"http://x\\")","id":"a-1","mood":"\N{GRINNING FACE} caf\u00e9",'
        '"nested":{"a":{"k":"aGk="},"z":[1,null,false]},"note":"two\\nlines, \\"quoted\\"\\r\\nand a tab\\t",'
        '"nothing":null,"photo":"AP/+","sizes":[-1.5,9,10,1E+2],"tags":["a,c","b","quo\\"te"],'
        '"uploadedOn":1475539199999,"yes":true}\n'
        '{"digits":-5,"formula":"-1+1","id":"a-2","note":"","nothing":"x","uploadedOn":1475539200000}\n'
    )


def test_json_is_one_array_with_an_object_a_line() -> None:
    rows = ARRAY.records(named(["id"], [{"id": {"S": "a"}}, {"id": {"S": "b"}}]))
    whole = ARRAY.header(["id"]) + ARRAY.separator.join(rows) + ARRAY.footer()
    assert whole == b'[\n{"id":"a"},\n{"id":"b"}\n]\n'
    assert json.loads(ARRAY.header(["id"]) + ARRAY.footer()) == []


def test_null_has_a_key_and_missing_has_none() -> None:
    columns = [Column.of("a", [{"NULL": True}, MISSING]), Column.of("b", [{"S": ""}, {"S": ""}])]
    assert JSONL.records(columns) == [b'{"a":null,"b":""}\n', b'{"b":""}\n']


def test_a_record_without_any_of_the_columns_is_an_empty_object() -> None:
    assert JSONL.records(named(["a"], [{}])) == [b"{}\n"]


@given(wire_records())
def test_every_record_reads_back_exactly(values: dict[str, AttributeValue]) -> None:
    line = one(values)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert exactly(line) == {name: meant(value) for name, value in values.items()}


@given(st.lists(wire_records(), min_size=1, max_size=6))
def test_a_records_bytes_do_not_depend_on_its_neighbours(batch: list[dict[str, AttributeValue]]) -> None:
    everything = sorted({name for values in batch for name in values}) or ["a"]
    together = JSONL.records(named(everything, batch))
    assert together == [JSONL.records(named(everything, [values]))[0] for values in batch]


@given(wire_values())
def test_sets_and_maps_give_the_same_text_whatever_order_they_come_in(value: AttributeValue) -> None:
    def turned(value: AttributeValue) -> AttributeValue:
        ((kind, raw),) = value.items()
        if kind == "M":
            return {"M": {name: turned(raw[name]) for name in reversed(raw)}}
        if kind == "L":
            return {"L": [turned(x) for x in raw]}
        return {kind: raw[::-1]} if kind in {"SS", "NS", "BS"} else value

    assert json_text(turned(value)) == json_text(value)


def test_maps_with_the_same_names_are_written_as_those_with_others() -> None:
    alike: list[AttributeValue] = [{"M": {"b%s": {"N": "1"}, 'a"%': {"S": text}}} for text in ("100%", "%d", "")]
    other: list[AttributeValue] = [{"M": {}}, {"M": {'a"%': {"NULL": True}, "b%s": {"N": "1"}}}]
    written = [json_text(value) for value in (*alike, *other)]
    assert [exactly(text.encode()) for text in written] == [meant(value) for value in (*alike, *other)]
    assert json_texts(Column.of("m", alike)) == written[:3]
    assert json_texts(Column.of("m", [*alike, MISSING, *other])) == [*written[:3], "", *written[3:]]
    assert json_texts(Column.of("m", [{"M": {}}, {"M": {}}])) == ["{}", "{}"]


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("1", "1"),
        ("-0.50", "-0.50"),
        ("1E+2", "1E+2"),
        ("1e-130", "1e-130"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("+7", "7"),
        ("007", "7"),
        (".5", "0.5"),
        ("5.", "5"),
    ],
)
def test_a_number_is_a_json_numeral_of_the_same_value(given_text: str, expected: str) -> None:
    assert numeral(given_text) == expected
    assert exactly(numeral(given_text)) == Decimal(given_text)
    assert numerals(["1", given_text]) == ["1", expected]


@given(
    st.lists(
        st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,2})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
        | st.text('0123456789-+.eE ,\n[]"tu', max_size=4)
        | st.sampled_from(["true", "null", "-0", "1e400", "NaN", "\u0661", "\ud800", "9" * 40]),
        max_size=4,
    )
)
def test_numbers_together_are_numerals_as_each_by_itself_with_orjson_and_without(texts: list[str]) -> None:
    def outcome(write: Callable[[], list[str]]) -> list[str] | str:
        try:
            return write()
        except ValueError as error:
            return str(error)

    expected = outcome(lambda: [numeral(text) for text in texts])
    assert outcome(lambda: numerals(texts)) == expected
    sets = json_texts(Column.of("c", [{"NS": texts}])) if isinstance(expected, list) else []
    with patch.object(numerals_module, "quick_reader", lambda: None):
        assert outcome(lambda: numerals(texts)) == expected
        assert not isinstance(expected, list) or json_texts(Column.of("c", [{"NS": texts[::-1]}])) == sets


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "", "abc", "=1+1", "1\n2", "1,2", "[1]", "true"])
def test_what_is_no_finite_number_is_refused_with_record_and_column(text: str) -> None:
    values = [{"n": {"N": "1"}}, {"n": {"N": text}}]
    with pytest.raises(UnwritableValueError) as caught:
        JSONL.records(named(["id", "n"], values))
    assert (caught.value.index, caught.value.column) == (1, "n")


@pytest.mark.parametrize("value", [{"S": "x\ud83d"}, {"M": {"\udc00": {"N": "1"}}}, {"SS": ["\ud800"]}])
def test_half_a_surrogate_pair_is_refused_without_showing_the_value(value: AttributeValue) -> None:
    with pytest.raises(UnwritableValueError, match="column 'b' holds half of a surrogate pair") as caught:
        JSONL.records(named(["a", "b"], [{"a": {"S": "fine"}}, {"a": {"S": "fine"}, "b": value}]))
    assert caught.value.index == 1


@pytest.mark.parametrize(
    "value",
    [{"N": 5}, {"S": None}, {"B": "text"}, {"X": "?"}, {"S": "a", "N": "1"}, {"M": ["x"]}, {"BOOL": "maybe"}, "text"],
)
def test_a_value_not_in_wire_form_is_refused(value: Any) -> None:
    with pytest.raises(UnwritableValueError, match="column 'a' holds a value that is not in DynamoDB's form"):
        JSONL.records(named(["a"], [{"a": value}]))


def test_binary_is_standard_base64() -> None:
    data = bytes(range(256))
    assert b64decode(json.loads(one({"b": {"B": data}}))["b"]) == data


def test_a_registered_format_can_be_selected_and_an_unknown_one_names_the_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(FatalError, match=r"no format 'XML'.*CSV, JSON, JSONL"):
        format_of(FormatSpec(type="XML"))
    monkeypatch.setattr("tidegate.formats._FORMATS", {})
    register("XML", lambda _: JSONLinesFormat())
    assert isinstance(format_of(FormatSpec(type="XML")), JSONLinesFormat)
    assert names() == ("XML",)
