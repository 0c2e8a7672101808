"""The only reader of the environment."""

from __future__ import annotations

import pytest

from tidegate.errors import UsageError
from tidegate.settings import from_environment

NEEDED = {
    f"TIDEGATE_{name}": name.lower()
    for name in (
        "STUDY_TABLE",
        "EXPORT_TIME_TABLE",
        "EXPORT_TABLE",
        "OPERATION_TABLE",
        "REQUEST_TABLE",
        "PAIR_TABLE",
        "HISTORY_TABLE",
        "RECORD_TABLE",
        "EXPORT_BUCKET",
    )
}


def test_each_variable_fills_the_setting_of_its_name() -> None:
    settings = from_environment(NEEDED)
    assert {name: getattr(settings, value) for name, value in NEEDED.items()} == NEEDED


def test_what_is_not_needed_has_the_templates_default() -> None:
    settings = from_environment(NEEDED)
    assert (settings.succeeded_retention_hours, settings.failed_retention_hours) == (336, 336)
    assert settings.give_up_after_seconds == 6 * 3600
    assert (settings.work_queue_url, settings.override_buckets, settings.default_export) == ("", (), {})


@pytest.mark.parametrize("absent", sorted(NEEDED))
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_or_empty_variable_is_named(absent: str, empty: bool) -> None:
    environment = {**NEEDED, absent: ""} if empty else {n: v for n, v in NEEDED.items() if n != absent}
    with pytest.raises(UsageError, match=absent) as caught:
        from_environment(environment)
    assert sum(name in caught.value.message for name in NEEDED) == 1


def test_all_missing_variables_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        from_environment({})
    assert all(name in caught.value.message for name in NEEDED)


def test_numbers_lists_and_the_default_export_are_read() -> None:
    settings = from_environment(
        {
            **NEEDED,
            "TIDEGATE_SUCCEEDED_RETENTION_HOURS": "24",
            "TIDEGATE_FAILED_RETENTION_HOURS": "48",
            "TIDEGATE_GIVE_UP_AFTER_SECONDS": "60",
            "TIDEGATE_MOST_REDRIVES": "0",
            "TIDEGATE_REDRIVE_AFTER_SECONDS": "0",
            "TIDEGATE_OVERRIDE_BUCKETS": "one, two,,",
            "TIDEGATE_DEFAULT_EXPORT": '{"source": {"table": "T"}}',
        }
    )
    assert (settings.succeeded_retention_hours, settings.failed_retention_hours) == (24, 48)
    assert settings.give_up_after_seconds == 60
    assert (settings.most_redrives, settings.redrive_after_seconds) == (0, 0)
    assert settings.override_buckets == ("one", "two")
    assert settings.default_export == {"source": {"table": "T"}}
