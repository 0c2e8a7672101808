"""Removes what does not count: finished files that no manifest names, and memories that no chain head names."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from tidegate.layout import EXPORTS, LOOKBACK, pair_folder, pair_of
from tidegate.model import Pair
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects

logger = logging.getLogger(__name__)

SETTLED = timedelta(minutes=15)
"""A file younger than this may belong to a window that is just being published."""
MANIFEST = "manifest.json"


def sweep_orphans(ledger: Ledger, objects: Objects, since: datetime, now: datetime) -> int:
    """Delete the parts below the days from `since` to `now` that no manifest beside them names; how many.

    Left alone: pairs with a sealed window (their parts come before their manifest), and files younger than 15 minutes.
    Repeatable. Only days are listed in which an export can just have been interrupted, not the whole history.
    """
    removed = 0
    for pair in list(ledger.pairs.alive()):
        _, sealed_by = ledger.pairs.sealed_by(pair)
        if sealed_by is None:
            for prefix in _days(pair, since, now):
                removed += _sweep(objects, prefix, now)
    return removed


def sweep_memories(ledger: Ledger, objects: Objects, now: datetime) -> int:
    """Delete the memories of the look-back that are no chain head's; how many.

    Left alone: pairs with a sealed window (its memory comes before its commit), and files younger than 15 minutes.
    Repeatable. A pair has one memory, and more for a moment only, so all of them are listed. What is in no pair's
    folder is somebody else's.
    """
    strays: list[str] = []
    for folder, found in groupby(objects.dated_keys(LOOKBACK), key=lambda dated: dated[0].rpartition("/")[0]):
        settled = [key for key, at in found if now - at > SETTLED]
        pair = pair_of(f"{folder}/") if settled else None
        if pair is None:
            continue
        standing = ledger.pairs.standing(pair)
        if standing.seal is None:
            memory = standing.head.memory if standing.head else None
            strays += [key for key in settled if memory is None or key != memory.key]
    objects.remove(strays)
    return len(strays)


def _days(pair: Pair, since: datetime, now: datetime) -> Iterator[str]:
    day = since.date()
    while day <= now.date():
        yield f"{pair_folder(EXPORTS, pair)}dt={day}/"
        day += timedelta(days=1)


def _sweep(objects: Objects, prefix: str, now: datetime) -> int:
    orphans: list[str] = []
    for leaf, found in groupby(objects.dated_keys(prefix), key=lambda dated: dated[0][len(prefix) :].partition("/")[0]):
        dated = list(found)
        parts = [key for key, at in dated if not key.endswith("/" + MANIFEST) and now - at > SETTLED]
        if parts:
            named = _named(objects, f"{prefix}{leaf}/{MANIFEST}")
            orphans += [key for key in parts if key not in named]
    if orphans:
        logger.warning("removing parts that no manifest names", extra={"parts": len(orphans), "prefix": prefix})
        objects.remove(orphans)
    return len(orphans)


def _named(objects: Objects, key: str) -> set[str]:
    if not objects.exists(key):
        return set()
    manifest = json.loads(b"".join(objects.get(key)))
    return {*(part["key"] for part in manifest["parts"]), manifest["failedRecords"]["key"]}
