"""The built-in source: the same records for the same study and window, without any table; and the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tidegate import sources
from tidegate.errors import FatalError
from tidegate.model import Page
from tidegate.sources import Ask, KeyLookup, register, source_of
from tidegate.sources.dynamodb import DynamoDBSource
from tidegate.sources.sample import SampleSource

if TYPE_CHECKING:
    from unit.sources.conftest import Bench

DAY = 86_400_000


def sample(bench: Bench, **options: object) -> SampleSource:
    return SampleSource(bench.export(type="sample", options=options))


def test_windows_that_abut_have_each_record_once_and_always_the_same(bench: Bench) -> None:
    source = sample(bench)
    whole = bench.pages(source, Ask("s", bench.window(0, DAY * 2)))
    parts = [
        one for n in range(4) for one in bench.pages(source, Ask("s", bench.window(n * DAY // 2, (n + 1) * DAY // 2)))
    ]
    assert [r for page in whole for r in page.records] == [r for page in parts for r in page.records]
    assert len(bench.ids(whole)) == 2 * 24 * 60
    assert len({r.values["schemaId"]["S"] for page in whole for r in page.records}) == 3


def test_a_sample_goes_on_from_every_cursor(bench: Bench) -> None:
    source, ask = sample(bench, everySeconds=7), Ask("s", bench.window(1, DAY // 4))
    pages = bench.pages(source, ask)
    assert len(pages) > 2
    for at, page in enumerate(pages[:-1]):
        assert bench.ids(bench.pages(source, ask, page.cursor)) == bench.ids(pages[at + 1 :])


def test_an_empty_window_has_no_page_and_one_without_records_has_one(bench: Bench) -> None:
    assert bench.pages(sample(bench), Ask("s", bench.window(5, 5))) == []
    (page,) = bench.pages(sample(bench), Ask("s", bench.window(1, 2)))
    assert (list(page.records), page.cursor) == ([], None)


def test_single_samples_are_found_by_key(bench: Bench) -> None:
    source = sample(bench)
    assert isinstance(source, KeyLookup)
    keys = [("a-b-60000",), ("other-0",), ("a-b-60001",), ("a-b-060000",), ("nonsense",), ("a", "b")]
    assert source.owners(keys) == {("a-b-60000",): "a-b", ("other-0",): "other"}
    (page,) = bench.pages(source, Ask("a-b", keys=keys))
    assert (bench.ids([page]), page.filtered, list(page.missing)) == (["a-b-60000"], 1, keys[2:])


def test_many_keys_go_on_from_every_cursor(bench: Bench) -> None:
    source, ask = sample(bench), Ask("s", keys=[(f"s-{n * 60_000}",) for n in range(2500)])
    pages = bench.pages(source, ask)
    assert len(bench.ids(pages)) == 2500
    for at, page in enumerate(pages[:-1]):
        assert bench.ids(bench.pages(source, ask, page.cursor)) == bench.ids(pages[at + 1 :])


@pytest.mark.parametrize("value", [0, -5, 1.5, "60", True])
def test_a_senseless_interval_is_refused(bench: Bench, value: object) -> None:
    with pytest.raises(FatalError, match="everySeconds"):
        sample(bench, everySeconds=value)


class Clients:
    dynamodb: Any = None


def test_a_source_is_found_by_its_type_without_any_call(bench: Bench) -> None:
    assert isinstance(source_of(bench.export(), Clients()), DynamoDBSource)
    assert isinstance(source_of(bench.export(type="sample"), Clients()), SampleSource)


def test_an_unknown_type_is_refused_with_those_that_there_are(bench: Bench) -> None:
    with pytest.raises(FatalError, match=r"type punchcards.*dynamodb, mocked, sample"):
        source_of(bench.export(type="punchcards"), Clients())


def test_a_source_of_your_own_is_a_class_with_one_method(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_FACTORIES", dict(sources._FACTORIES))

    class Nothing:
        def pages(self, _ask: Ask, _cursor: object) -> Any:
            return iter([Page((), None)])

    def factory(_definition: object, _clients: object) -> Any:
        return Nothing()

    register("nothing", factory)
    register("nothing", factory)
    assert isinstance(source_of(bench.export(type="nothing"), Clients()), Nothing)
    with pytest.raises(ValueError, match="already a source named nothing"):
        register("nothing", lambda _definition, _clients: Nothing())
