"""`tidegate` against a running stack: a process of its own, in a directory below that of .tidegate/outputs.json."""

from e2e.outsider import Outsider, at, record, text

DAY_1, DAY_2, DAY_3 = (f"2025-03-0{day}T00:00:00Z" for day in (1, 2, 3))
NAMES = {
    *("operationId", "state", "kind", "requestId", "export", "study", "exportType", "trigger", "tag", "actor"),
    *("window", "watermarkBefore", "progress", "attempts", "outcome", "error", "result", "createdAt", "startedAt"),
    *("finishedAt", "lastActionAt", "log", "expiry"),
}


def test_an_export_is_sent_and_followed_to_its_end(outsider: Outsider) -> None:
    outsider.put_study("commanded")
    outsider.put_records(record("commanded", "1", DAY_1))
    arguments = ("export", "--type", "daily", "--end", DAY_2, "--study", "commanded", "--tag", "typed")

    (previewed,) = outsider.told(*arguments, "--dry-run")
    assert previewed["window"] == {"start": text(at(DAY_1)), "end": text(at(DAY_2))}
    assert (outsider.watermark("commanded"), outsider.keys("commanded")) == (None, [])

    (operation,) = outsider.told(*arguments, "--wait")
    assert (operation["state"], operation["trigger"], operation["tag"]) == ("SUCCEEDED", "COMMAND", "typed")
    assert (operation["outcome"], operation["progress"]["records"]) == ("EXPORTED", 1)
    assert set(operation) >= NAMES

    shown = outsider.told("operations", "show", operation["operationId"])
    assert shown == operation
    assert outsider.told("operations", "list", "--study", "commanded", "--limit", "1") == [operation]
    assert outsider.told("operations", "watch", operation["operationId"]) == operation
    watermark = {"export": "default", "study": "commanded", "lastExportDateTime": text(at(DAY_2))}
    assert outsider.told("watermark", "show", "commanded") == watermark
    assert watermark in outsider.told("watermark", "list")


def test_people_are_shown_what_happened(outsider: Outsider) -> None:
    outsider.put_study("for-people")
    outsider.put_records(record("for-people", "1", DAY_1))

    ran = outsider.run("export", "--type", "DAILY", "--end", DAY_2, "--study", "for-people", "--wait")

    assert "for-people" in ran.stdout
    assert "SUCCEEDED" in ran.stdout
    (operation,) = (row for row in outsider.operations() if row["study"] == "for-people")
    assert operation["operationId"] in outsider.run("operations", "list").stdout
    sheet = outsider.run("operations", "show", str(operation["operationId"])).stdout
    assert "exported 1 records" in sheet


def test_a_refusal_is_an_error_and_says_what_to_do(outsider: Outsider) -> None:
    arguments = ("export", "--type", "DAILY", "--end", DAY_2, "--study", "no-such-study")

    ran = outsider.run(*arguments, status=1)

    assert "UNKNOWN_STUDY" in ran.stderr
    assert "no-such-study" in ran.stderr


def test_a_failed_operation_is_an_error(outsider: Outsider) -> None:
    outsider.define("one-at-most", rowLimit=1)
    outsider.put_study("two-of-them")
    outsider.put_records(record("two-of-them", "1", DAY_1), record("two-of-them", "2", DAY_1))
    arguments = ("export", "--type", "DAILY", "--end", DAY_2, "--study", "two-of-them", "--export", "one-at-most")

    ran = outsider.run(*arguments, "--wait", status=1)

    assert "ROW_LIMIT" in ran.stderr


def test_wrong_usage_is_told_from_failure(outsider: Outsider) -> None:
    assert "--end" in outsider.run("export", "--type", "DAILY", status=2).stderr


def test_definitions_are_versions(outsider: Outsider) -> None:
    outsider.define("versioned", settleSeconds=30)
    outsider.define("versioned", settleSeconds=40)

    shown = outsider.told("exports", "show", "versioned")

    assert (shown["exportId"], shown["version"], shown["settleSeconds"]) == ("versioned", 2, 40)
    listed = {definition["exportId"]: definition for definition in outsider.told("exports", "list")}
    assert listed["versioned"] == shown
    assert "default" in listed


def test_a_definition_is_refused_with_the_place_of_the_mistake(outsider: Outsider) -> None:
    file = outsider.directory / "wrong.yaml"
    file.write_text("exportId: wrong\nsource: {type: dynamodb, table: Records}\ncolumns: [{form: id}]\n")

    ran = outsider.run("exports", "put", str(file), status=1)

    assert "columns[0].form" in ran.stderr
    assert "wrong" not in {definition["exportId"] for definition in outsider.told("exports", "list")}


def test_check_tells_whether_an_export_fits_its_table(outsider: Outsider) -> None:
    outsider.put_study("checked")
    outsider.put_records(record("checked", "1", DAY_1))
    outsider.define("misfit", source={"index": "no-such-index"})

    good, bad = outsider.told("check"), outsider.told("check", "misfit", status=1)

    assert all(finding["ok"] for finding in good)
    assert any("no-such-index" in finding["what"] and finding["remedy"] for finding in bad if not finding["ok"])
