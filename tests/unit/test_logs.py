"""What the functions' logs tell of exceptions."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from tidegate.errors import FatalError
from tidegate.logs import DiscreetFormatter

SECRET = "s3cr3t-value"


def logged(error: Exception) -> tuple[str, dict[str, Any]]:
    """The line for an exception, as text and as JSON."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(DiscreetFormatter())
    logger = logging.Logger("a-logger")
    logger.addHandler(handler)
    logger.error("unexpected error", exc_info=error, extra={"operationId": "01"})
    return text.getvalue(), json.loads(text.getvalue())


def raised(error: Exception, cause: BaseException | None = None) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_only_the_text_of_our_own_errors_is_logged() -> None:
    foreign = raised(KeyError(SECRET))
    foreign.add_note(SECRET)
    text, line = logged(raised(FatalError("Table Records is gone.", remedy="Create it."), cause=foreign))
    assert SECRET not in text
    assert line["operationId"] == "01"
    assert line["exception_name"] == "FatalError"
    first, second = line["exception"].split("\nTraceback")
    assert first.startswith("Traceback")
    assert first.endswith("\nKeyError")
    assert second.endswith("FatalError: FATAL: Table Records is gone. Create it.\n")
    assert second.count("test_logs.py") == 1


def test_an_exception_is_logged_with_the_lines_it_passed_and_what_it_was_raised_during() -> None:
    def fails() -> None:
        try:
            int(SECRET)
        except ValueError:
            raise KeyError(SECRET)  # noqa: B904  the case of an exception within a handler

    with pytest.raises(KeyError) as caught:
        fails()
    text, line = logged(caught.value)
    assert SECRET not in text
    assert ["ValueError" in line["exception"], "KeyError" in line["exception"]] == [True, True]
    assert "in fails" in line["exception"]
    assert "stack_trace" not in line


def test_a_chain_that_ends_in_itself_ends() -> None:
    one, other = raised(ValueError(SECRET)), raised(TypeError(SECRET))
    one.__cause__, other.__cause__ = other, one
    text, _ = logged(one)
    assert SECRET not in text
