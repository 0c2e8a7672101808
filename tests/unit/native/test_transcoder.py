"""The native library against the reference: the same bytes, or a refusal."""

import pytest

from fuzz.reference import Result, body_of, lines_result, page_result
from fuzz.transcoder import fuzz
from tidegate.native import FORMATS, ItemSpec, Refusal, Rows, RowSpec, Transcoder, available, why_not
from tidegate.native.library import Library
from unit.part_samples import MIX

ITEMS = ItemSpec(("id",), "uploadedOn", "epochMillis", None)
COLUMNS = tuple((name, name) for name in sorted(set().union(*MIX)))
ALL = (0, 1 << 60)


def rows_of(format_name: str, *, others: bool = True) -> RowSpec:
    return RowSpec(format_name, formula_guard=True, columns=COLUMNS, others=others)


def test_the_library_is_there_because_make_install_builds_it() -> None:
    assert (available(), why_not()) == (True, "")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_real_mix_gives_the_bytes_of_the_reference(format_name: str) -> None:
    spec, body = rows_of(format_name, others=False), body_of(MIX, {"id": {"S": "a-2"}, "b": {"B": b"\x00"}})
    answer = Transcoder(ITEMS, spec).page(body, *ALL)
    assert isinstance(answer, Rows)
    assert Result.of(answer) == page_result(body, ITEMS, spec, *ALL)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_packed_gives_the_rows_of_the_reference(format_name: str) -> None:
    packed = Transcoder(ITEMS, None).page(body_of(MIX), *ALL)
    assert isinstance(packed, Rows)
    assert Result.of(packed) == page_result(body_of(MIX), ITEMS, None, *ALL)
    lines = bytes(packed.data)
    rows = Transcoder(ITEMS, rows_of(format_name)).lines(lines)
    assert isinstance(rows, Rows)
    assert Result.of(rows) == lines_result(lines, rows_of(format_name))


def test_a_thousand_random_pages_and_mutations_agree_and_no_page_as_made_is_refused_by_the_library_alone() -> None:
    counts = fuzz(7, 1000, Library(), lambda _: None)
    assert not counts["page as made: refused by the library alone"]
    assert counts["page as made: equal"] > 50


def test_a_record_with_another_attribute_refuses_the_page() -> None:
    spec = RowSpec("CSV", formula_guard=True, columns=(("id", "id"),), others=False)
    assert Transcoder(ITEMS, spec).page(body_of(MIX), *ALL) is Refusal.OTHER_COLUMN
