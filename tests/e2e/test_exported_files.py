"""What is in the files: a real mix of records in every format, columns, tables, parts, and further tables."""

import json

import pytest

from e2e.outsider import Outsider, at, millis, record

DAY_1, JUST_LATER, DAY_2 = "2025-03-01T00:00:00Z", "2025-03-01T00:00:00.001Z", "2025-03-02T00:00:00Z"
MIX = {
    "amount": {"N": "1234567890123456789.0123456789012345678"},
    "answers": {"M": {"q2": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}]}, "q1": {"M": {"deep": {"L": []}}}}},
    "blobs": {"BS": [b"\xff", b"\x00"]},
    "comment": {"S": "=1+1"},
    "flag": {"BOOL": True},
    "note": {"S": 'two\r\nlines, "quoted" 😴'},
    "readings": {"NS": ["10", "9", "-1.5"]},
    "signature": {"B": b"\x00\xff"},
    "tags": {"SS": ["naïve", "a"]},
    "withdrawn": {"NULL": True},
}
BARE = {"amount": {"N": "-7"}, "comment": {"S": "-"}, "note": {"S": ""}}
CSV = (
    "id,uploadedOn,amount,answers,blobs,comment,flag,note,readings,signature,studyId,tags,withdrawn\r\n"
    'mix-1,1740787200000,1234567890123456789.0123456789012345678,"{""q1"":{""deep"":[]},""q2"":[1,true,null]}",'
    '"[""AA=="",""/w==""]",\'=1+1,true,"two\r\nlines, ""quoted"" 😴","[-1.5,9,10]",AP8=,mix,"[""a"",""naïve""]",\r\n'
    "mix-2,1740787200001,-7,,,'-,,,,,mix,,\r\n"
)
FULL_LINE = (
    '{"amount":1234567890123456789.0123456789012345678,"answers":{"q1":{"deep":[]},"q2":[1,true,null]},'
    '"blobs":["AA==","/w=="],"comment":"=1+1","flag":true,"id":"mix-1","note":"two\\r\\nlines, \\"quoted\\" 😴",'
    '"readings":[-1.5,9,10],"signature":"AP8=","studyId":"mix","tags":["a","naïve"],"uploadedOn":1740787200000,'
    '"withdrawn":null}'
)
BARE_LINE = '{"amount":-7,"comment":"-","id":"mix-2","note":"","studyId":"mix","uploadedOn":1740787200001}'
TYPES = {
    "id": "string",
    "uploadedOn": "number",
    "amount": "number",
    "answers": "map",
    "blobs": "binarySet",
    "comment": "string",
    "flag": "boolean",
    "note": "string",
    "readings": "numberSet",
    "signature": "binary",
    "studyId": "string",
    "tags": "stringSet",
    "withdrawn": "null",
}


@pytest.mark.parametrize(
    ("kind", "compression", "expected", "ending"),
    [
        ("CSV", "gzip", CSV, "csv.gz"),
        ("CSV", "none", CSV, "csv"),
        ("JSONL", "gzip", f"{FULL_LINE}\n{BARE_LINE}\n", "jsonl.gz"),
        ("JSON", "none", f"[\n{FULL_LINE},\n{BARE_LINE}\n]\n", "json"),
    ],
)
def test_a_real_mix_of_records_loses_nothing(
    outsider: Outsider, kind: str, compression: str, expected: str, ending: str
) -> None:
    export = f"mix-{kind}-{compression}".lower()
    outsider.define(export, format={"type": kind, "compression": compression})
    outsider.put_study("mix")
    outsider.put_records(record("mix", "1", DAY_1, **MIX), record("mix", "2", JUST_LATER, **BARE))

    row = outsider.export_daily("mix", DAY_2, export=export)

    manifest = outsider.manifest_of(row)
    (part,) = manifest["parts"]
    assert part["key"].endswith(f"/part-00001.{ending}")
    assert outsider.text_of(part["key"]) == expected
    assert manifest["columns"] == {"": [{"name": name, "type": kind} for name, kind in TYPES.items()]}


def test_the_manifest_says_all_that_happened(outsider: Outsider) -> None:
    outsider.put_study("told")
    outsider.put_records(record("told", "1", DAY_1))

    row = outsider.export_daily("told", DAY_2, tag="for the record")

    manifest = outsider.manifest_of(row)
    assert manifest.pop("createdAt") <= row["finishedAt"]
    assert manifest.pop("tidegate")
    (part,) = manifest.pop("parts")
    assert (part["table"], part["records"]) == ("", 1)
    assert manifest == {
        "version": 1,
        "export": "default",
        "study": "told",
        "operationId": row["operationId"],
        "exportType": "DAILY",
        "trigger": "MESSAGE",
        "tag": "for the record",
        "window": {"start": "2025-03-01T00:00:00.000Z", "end": "2025-03-02T00:00:00.000Z"},
        "watermark": {"before": None, "after": "2025-03-02T00:00:00.000Z"},
        "records": 1,
        "columns": {"": [{"name": name, "type": TYPES[name]} for name in ("id", "uploadedOn", "studyId")]},
        "skipped": {"filtered": 0, "duplicate": 0, "deleted": 0},
        "failedRecords": {"count": 0, "key": None},
        "previousManifest": None,
    }


def test_columns_are_those_that_were_chosen(outsider: Outsider) -> None:
    site = {"from": "visits[0].site", "as": "site"}
    outsider.define("chosen", columns=["note", {"from": "answers.q1", "as": "first"}, site, "id"])
    outsider.put_study("columns")
    nested = {"answers": {"M": {"q1": {"S": "yes"}}}, "visits": {"L": [{"M": {"site": {"S": "north"}}}]}}
    outsider.put_records(
        record("columns", "1", DAY_1, note={"S": "a"}, more={"S": "b"}, **nested),
        record("columns", "2", JUST_LATER),
    )

    row = outsider.export_daily("columns", DAY_2, export="chosen")

    (part,) = outsider.manifest_of(row)["parts"]
    assert outsider.text_of(part["key"]) == "note,first,site,id\r\na,yes,north,columns-1\r\n,,,columns-2\r\n"


def test_a_projection_reads_what_it_names_and_the_time(outsider: Outsider) -> None:
    outsider.define("projected", source={"projection": ["id", "note"]})
    outsider.put_study("projected")
    outsider.put_records(record("projected", "1", DAY_1, note={"S": "a"}, secret={"S": "b"}))

    row = outsider.export_daily("projected", DAY_2, export="projected")

    assert outsider.rows(row) == [{"id": "projected-1", "uploadedOn": "1740787200000", "note": "a"}]


def test_a_table_has_a_file_set_of_its_own(outsider: Outsider) -> None:
    outsider.define("by-schema", tableBy=["schemaId", "revision"])
    outsider.put_study("tables")
    for number, (schema, revision) in enumerate([("steps", "1"), ("sleep log", "2"), ("steps", "1")]):
        split = {"schemaId": {"S": schema}, "revision": {"N": revision}}
        outsider.put_records(record("tables", str(number), f"2025-03-01T0{number}:00:00Z", **split))
    outsider.put_records(record("tables", "without", DAY_1, schemaId={"S": "steps"}))

    row = outsider.export_daily("tables", DAY_2, export="by-schema")

    parts = outsider.manifest_of(row)["parts"]
    assert {part["table"]: part["records"] for part in parts} == {"_none": 1, "sleep log~2": 1, "steps~1": 2}
    folders = {part["table"]: part["key"].split("/")[-2] for part in parts}
    assert folders == {"_none": "table=_none", "sleep log~2": "table=sleep%20log%7E2", "steps~1": "table=steps%7E1"}

    (again,) = outsider.export(
        exportType="DAILY",
        endDateTime=DAY_2,
        export="by-schema",
        studyWhitelist=["tables"],
        ignoreLastExportTime=True,
        tableWhitelist=["steps~1", "unheard-of"],
    )
    assert outsider.ids(again) == ["0", "2"]
    assert outsider.manifest_of(again)["skipped"]["filtered"] == 2
    assert again["result"]["absentTables"] == ["unheard-of"]


def test_parts_are_cut_by_records_and_keep_the_order(outsider: Outsider) -> None:
    outsider.define("cut", maxRecordsPerPart=2, format={"type": "JSON"})
    outsider.put_study("cut")
    outsider.put_records(*(record("cut", str(n), f"2025-03-01T0{9 - n}:00:00Z") for n in range(5)))

    row = outsider.export_daily("cut", DAY_2, export="cut")

    assert [part["records"] for part in outsider.manifest_of(row)["parts"]] == [2, 2, 1]
    assert outsider.ids(row) == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(("policy", "texts"), [("none", []), ("header", ["id,uploadedOn\r\n"])])
def test_a_window_without_records_moves_the_watermark(outsider: Outsider, policy: str, texts: list[str]) -> None:
    export = f"empty-{policy}"
    outsider.define(export, emptyPolicy=policy)
    outsider.put_study("empty")

    row = outsider.export_daily("empty", DAY_2, export=export)

    manifest = outsider.manifest_of(row)
    assert (row["outcome"], manifest["records"]) == ("EXPORTED", 0)
    assert [outsider.text_of(part["key"]) for part in manifest["parts"]] == texts
    item = outsider.watermark(f"{export}/empty")
    assert item is not None
    assert item["lastExportDateTime"] == {"N": str(millis(at(DAY_2)))}


def test_what_an_index_lacks_is_read_from_its_table(outsider: Outsider) -> None:
    create_table(outsider, "Elsewhere", projection="KEYS_ONLY")
    outsider.define("elsewhere", source={"table": "Elsewhere"})
    outsider.put_study("second-read")
    records = [
        record("second-read", f"{n:03}", at(DAY_1), note={"S": f"n{n}"}, blob={"B": bytes([n % 256])})
        for n in range(230)
    ]
    outsider.put_records(*records, table="Elsewhere")

    row = outsider.export_daily("second-read", DAY_2, export="elsewhere")

    found = {one["id"]: one["note"] for one in outsider.rows(row)}
    assert found == {one["id"]["S"]: one["note"]["S"] for one in records}


def test_a_table_that_the_template_does_not_name_is_out_of_reach(outsider: Outsider) -> None:
    create_table(outsider, "Forbidden", projection="ALL")
    outsider.define("forbidden", source={"table": "Forbidden"})
    outsider.put_study("forbidden")

    (row,) = outsider.ended(
        outsider.send(
            {"exportType": "DAILY", "endDateTime": DAY_2, "studyWhitelist": ["forbidden"], "export": "forbidden"}
        )
    )

    assert (row["state"], row["error"]["code"]) == ("FAILED", "ACCESS_DENIED"), json.dumps(row)
    assert "Forbidden" in row["error"]["message"]
    assert outsider.watermark("forbidden/forbidden") is None


def create_table(outsider: Outsider, name: str, projection: str) -> None:
    """A record table like the stack's own, whose index projects as told."""
    kinds = {"id": "S", "studyId": "S", "uploadedOn": "N"}
    by_time = [{"AttributeName": "studyId", "KeyType": "HASH"}, {"AttributeName": "uploadedOn", "KeyType": "RANGE"}]
    index = {"IndexName": "study-uploadedOn-index", "KeySchema": by_time, "Projection": {"ProjectionType": projection}}
    outsider.dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()],  # type: ignore[typeddict-item]  # the stubs want literals
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[index],  # type: ignore[list-item]  # as above
        BillingMode="PAY_PER_REQUEST",
    )
