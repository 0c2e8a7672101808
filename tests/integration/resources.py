"""The tables, queues and bucket of template.yaml, made on moto; tests of the template compare the two in effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from integration.cheaper_moto import cheapen
from tidegate.bootstrap import AWSClients
from tidegate.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import GlobalSecondaryIndexTypeDef, KeySchemaElementTypeDef

REGION: Literal["eu-west-2"] = "eu-west-2"
INDEX = "study-uploadedOn-index"
BUCKET = "exports-test"

Key: TypeAlias = tuple[str, Literal["S", "N"]]
"""Name and type of a key attribute."""


def create(made: AWSClients, **settings: Any) -> Settings:
    """Make everything that a stack needs; its settings, with these on top."""
    cheapen()
    made.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    queue = made.sqs.create_queue
    of_operations: Mapping[str, tuple[Key, Key]] = {
        "listing": (("listing", "S"), ("operationId", "S")),
        "due": (("due", "S"), ("dueAt", "N")),
        "outbox": (("outbox", "S"), ("operationId", "S")),
    }
    of_records: Mapping[str, tuple[Key, Key]] = {INDEX: (("studyId", "S"), ("uploadedOn", "N"))}
    return Settings(
        study_table=_table(made, "Study", ("studyId", "S")),
        export_time_table=_table(made, "ExportTime", ("studyId", "S")),
        export_table=_table(made, "Export", ("exportId", "S"), ("version", "N")),
        operation_table=_table(made, "Operation", ("operationId", "S"), indexes=of_operations),
        request_table=_table(made, "Request", ("requestId", "S")),
        pair_table=_table(made, "Pair", ("pair", "S")),
        history_table=_table(made, "History", ("stream", "S"), ("eventId", "S")),
        record_table=_table(made, "Record", ("id", "S"), indexes=of_records),
        export_bucket=BUCKET,
        work_queue_url=queue(QueueName="work.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "1800"})[
            "QueueUrl"
        ],
        work_dlq_url=queue(QueueName="work-dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"],
        request_queue_url=queue(QueueName="requests")["QueueUrl"],
        request_dlq_url=queue(QueueName="requests-dead")["QueueUrl"],
        region=REGION,
        **settings,
    )


def _table(made: AWSClients, name: str, *keys: Key, indexes: Mapping[str, tuple[Key, ...]] | None = None) -> str:
    kinds = dict([*keys, *(key for of in (indexes or {}).values() for key in of)])
    described: list[GlobalSecondaryIndexTypeDef] = [
        {"IndexName": index, "KeySchema": _schema(*of), "Projection": {"ProjectionType": "ALL"}}
        for index, of in (indexes or {}).items()
    ]
    create_table = made.dynamodb.create_table
    attributes = [{"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()]
    shape: dict[str, Any] = {"GlobalSecondaryIndexes": described} if described else {}
    shape |= {"TableName": name, "AttributeDefinitions": attributes, "KeySchema": _schema(*keys)}
    create_table(BillingMode="PAY_PER_REQUEST", **shape)
    return name


def _schema(*keys: Key) -> list[KeySchemaElementTypeDef]:
    partition, *sort = (name for name, _ in keys)
    schema: list[KeySchemaElementTypeDef] = [{"AttributeName": partition, "KeyType": "HASH"}]
    return schema + [{"AttributeName": name, "KeyType": "RANGE"} for name in sort]
