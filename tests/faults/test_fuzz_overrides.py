"""Override files of any bytes: refused with a code, or exactly the keys that another reader finds in their lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from faults.fuzz_json import HALF_PAIRS, TEXTS, damaged, json_values, nested
from faults.fuzz_tally import Tally, counted, tries
from tidegate.errors import RejectedError
from tidegate.override import parse
from tidegate.redrive import override_text

Properties = Callable[[str, object], None]
Key = tuple[str, ...]

IDS = st.one_of(
    st.text(st.characters(codec="ascii"), max_size=12), TEXTS, st.sampled_from(["[", "{}", ' " ', "\r", "1"])
)
KEYS = st.one_of(st.tuples(IDS.filter(bool)), st.tuples(IDS, IDS), st.tuples(HALF_PAIRS))
LINES = st.one_of(
    IDS,
    st.builds(lambda key: json.dumps(list(key)), KEYS),
    st.builds(lambda key: json.dumps(key, ensure_ascii=False), st.tuples(TEXTS, st.integers())),
    st.builds(lambda key, table: json.dumps({"key": list(key), "table": table, "reason": "x"}), KEYS, TEXTS),
    st.builds(json.dumps, json_values()),
    st.sampled_from([nested("list", 9000), nested("object", 5000), "9" * 5000, '["a", ' + "9" * 5000 + "]", "\ufeffa"]),
)
FILES = st.builds(
    lambda lines, ends, mark: (mark + ends.join(lines)).encode("utf-8", "replace"),
    st.lists(LINES, max_size=8),
    st.sampled_from(["\n", "\r\n", "\n\n", " \n\t"]),
    st.sampled_from(["", "\ufeff"]),
)


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def keys_of_lines(data: bytes) -> list[Key]:
    """What the documentation says of an override file, read the simple way, all at once."""
    lines = data.decode("utf-8-sig").split("\n")
    return list(dict.fromkeys(key_of_line(line.strip()) for line in lines if line.strip()))


def key_of_line(line: str) -> Key:
    try:
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return (line,)
    if line.startswith("[") and len(found) == 2 and all(isinstance(part, str) for part in found):
        return tuple(found)
    if line.startswith("{") and isinstance(found.get("key"), list) and len(found["key"]) in (1, 2):
        written = json.loads(line, parse_int=float)["key"]
        if all(isinstance(part, str) and part for part in written):
            return tuple(written)
    return (line,)


def try_file(tally: Tally, data: bytes, size: int) -> None:
    tally.inputs += 1
    try:
        keys = parse(in_chunks(data, size))
    except RejectedError as error:
        tally.refused(error)
        return
    assert keys == parse([data]) == keys_of_lines(data)
    tally.accepted += 1


def test_a_file_of_any_lines_is_refused_or_its_keys_are_those_of_another_reader(record_property: Properties) -> None:
    @tries(300, 10_000)
    @given(st.one_of(FILES, FILES, damaged(FILES), st.binary(max_size=200)), st.integers(1, 5000))
    def run(data: bytes, size: int) -> None:
        try_file(tally, data, size)

    with counted(record_property, "override file: bytes and lines") as tally:
        run()


def test_any_keys_that_a_command_writes_into_a_file_are_read_back(record_property: Properties) -> None:
    @tries(300, 5_000)
    @given(st.lists(KEYS, max_size=6, unique=True))
    def run(keys: list[Key]) -> None:
        tally.inputs += 1
        assert parse([override_text(keys).encode()]) == keys
        tally.accepted += 1

    with counted(record_property, "override file: written by a command") as tally:
        run()
        try_file(tally, b"r\n\xff", 2)


def test_the_largest_file_is_read_and_one_more_id_is_refused(record_property: Properties) -> None:
    lines = b"".join(b'[%d, "r"]\r\n' % n for n in range(100_000))
    with counted(record_property, "override file: 100,000 ids and one more") as tally:
        assert parse(in_chunks(lines, 1 << 20)) == [(str(n), "r") for n in range(100_000)]
        tally.inputs, tally.accepted = 1, 1
        try_file(tally, lines + b"one more\r\n", 1 << 20)
