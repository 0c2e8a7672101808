"""`tidegate verify` on the whole stack: sound after exports, damage found, repaired through the queues, sound again."""

from e2e.outsider import Outsider, at, record, text

DAYS = [f"2025-05-0{day}T00:00:00Z" for day in (1, 2, 3, 4)]


def test_damage_is_found_repaired_and_then_cured(outsider: Outsider) -> None:
    outsider.put_study("verified")
    for number, day in enumerate(DAYS[:3]):
        outsider.put_records(*(record("verified", f"{number}-{n}", day) for n in range(5)))
        outsider.export_daily("verified", DAYS[number + 1])
    command = ("verify", "--study", "verified", "--against-source")
    sound = outsider.told(*command)
    assert sound["ok"]
    assert (sound["pairs"][0]["windows"], sound["pairs"][0]["records"], sound["findings"]) == (3, 15, [])
    watermark = outsider.watermark("verified")
    deleted, _sound, flipped = (key for key in outsider.keys("verified") if "part-" in key)
    outsider.s3.delete_object(Bucket=outsider.outputs["ExportBucketName"], Key=deleted)
    outsider.put_object(flipped, "nothing of it is left")

    found = outsider.told(*command, status=1)
    assert {finding["code"] for finding in found["findings"]} == {"PART_MISSING", "PART_CHANGED", "RECORDS_MISSING"}
    planned = outsider.told(*command, "--repair", "--dry-run", status=1)
    assert len(planned["repairs"]) == 2

    repaired = outsider.told(*command, "--repair", "--yes")

    assert [repair["window"]["start"] for repair in repaired["repairs"]] == [
        repair["window"]["start"] for repair in planned["repairs"]
    ]
    assert all(finding["curedBy"] for finding in repaired["findings"])
    assert outsider.watermark("verified") == watermark
    assert outsider.told(*command)["pairs"][0]["lastExportDateTime"] == text(at(DAYS[3]))
