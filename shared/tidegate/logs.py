"""What the functions' logs tell of an exception: its type and the lines it passed, and its text only if it is ours.

The text of anybody else's exception may be made of a record's content (`invalid literal for int(): '...'`); a
TidegateError never is.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeAlias

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from tidegate.errors import TidegateError

_ExceptionInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(LambdaPowertoolsFormatter):
    """Powertools' lines of JSON without the texts, notes and values of exceptions that are not Tidegate's."""

    def __init__(self) -> None:
        # Powertools' own form of a stack trace holds the exception itself.
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802  the name is logging's
        """The chain of an exception, from its first cause on."""
        return "" if ei[1] is None else "".join(_told(ei[1]))

    def serialize(self, log: Any) -> str:
        """One line; notes of an exception are text like its own."""
        log.pop("exception_notes", None)
        return super().serialize(log)


def _told(last: BaseException) -> Iterator[str]:
    chain: list[BaseException] = []
    error: BaseException | None = last
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for each in reversed(chain):
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(each.__traceback__)
        yield f"{type(each).__qualname__}{f': {each}' if isinstance(each, TidegateError) else ''}\n"
