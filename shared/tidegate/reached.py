"""How far the destinations of a sealed window are: what the pair's row has of it, and what a person is told."""

from __future__ import annotations

from tidegate.immutable import dataclass
from tidegate.model import JSONObject
from tidegate.seal import Seal


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far one destination is: files that it has, where the next one can be gone on with, receipt or error.

    `failed_in` is the run in which an error was final: that run does not try again, the next one does. `told` is what
    the destination itself has for the receipt.
    """

    files: int = 0
    point: JSONObject | None = None
    receipt: JSONObject | None = None
    error: JSONObject | None = None
    failures: int = 0
    failed_in: str | None = None
    told: JSONObject | None = None


def outcomes(seal: Seal, stored: JSONObject) -> list[JSONObject]:
    """How far each further destination of a sealed window is, in the order of its definition: what a person asks.

    `outcome` is DELIVERED, FAILED (for good in the run that was last), UNKNOWN (a message was sent, and its answer got
    lost) or WAITING; `files` of `parts` are there.
    """
    reached = {name: Delivery(**delivery) for name, delivery in stored.get("reached", {}).items()}
    told: list[JSONObject] = []
    for entry in seal.destinations:
        found = reached.get(entry["name"], Delivery())
        outcome = "DELIVERED" if found.receipt else "FAILED" if found.failed_in else "WAITING"
        outcome = "UNKNOWN" if (found.point or {}).get("unknown") else outcome
        about: JSONObject = {
            "destination": entry["name"],
            "outcome": outcome,
            "files": found.files,
            "error": found.error,
        }
        told.append({**about, "parts": len(seal.parts)})
    return told


def unknown_attempts(stored: JSONObject) -> list[str]:
    """The e-mails of a sealed window of which nobody knows whether they were sent, by the ids of their attempts."""
    points = [delivery.get("point") or {} for delivery in stored.get("reached", {}).values()]
    return [str(point["attempt"]["id"]) for point in points if point.get("unknown")]
