"""Pieces: a part's bytes are the same however they come in and however often the work goes on elsewhere."""

import gzip
import hashlib
import io
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.compression import compression_of
from tidegate.definition_schema import ExportDocument
from tidegate.pieces import (
    LINES_BYTES,
    MEMBER_BYTES,
    LineSpool,
    PartStream,
    Pieces,
    Spool,
    Tails,
)
from tidegate.store.objects import LARGE_PIECE_BYTES, PIECE_BYTES, SMALL_PIECES
from unit.part_samples import MemoryStore


def stream(store: MemoryStore, compression: str = "gzip") -> PartStream:
    return PartStream(Pieces(store, "work/1/", put_so_far=0), compression_of(compression))


def moved(old: PartStream, store: MemoryStore, prefix: str, compression: str = "gzip") -> PartStream:
    """The same stream in another process, whose own objects have another prefix."""
    tails: list[bytes | bytearray] = []
    state = old.state(tails)
    pieces = Pieces(store, prefix, put_so_far=0)
    return PartStream.restored(state, Tails(memoryview(b"".join(tails))), pieces, compression_of(compression))


def plain(stored: bytes, compression: str) -> bytes:
    return compression_of(compression).reader(io.BytesIO(stored)).read()


def joined(store: MemoryStore, part: PartStream) -> bytes:
    stored = part.finish()
    data = b"".join(store.objects[piece.key] for piece in stored.pieces)
    assert stored.size == len(data)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert all(piece.size == len(store.objects[piece.key]) for piece in stored.pieces)
    return data


@given(
    st.binary(max_size=300),
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=6),
    st.sampled_from(["gzip", "zstd", "none"]),
)
def test_bytes_depend_on_the_content_only(data: bytes, cuts: list[tuple[int, bool]], compression: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidegate.pieces.MEMBER_BYTES", 32)
        patch.setattr("tidegate.store.objects.PIECE_BYTES", 64)
        patch.setattr("tidegate.pieces._WORTH_KEEPING", 40)
        whole_store = MemoryStore()
        whole = stream(whole_store, compression)
        whole.write(data)
        expected = joined(whole_store, whole)

        store = MemoryStore()
        part = stream(store, compression)
        start = 0
        for number, (cut, aside) in enumerate(sorted(cuts)):
            part.write(data[start:cut])
            start = cut
            if aside:
                part.unsent.put_aside(Pieces(store, f"aside/{number}/", put_so_far=0))
            part = moved(part, store, f"work/{number + 2}/", compression)
        part.write(data[start:])
        assert joined(store, part) == expected
        assert plain(expected, compression) == data


def test_pieces_are_cut_at_member_ends_once_they_are_large_enough() -> None:
    store = MemoryStore()
    part = stream(store, "none")
    part.write(b"x" * (PIECE_BYTES - 1))
    assert store.objects == {}
    part.write(b"x" * (MEMBER_BYTES + 1))
    stored = part.finish()
    assert [piece.size for piece in stored.pieces] == [PIECE_BYTES, MEMBER_BYTES]
    assert [piece.key for piece in stored.pieces] == ["work/1/00000001", "work/1/00000002"]


def test_later_pieces_are_larger_so_that_the_largest_part_stays_within_the_parts_that_s3_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    largest = next(one.le for one in ExportDocument.model_fields["max_bytes_per_part"].metadata if hasattr(one, "le"))
    later = -(-(largest - SMALL_PIECES * PIECE_BYTES) // LARGE_PIECE_BYTES)
    assert SMALL_PIECES + later <= 10_000
    monkeypatch.setattr("tidegate.store.objects.SMALL_PIECES", 2)
    monkeypatch.setattr("tidegate.store.objects.PIECE_BYTES", MEMBER_BYTES)
    monkeypatch.setattr("tidegate.store.objects.LARGE_PIECE_BYTES", 2 * MEMBER_BYTES)
    part = stream(MemoryStore(), "none")
    part.write(b"x" * 7 * MEMBER_BYTES)
    assert [piece.size // MEMBER_BYTES for piece in part.finish().pieces] == [1, 1, 2, 2, 1]


def test_each_gzip_member_has_no_time_and_opens_by_itself() -> None:
    store = MemoryStore()
    part = stream(store)
    part.write(b"a" * MEMBER_BYTES + b"b")
    data = joined(store, part)
    first = zlib.decompressobj(wbits=31)
    assert first.decompress(data) == b"a" * MEMBER_BYTES
    assert first.eof
    assert gzip.decompress(first.unused_data) == b"b"
    assert data[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_a_part_without_a_byte_is_an_object_all_the_same(compression: str) -> None:
    store = MemoryStore()
    data = joined(store, stream(store, compression))
    assert len(store.objects) == 1
    assert plain(data, compression) == b""


def test_only_a_part_that_spans_processes_is_read_back_for_its_hash() -> None:
    store = MemoryStore()
    part = stream(store, "none")
    part.write(b"x" * (PIECE_BYTES + 1))
    part = moved(part, store, "work/2/", "none")
    assert store.reads == 0
    joined(store, part)
    assert store.reads == 2
    short_store = MemoryStore()
    short = stream(short_store)
    short.write(b"x" * (MEMBER_BYTES + 1))
    joined(short_store, moved(short, short_store, "work/2/"))
    assert short_store.reads == 0


@given(st.lists(st.tuples(st.binary(max_size=5), st.booleans())))
def test_a_spool_gives_back_what_went_in_whatever_was_put_aside(steps: list[tuple[bytes, bool]]) -> None:
    pieces = Pieces(MemoryStore(), "p/", put_so_far=0)
    spool = Spool()
    for data, aside in steps:
        spool.append(data)
        if aside:
            spool.put_aside(pieces)
            assert spool.held == 0
    expected = b"".join(data for data, _ in steps)
    assert spool.size == len(expected)
    assert spool.take(pieces) == expected
    assert spool.take(pieces) == b""


@given(st.lists(st.tuples(st.binary(max_size=9), st.sampled_from(["", "aside", "moved"]))), st.integers(1, 12))
def test_a_spool_of_lines_gives_back_whole_lines(steps: list[tuple[bytes, str]], size: int) -> None:
    pieces = Pieces(MemoryStore(size), "p/", put_so_far=0)
    spool = LineSpool()
    expected = b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidegate.pieces.LINES_BYTES", size)
        for data, then in steps:
            spool.append(data + b"\n")
            expected += data + b"\n"
            if then == "aside":
                spool.put_aside(pieces)
            if then == "moved":
                tails: list[bytes | bytearray] = []
                spool = LineSpool.restored(spool.state(tails), Tails(memoryview(b"".join(tails))))
            assert spool.size == len(expected)
        assert b"".join(spool.chunks(pieces)) == expected
        drained = list(spool.drain(pieces))
    assert b"".join(drained) == expected
    assert all(lines.endswith(b"\n") for lines in drained)
    assert spool.size == spool.held == 0


def test_a_piece_is_written_into_the_memory_of_the_one_before_it() -> None:
    store = MemoryStore()
    pieces = Pieces(store, "p/", put_so_far=0)
    part, other = PartStream(pieces), PartStream(pieces)
    part.write(b"a" * PIECE_BYTES)
    kept = sum(map(len, store.objects.values()))
    tracemalloc.start()
    try:
        other.write(b"b" * (PIECE_BYTES - 1))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept == PIECE_BYTES
    assert held < PIECE_BYTES >> 2
    part.write(b"cd")
    other.unsent.put_aside(pieces)
    assert joined(store, part) == b"a" * PIECE_BYTES + b"cd"
    assert joined(store, other) == b"b" * (PIECE_BYTES - 1)


def test_lines_give_their_memory_back_while_they_are_drained() -> None:
    spool = LineSpool()
    tracemalloc.start()
    try:
        for _ in range(16):
            spool.append(b"x" * ((LINES_BYTES >> 1) - 1) + b"\n")
        full = tracemalloc.get_traced_memory()[0]
        draining = spool.drain(Pieces(MemoryStore(), "p/", put_so_far=0))
        left = [tracemalloc.get_traced_memory()[0] for _ in draining]
    finally:
        tracemalloc.stop()
    assert full >= 8 * LINES_BYTES
    assert len(left) == 8
    assert left[4] < full - 3 * LINES_BYTES
    assert left[7] < full - 6 * LINES_BYTES


def test_a_checkpoint_in_which_plain_bytes_wait_for_their_member_is_understood() -> None:
    whole = stream(MemoryStore(), "none")
    whole.write(b"stored, waiting")
    state = {"plain": 15, "openMember": 7, "size": 8, "pieces": [], "unsent": {"aside": [], "held": 8}}
    tails = Tails(memoryview(b"waiting" + b"stored, "))
    restored = PartStream.restored(state, tails, Pieces(MemoryStore(), "p/", put_so_far=0), compression_of("none"))
    stored, expected = restored.finish(), whole.finish()
    assert (stored.size, stored.sha256) == (expected.size, expected.sha256)
