"""Breaks what was exported in the ways that a verification must find, and verifies it."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from integration.world import NOON, World
from tidegate.accept import current_definition
from tidegate.instants import rfc3339, to_millis
from tidegate.model import Pair
from tidegate.verify import PairReport, Remark, Verification, repairs_of

ASTHMA = Pair("default", "asthma")
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    """So many hours after the first window's start."""
    return NOON - timedelta(days=1) + hours * HOUR


def verify(world: World, *pairs: Pair, against_source: bool = False) -> PairReport:
    """The report on one pair."""
    ledger = world.stack.ledger
    verification = Verification(ledger, world.stack.objects, world.stack.source_of, partial(current_definition, ledger))
    (report,) = verification.run(pairs or (ASTHMA,), against_source=against_source).pairs
    return report


def off(report: PairReport) -> list[str]:
    """The codes of what is wrong."""
    return [remark.code for remark in report.remarks if remark.off]


def only(report: PairReport) -> Remark:
    """The one thing that is wrong."""
    (remark,) = (remark for remark in report.remarks if remark.off)
    return remark


def notes(report: PairReport) -> dict[str, Remark]:
    return {remark.code: remark for remark in report.remarks if not remark.off}


def export_hours(world: World, ends: Iterable[float] = (1, 2, 3), per_hour: int = 4, study: str = "asthma") -> None:
    """Windows of the study that end so many hours behind `at(0)`, with records in each; the clock is at noon."""
    world.put_study(study)
    before = 0.0
    for end in ends:
        step = (end - before) / per_hour
        world.put_records(study, [at(before + step * number) for number in range(per_hour)])
        world.export(exportType="HOURLY", endDateTime=rfc3339(at(end)), studyWhitelist=[study])
        before = end


def manifest_keys(world: World) -> list[str]:
    return [key for key in world.stack.objects.keys("exports/") if key.endswith("/manifest.json")]


def part_keys(world: World) -> list[str]:
    return [key for key in world.stack.objects.keys("exports/") if "/part-" in key]


def rewrite_part(world: World, key: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change a part as one would who decompresses, edits and compresses it again; the bytes as stored."""
    packed = key.endswith(".gz")
    plain = change(gzip.decompress(world.data(key)) if packed else world.data(key))
    data = gzip.compress(plain) if packed else plain
    world.stack.objects.put(key, data)
    return data


def rewrite_chain(world: World, change: Callable[[int, dict[str, Any]], object], study: str = "asthma") -> None:
    """Change manifests and correct every hash behind them, the chain head's too: what only the content can betray."""
    previous: dict[str, str] | None = None
    for number, key in enumerate(manifest_keys(world)):
        manifest = json.loads(world.text(key))
        change(number, manifest)
        if previous is not None and manifest["previousManifest"] is not None:
            manifest["previousManifest"] = previous
        data = (json.dumps(manifest, indent=2) + "\n").encode()
        world.stack.objects.put(key, data)
        previous = {"key": key, "sha256": hashlib.sha256(data).hexdigest()}
    assert previous is not None
    row = world.stack.ledger.pairs
    row(f"default/{study}").update(actions=[row.headSha256.set(previous["sha256"]), row.headKey.set(previous["key"])])


def correct_part(part: dict[str, Any], data: bytes, *, records: int | None = None) -> None:
    """Make a manifest say of a part what its changed bytes are."""
    part["bytes"], part["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    if records is not None:
        part["records"] = records


def without_second_line(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join((lines[0], *lines[2:]))


def repair(world: World, report: PairReport) -> Sequence[dict[str, Any]]:
    """Send what cures it, and work until it is done; the requests."""
    bodies = [dict(one.body) for one in repairs_of(report.remarks)]
    for body in bodies:
        world.export(**body)
    return bodies


def note_move(world: World, after: datetime | None, event: str, reason: str) -> None:
    """The audit event of a watermark moved by hand."""
    world.stack.ledger.history.append(
        "audit/default/asthma",
        f"{event}#{to_millis(world.clock())}",
        event,
        world.clock(),
        {"watermarkAfter": rfc3339(after) if after else None, "reason": reason, "actor": "night shift"},
    )
