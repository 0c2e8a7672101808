"""The orders that commands give to intake."""

from __future__ import annotations

import json

import pytest

from tidegate.errors import RejectedError
from tidegate.orders import Order, RecordsOrder, RetryOrder, TablesOrder, is_order, order_of


@pytest.mark.parametrize(
    "order",
    [
        TablesOrder("01A", ("a", "b"), "cli-1"),
        TablesOrder("01A", ("a",), "cli-1", tag="t", actor="me"),
        RecordsOrder("01A", "cli-1"),
        RecordsOrder("01A", "cli-1", ("a",), "t", "me"),
        RetryOrder("01A", 3),
        RetryOrder("01A", 3, delivery_only=True, send=False, actor="me"),
    ],
)
def test_an_order_survives_its_payload(order: Order) -> None:
    payload = json.loads(json.dumps(order.payload()))
    assert is_order(payload)
    assert order_of(payload) == order


def test_an_order_with_half_a_surrogate_pair_is_refused() -> None:
    order = {"redrive": {"operationId": "01", "tables": ["\ud800"]}, "requestId": "r"}
    with pytest.raises(RejectedError, match="unpaired surrogate"):
        order_of(order)


def test_a_request_and_a_schedule_are_no_orders() -> None:
    assert not is_order({"exportType": "DAILY"})
    assert not is_order({"schedule": "arn", "scheduledTime": "2026-01-01T00:00:00Z"})
