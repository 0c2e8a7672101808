"""Everything that a stack keeps or prints beside its exported files, as text to search."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from integration.world import World
from tidegate.logs import DiscreetFormatter

QUEUES = ("work_queue_url", "work_dlq_url", "request_queue_url", "request_dlq_url")
TABLES = ("export_time", "export", "operation", "request", "pair", "history")


@contextmanager
def library_log() -> Iterator[io.StringIO]:
    """What the package itself logs, down to DEBUG, in the form that the functions give it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(DiscreetFormatter())
    logger = logging.getLogger("tidegate")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def kept(world: World) -> Iterator[tuple[str, str]]:
    """Place and text of each row, message and object that is no part of an export; `in/` is the test's own."""
    yield from _rows(world)
    yield from _messages(world)
    parts = {part["key"] for manifest in world.manifests() for part in manifest["parts"]}
    for key in (key for key in world.keys("") if not key.startswith("in/")):
        yield f"the name of {key}", key
        if key not in parts:
            yield key, world.data(key).decode("utf-8", "replace")


def _rows(world: World) -> Iterator[tuple[str, str]]:
    for table in TABLES:
        name = getattr(world.stack.settings, f"{table}_table")
        for item in world.stack.clients.dynamodb.scan(TableName=name)["Items"]:
            yield f"table {name}", json.dumps(item, default=repr)


def _messages(world: World) -> Iterator[tuple[str, str]]:
    for queue in QUEUES:
        url = getattr(world.stack.settings, queue)
        while found := world.stack.clients.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
        ).get("Messages"):
            for message in found:
                yield queue, json.dumps([message["Body"], message.get("MessageAttributes"), message["Attributes"]])
