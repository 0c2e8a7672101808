"""Two hundred requests at once, ten for each of twenty studies: all finish, and no record is lost or repeated."""

import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from e2e.outsider import Outsider, at, millis, record
from tidegate_local.stack import LocalStack

STUDIES = tuple(f"burst-{number:02}" for number in range(20))
FROM, DAY_2, DAY_3, DAY_4 = (f"2025-03-0{day}T00:00:00Z" for day in (1, 2, 3, 4))
REQUESTS = (
    *({"exportType": "DAILY", "endDateTime": end} for end in (DAY_2, DAY_2, DAY_3, DAY_4, DAY_4)),
    *({"exportType": "HOURLY", "endDateTime": end} for end in ("2025-03-02T06:00:00Z", "2025-03-04T07:00:00Z")),
    *({"exportType": "INSTANT"} for _ in range(3)),
)
RECORDS = 30
DONE_WITHIN_SECONDS = 250.0
SEED = 200


@pytest.fixture(scope="module")
def outsider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outsider]:
    """Someone with a stack to themselves: its dead-letter queues have to stay empty."""
    parameters = {"DailyScheduleState": "DISABLED", "FirstExportFrom": FROM}
    with LocalStack(auth=True, parameters=parameters, logs=tmp_path_factory.mktemp("burst")) as stack:
        yield Outsider.of(stack, tmp_path_factory.mktemp("outsider"))


def test_a_burst_of_requests_exports_every_record_once(outsider: Outsider) -> None:
    recent = datetime.now(UTC) - timedelta(minutes=2)
    due: dict[str, set[str]] = defaultdict(set)
    for study in STUDIES:
        outsider.put_study(study)
        moments = [at(FROM) + timedelta(hours=3 * number) for number in range(RECORDS)] + [recent]
        records = [record(study, str(number), moment) for number, moment in enumerate(moments)]
        outsider.put_records(*records)
        due[study] = {item["id"]["S"] for item in records}
    bodies = [json.dumps({**request, "studyWhitelist": [study]}) for study in STUDIES for request in REQUESTS]
    # The same mixture in each run, and in an order that no study has to itself.
    random.Random(SEED).shuffle(bodies)  # noqa: S311

    began = time.monotonic()
    ids = [sent for start in range(0, len(bodies), 10) for sent in outsider.send_together(bodies[start : start + 10])]
    rows = outsider.ended(*ids, within=DONE_WITHIN_SECONDS)
    print(f"\n{len(bodies)} requests in {time.monotonic() - began:.1f} s")  # noqa: T201  # shown by pytest -s

    assert [row["state"] for row in rows] == ["SUCCEEDED"] * 200
    assert [outsider.left_in(f"{queue}DeadLetterQueueUrl") for queue in ("Request", "Work")] == [0, 0]
    for study in STUDIES:
        exported = [row for row in rows if row["study"] == study and row["outcome"] == "EXPORTED"]
        exported.sort(key=lambda row: str(row["window"]["start"]))
        found = [one["id"] for row in exported for one in outsider.rows(row)]
        assert len(found) == len(set(found)) == len(due[study])
        assert set(found) == due[study]
        assert_committed_in_one_chain(outsider, study)


def assert_committed_in_one_chain(outsider: Outsider, study: str) -> None:
    """The windows abut from the first export's start to the watermark, each manifest naming the one before it."""
    manifests = sorted(outsider.manifests(study), key=lambda manifest: str(manifest["window"]["start"]))
    assert at(manifests[0]["window"]["start"]) == at(FROM)
    assert manifests[0]["previousManifest"] is None
    for one, following in itertools.pairwise(manifests):
        assert following["window"]["start"] == one["window"]["end"] == following["watermark"]["before"]
        assert one["operationId"] in outsider.read(following["previousManifest"]["key"]).decode()
    last = at(manifests[-1]["window"]["end"])
    assert outsider.watermark(study) == {"studyId": {"S": study}, "lastExportDateTime": {"N": str(millis(last))}}
