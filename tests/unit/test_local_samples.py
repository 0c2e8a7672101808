"""The sample records are like real ones, and can be made again."""

from datetime import UTC, datetime

from tidegate_local.samples import STUDIES, sample_records, sample_studies

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 3, 2, tzinfo=UTC)
RECORDS = list(sample_records("heart-steps", START, END, 1000, seed=1))


def test_the_same_seed_gives_the_same_records_and_another_gives_others() -> None:
    assert list(sample_records("heart-steps", START, END, 1000, seed=1)) == RECORDS
    assert list(sample_records("heart-steps", START, END, 1000, seed=2)) != RECORDS


def test_all_times_lie_in_the_window_and_all_ids_differ() -> None:
    times = [int(record["uploadedOn"]["N"]) for record in RECORDS]
    assert times == sorted(times)
    assert START.timestamp() * 1000 <= times[0]
    assert times[-1] < END.timestamp() * 1000
    assert len({record["id"]["S"] for record in RECORDS}) == len(RECORDS)


def test_every_kind_of_value_occurs() -> None:
    kinds = {kind for record in RECORDS for value in record.values() for kind in value}
    assert kinds == {"S", "N", "B", "M", "SS", "NS", "NULL"}
    digits = {len(record["score"]["N"].lstrip("-").replace(".", "")) for record in RECORDS}
    assert 38 in digits
    assert any("note" not in record for record in RECORDS)
    notes = {record["note"]["S"] for record in RECORDS if "note" in record}
    assert any(note.startswith("=") for note in notes)
    assert any("\n" in note for note in notes)
    assert any(max(map(ord, note), default=0) > 0xFFFF for note in notes)


def test_there_are_three_studies() -> None:
    assert [item["studyId"]["S"] for item in sample_studies()] == list(STUDIES)
    assert len(STUDIES) == 3
