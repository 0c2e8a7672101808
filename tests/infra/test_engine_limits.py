"""What the engine takes for granted of the work queue, held against the template."""

from typing import Any

from tidegate.engine import MOST_RETURNS
from tidegate.job import LEASE_SECONDS, QUEUE_VISIBILITY_SECONDS

Json = dict[str, Any]


def test_the_engine_knows_the_visibility_of_the_work_queue(template: Json) -> None:
    assert template["Resources"]["WorkQueue"]["Properties"]["VisibilityTimeout"] == QUEUE_VISIBILITY_SECONDS


def test_an_operation_ends_by_itself_before_its_message_is_received_too_often(template: Json) -> None:
    receives = template["Resources"]["WorkQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert receives > MOST_RETURNS


def test_a_lease_is_shorter_than_the_visibility_that_the_queue_gives(template: Json) -> None:
    assert template["Resources"]["WorkQueue"]["Properties"]["VisibilityTimeout"] > LEASE_SECONDS
