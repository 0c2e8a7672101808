"""A small export costs a handful of AWS calls, and the pages say how many."""

from __future__ import annotations

import pytest
from moto import mock_aws

from benchmarks.accepting import acceptance, calls_of_small_export

MOST_OF_INTAKE, MOST_OF_WORKER = 10, 22
"""As docs/benchmarks/README.md has them."""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")


def test_a_small_export_costs_no_more_than_the_documented_handful_of_aws_calls() -> None:
    with mock_aws():
        calls = calls_of_small_export()
    assert calls["worker"]["Query"] == 2, "one for the window, one for late records"
    assert sum(calls["intake"].values()) <= MOST_OF_INTAKE, calls
    assert sum(calls["worker"].values()) <= MOST_OF_WORKER, calls


def test_acceptance_writes_each_operation_once_and_sends_ten_messages_a_call() -> None:
    with mock_aws():
        calls = acceptance(12)["calls"]
    assert calls["SendMessageBatch"] == 2
    assert calls["PutItem"] <= 12 + 1
