"""What scenarios and races are made of: requests, and records before and after the instant at which they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from faults.crash_account import Account
from integration.spoiled import SPOILED
from integration.world import NOON
from tidegate.instants import rfc3339

END = NOON - timedelta(hours=1)


def daily(request_id: str = "daily", minutes: int = 0, **more: Any) -> dict[str, Any]:
    """A DAILY request that ends so many minutes after END."""
    end = rfc3339(END + timedelta(minutes=minutes))
    return {"exportType": "DAILY", "endDateTime": end, "requestId": request_id, **more}


def records(account: Account, study: str, minutes: range, *, spoiled: int = 0) -> list[str]:
    """A record of the study at each of these minutes before END, the first so many of them spoiled; their ids."""
    ids = []
    for number, before in enumerate(minutes):
        note = SPOILED if number < spoiled else "x" * 40
        ids += account.world.put_records(study, [END - timedelta(minutes=before)], note={"S": note})
    return ids
