"""Every error of Tidegate, grouped by what the caller must do.

TidegateError
 +-- RejectedError    the request is wrong: refuse it, keep its body in the dead-letter queue, acknowledge
 +-- FatalError       this operation cannot succeed: fail it, acknowledge
 +-- RetriableError   may work later: keep the message, back off
 +-- ForeignError     code that is not Tidegate's own raised: keep the message, try a few times more
 +-- LostLeaseError   somebody else owns this (export, study): stop, touch nothing, do not acknowledge
 +-- UsageError       a command was called wrongly, or the stack is not there: tell the person, exit

Each carries a code for machines, a message that says what happened to what, and a remedy that says what to do.
No error holds record content: ids, keys, names and counts only.
"""

from __future__ import annotations


class TidegateError(Exception):
    """Base of all; never raised itself."""

    default_code = "ERROR"

    def __init__(self, message: str, *, code: str | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" {self.remedy}" if self.remedy else "")


class RejectedError(TidegateError):
    """The request is wrong and will be wrong tomorrow; `code` is one of SPEC 2's, the message names the field."""

    default_code = "INVALID_FIELD"


class FatalError(TidegateError):
    """The operation cannot succeed, however often it is tried: a record that no format can hold, a missing table."""

    default_code = "FATAL"


class RetriableError(TidegateError):
    """May work later: throttling, a destination that is away, a watermark that moved before the seal."""

    default_code = "RETRY_LATER"


class ForeignError(TidegateError):
    """Somebody else's code, such as a data source of one's own, raised what only its author can know the meaning of.

    Raised from the error itself, whose text no message repeats: it may be made of a record's content.
    """

    default_code = "FOREIGN"


class LostLeaseError(TidegateError):
    """Another worker holds the lease, or the fence has moved on: nothing of ours may be written any more."""

    default_code = "LOST_LEASE"


class UsageError(TidegateError):
    """A person called a command wrongly, or what it needs is not there."""

    default_code = "USAGE"
