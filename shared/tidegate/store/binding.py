"""Binds row classes to a stack's tables: importing a row needs no environment, and two stacks do not meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import Attribute
from pynamodb.connection import Connection
from pynamodb.constants import NUMBER, STRING
from pynamodb.exceptions import PynamoDBException, TransactWriteError, VerboseClientError
from pynamodb.models import Model

from tidegate.awserrors import error_code, translate
from tidegate.errors import FatalError, RetriableError
from tidegate.instants import from_millis, parse_rfc3339, rfc3339, to_millis

R = TypeVar("R", bound=Model)
_CONFLICTS = frozenset({"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"})
"""Reasons for which DynamoDB cancels a transaction that may succeed a moment later."""


class InstantAttribute(Attribute[datetime]):
    """An instant as RFC 3339 text, for people who look at the table."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """The text that DynamoDB stores."""
        return rfc3339(value)

    def deserialize(self, value: str) -> datetime:
        """The instant of a stored text."""
        return parse_rfc3339(value)


class MillisAttribute(Attribute[datetime]):
    """An instant as a number of whole milliseconds, for keys and comparisons.

    PynamoDB's NumberAttribute reads through float; this one keeps the digits and refuses a fraction.
    """

    attr_type = NUMBER

    def serialize(self, value: datetime) -> str:
        """The text that DynamoDB stores."""
        return str(to_millis(value))

    def deserialize(self, value: str) -> datetime:
        """The instant of a stored text."""
        try:
            return from_millis(int(value))
        except (ValueError, OverflowError):
            raise FatalError(
                f"The attribute {self.attr_name} holds {value[:40]!r}, which is not a number of whole milliseconds.",
                code="BAD_WATERMARK",
                remedy="Correct the item; it must hold epoch milliseconds as a whole number.",
            ) from None


class ExpiryAttribute(Attribute[datetime]):
    """An instant as DynamoDB's TTL wants it: whole seconds."""

    attr_type = NUMBER

    def serialize(self, value: datetime) -> str:
        """The text that DynamoDB stores."""
        return str(int(value.timestamp()))

    def deserialize(self, value: str) -> datetime:
        """The instant of a stored text."""
        return datetime.fromtimestamp(int(value), UTC)


def connect(client: Any) -> Connection:
    """A PynamoDB connection over a boto3 client, so that a process has one client, one pool, one set of hooks."""
    connection = Connection(region=client.meta.region_name)
    connection._client = client  # noqa: SLF001  there is no public way to hand a client in
    return connection


def bind(row: type[R], table: str, connection: Connection) -> type[R]:
    """A subclass of `row` that reads and writes `table` over `connection`."""
    meta = type("Meta", (), {"table_name": table, "region": connection.region})
    bound = cast("type[R]", type(row.__name__, (row,), {"Meta": meta, "__module__": row.__module__}))
    of_table = bound._get_connection()  # noqa: SLF001  where PynamoDB keeps the connection that we replace
    described = of_table.get_meta_table()
    of_table.connection = connection
    connection.add_meta_table(described)
    return bound


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns what PynamoDB and botocore raise into Tidegate's errors; `doing` is what was tried, for the message.

    A refused condition is not translated: `refused` below tells it, and each caller knows what it means.
    """
    try:
        yield
    except PynamoDBException as error:
        if is_refusal(error):
            raise
        if isinstance(error, TransactWriteError) and _reasons(error) & _CONFLICTS:
            raise RetriableError(
                f"{doing}: another transaction was writing at the same moment.",
                code="AWS_CONFLICT",
                remedy="Tidegate tries again later by itself.",
            ) from error
        cause = _as_answered(error.cause if error.cause is not None else error.__cause__)
        if isinstance(cause, ClientError | BotoCoreError):
            raise translate(cause, doing) from error
        raise
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing) from error


def _as_answered(cause: BaseException | None) -> BaseException | None:
    """The error of botocore behind PynamoDB's own, which leaves out the HTTP status: without it, a 5xx looks final."""
    return cause.__cause__ if isinstance(cause, VerboseClientError) and cause.__cause__ is not None else cause


def is_refusal(error: PynamoDBException) -> bool:
    """True where a condition was not met (not where the call itself went wrong)."""
    if isinstance(error, TransactWriteError):
        return "ConditionalCheckFailed" in _reasons(error)
    # Not PynamoDB's own cause_response_code, which breaks where the connection did.
    return isinstance(error.cause, ClientError) and error_code(error.cause) == "ConditionalCheckFailedException"


def _reasons(error: TransactWriteError) -> set[str]:
    return {reason.code for reason in error.cancellation_reasons if reason is not None}


@dataclass(slots=True)
class Refusal:
    """Whether a condition refused the write."""

    refused: bool = False


@contextmanager
def conditional(doing: str) -> Iterator[Refusal]:
    """For one conditional write: afterwards `.refused` says whether its condition was not met. Else as `translated`."""
    outcome = Refusal()
    try:
        with translated(doing):
            yield outcome
    except PynamoDBException as error:
        if not is_refusal(error):
            raise
        outcome.refused = True
