from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tidegate.definition import from_document
from tidegate.definition_schema import json_schema, validate
from tidegate.errors import RejectedError

SHORT: dict[str, Any] = {"exportId": "short", "source": {"type": "dynamodb", "table": "Records"}}
SFTP: dict[str, Any] = {
    "type": "SFTP",
    "host": "sftp.example.org",
    "user": "tidegate",
    "sftpDetailsKey": "tidegate/partner",
    "hostKeys": ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
}
BUCKET: dict[str, Any] = {"type": "S3", "bucket": "partner-bucket"}


def document(*destinations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**SHORT, "destinations": list(destinations), **more}


def test_names_that_are_not_given_are_type_and_number_and_the_own_bucket_is_always_there() -> None:
    for entries in ([SFTP, BUCKET, SFTP], [{"type": "S3"}, SFTP, BUCKET, SFTP]):
        checked = validate(document(*entries))
        assert [entry["name"] for entry in checked["destinations"]] == ["S3", "SFTP", "S3-2", "SFTP-2"]
        assert validate(checked) == checked
        jsonschema.Draft202012Validator(json_schema()).validate(checked)


def test_a_document_means_the_same_before_and_after_its_defaults_are_written_out() -> None:
    before = from_document(document(SFTP, BUCKET), 1)
    assert from_document(validate(document(SFTP, BUCKET)), 1).destinations == before.destinations
    assert before.destinations[1]["existing"] == "fail"


@pytest.mark.parametrize(
    ("path", "entries"),
    [
        ("destinations[0].host", [{**SFTP, "host": "two words"}]),
        ("destinations[0].port", [{**SFTP, "port": 0}]),
        ("destinations[0].hostKeys", [{**SFTP, "hostKeys": []}]),
        ("destinations[0].hostKeys[0]", [{**SFTP, "hostKeys": ["SHA256:x"]}]),
        ("destinations[0].directory", [{**SFTP, "directory": "../{study}"}]),
        ("destinations[0].directory", [{**SFTP, "directory": "{studie}"}]),
        ("destinations[0].fileName", [{**SFTP, "fileName": "a/{study}"}]),
        ("destinations[0].existing", [{**SFTP, "existing": "ask"}]),
        ("destinations[0].bucket", [{**BUCKET, "bucket": "Capital"}]),
        ("destinations[0].prefix", [{**BUCKET, "prefix": "in/{study}"}]),
        ("destinations[0].prefix", [{**BUCKET, "prefix": "in/{window}"}]),
        ("destinations[0].role", [{**BUCKET, "role": "admin"}]),
        ("destinations[0].bucketOwner", [{**BUCKET, "bucketOwner": "me"}]),
        ("destinations[0].prefix", [{**BUCKET, "prefix": "{study}/{end:YYYYMMDDHHmmss}"}]),
        ("destinations[0].prefix", [{**BUCKET, "prefix": "{study}/{window}/{date:HH:mm}"}]),
        ("destinations[0].directory", [{**SFTP, "directory": "{study:YYYY}"}]),
        ("destinations[0].fileName", [{**SFTP, "fileName": "{operationId}{sequence}{date:YYYY/MM}"}]),
        ("destinations[0].timeZone", [{**SFTP, "timeZone": "Mars"}]),
        ("destinations", [SFTP] * 11),
        ("destinations", [{**SFTP, "name": "x"}, {**BUCKET, "name": "x"}]),
        ("destinations", [{"type": "S3"}, {"type": "S3", "name": "again"}]),
        ("destinations", [{"type": "S3", "prefix": "in/{study}/{window}"}]),
        ("destinations", [{**SFTP, "fileName": "{file}"}]),
        ("destinations", [{**SFTP, "fileName": "{study}-{window}.csv"}]),
        ("destinations", [{**SFTP, "fileName": "{study}-{date:YYYYMMDD}-{sequence}.csv"}]),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(path: str, entries: list[dict[str, Any]]) -> None:
    with pytest.raises(RejectedError) as caught:
        validate(document(*entries))
    assert caught.value.code == "INVALID_FIELD"
    assert caught.value.message.startswith(f"{path} ")


def test_with_tables_a_name_of_ones_own_has_to_tell_them_apart() -> None:
    name = "{study}-{window}-{file}"
    validate(document({**SFTP, "fileName": name}))
    validate(document({**SFTP, "fileName": name, "directory": "{table}"}, tableBy=["kind"]))
    validate(document({**SFTP, "fileName": "{operationId}-{sequence}.{extension}"}, tableBy=["kind"]))
    with pytest.raises(RejectedError, match=r"must name \{table\} or \{sequence\}, else two files would have one name"):
        validate(document({**SFTP, "fileName": name}, tableBy=["kind"]))


def test_the_refusal_of_a_name_says_what_would_do() -> None:
    with pytest.raises(RejectedError, match=r"fileName of 'SFTP' must name \{window\} or \{operationId\}, else"):
        validate(document({**SFTP, "fileName": "{study}_{date:YYYYMMDD}_{part}.{extension}"}))


def test_times_in_names_are_in_the_exports_zone_unless_a_destination_has_its_own() -> None:
    entries = ({**SFTP, "timeZone": "Asia/Tokyo"}, BUCKET)
    checked = validate(document(*entries, timeZone="Europe/London"))
    assert [entry.get("timeZone") for entry in checked["destinations"]] == [None, "Asia/Tokyo", None]
    found = from_document(checked, 1).destinations
    assert [entry.get("timeZone") for entry in found] == [None, "Asia/Tokyo", "Europe/London"]
    assert [entry.get("timeZone") for entry in from_document(document(BUCKET), 1).destinations] == [None, None]


def test_a_password_has_no_place_in_a_definition() -> None:
    with pytest.raises(RejectedError) as caught:
        validate(document({**SFTP, "password": "x"}))
    assert caught.value.code == "UNKNOWN_FIELD"
