"""The step that puts a sealed window where its readers are: parts, redrive list, other destinations, the manifest last.

The stack's own bucket has the parts first of all and in any case: from there the other destinations are served, now or
when somebody redrives the delivery.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial

from tidegate import ulid
from tidegate.definition import DEFAULTS, destinations, is_own_bucket
from tidegate.destinations import Consignment, Destination, Outgoing, Sent, TakesAll
from tidegate.errors import FatalError, RetriableError, TidegateError
from tidegate.immutable import dataclass
from tidegate.instants import rfc3339
from tidegate.job import Budget
from tidegate.manifest import counts
from tidegate.model import DEFAULT_EXPORT, Failure, JSONObject, Pair
from tidegate.reached import Delivery
from tidegate.seal import Seal
from tidegate.store.ledger import Ledger
from tidegate.store.objects import Objects
from tidegate.store.pairs import Lease, PairRow

logger = logging.getLogger(__name__)

JSON_TYPE = "application/json"


def parts(objects: Objects, seal: Seal, published: int, budget: Budget) -> int:
    """Put the files from number `published` on under their final names; how many are there now.

    The files are the parts and, behind them, the list of records that could not be exported, if there are any, and the
    memory of the look-back.

    At least one is published a call; it stops between two parts when the budget is spent. Publishing a part again
    gives the same bytes, because its pieces never change.
    """
    for part, media_type in seal.placed[published:]:
        objects.publish(part.key, part.pieces, media_type)
        published += 1
        if budget.spent():
            break
    return published


def manifest(objects: Objects, seal: Seal) -> None:
    """Write the manifest, to the byte as it was sealed: from now on the parts count."""
    objects.put(seal.manifest_key, seal.manifest.encode(), JSON_TYPE)


@dataclass(frozen=True, slots=True)
class Places:
    """How destinations are found and opened.

    `open` makes one of its entry in a definition. `current` has the entries of an export's newest definition by name.
    """

    objects: Objects
    open: Callable[[JSONObject], Destination]
    current: Callable[[str], Mapping[str, JSONObject]]
    clock: Callable[[], datetime]


class Deliveries:
    """The deliveries of one sealed window to the places outside the stack's bucket, each with its own receipt.

    What one reaches is on the pair's row before the next step, so a retry sends only what is missing. An entry of the
    definition that was corrected since the window was sealed counts in its corrected form, by its name. `published` is
    how many files this run has put into the stack's bucket before, as far as that was noted.
    """

    def __init__(
        self, pairs: type[PairRow], places: Places, lease: Lease, seal: Seal, stored: JSONObject, run: str
    ) -> None:
        self._pairs = pairs
        self._places = places
        self._lease = lease
        self._seal = seal
        self._run = run
        self._entries: Mapping[str, JSONObject] | None = None
        self._opened: dict[str, Destination] = {}
        reached = stored.get("reached", {})
        self._reached = {entry["name"]: Delivery(**reached.get(entry["name"], {})) for entry in seal.destinations}
        self.published = int(stored["published"]) if stored.get("publishedIn") == run else 0

    def run(self, published: int, budget: Budget) -> bool:
        """Deliver until every destination has its receipt (True), or until this pass has got as far as it can (False).

        A destination that is down holds up no other: those that failed before come last. Raises when nothing got
        further: RetriableError while one of them may work later, else FatalError. `published` files are in the
        stack's bucket: that is noted too, so that waiting does not mean to write them again and again.
        """
        before = self.marks()
        if self._in_turn() and published != self.published:
            self.published = published
            self._save()
        try:
            for name in self._in_turn():
                self._serve(name, budget)
                if budget.spent():
                    break
        finally:
            for opened in self._opened.values():
                opened.close()
        waiting = [name for name, delivery in self._reached.items() if delivery.receipt is None]
        if waiting and self.marks() == before and all(self._reached[name].error for name in waiting):
            raise self._trouble(waiting)
        return not waiting

    def receipts(self) -> list[JSONObject]:
        """The receipts so far, in the definition's order."""
        return [delivery.receipt for delivery in self._reached.values() if delivery.receipt is not None]

    def marks(self) -> JSONObject:
        """How far each is, as something that changes whenever one gets further."""
        return {name: [reached.files, reached.point, reached.receipt] for name, reached in self._reached.items()}

    def description(self) -> str:
        """For an operation's progress: `delivering: SFTP 2 of 3 files`."""
        told = [
            f"{name} {'delivered' if reached.receipt else f'{reached.files} of {len(self._seal.parts)} files'}"
            for name, reached in self._reached.items()
        ]
        return f"delivering: {', '.join(told)}" if told else "delivering"

    def _in_turn(self) -> list[str]:
        """Those without a receipt that this run may still serve; the ones that failed least often first."""
        waiting = [
            name
            for name, reached in self._reached.items()
            if reached.receipt is None and reached.failed_in != self._run
        ]
        return sorted(waiting, key=lambda name: self._reached[name].failures)

    def _serve(self, name: str, budget: Budget) -> None:
        """Send one destination its files, until all are there, the time is up, or it goes wrong. One step at least."""
        try:
            destination = self._destination(name)
            files = list(self._files(self._entry(name)))
        except FatalError as error:
            self._went_wrong(name, error)
            return
        while (number := self._reached[name].files) < len(files):
            try:
                sent = _sent(destination, files[number:], self._reached[name].point, budget)
            except (RetriableError, FatalError) as error:
                self._went_wrong(name, error)
                return
            if sent.done:
                done = replace(self._reached[name], files=number + sent.files, point=None)
                self._note(name, done if sent.receipt is None else replace(done, told=sent.receipt))
            else:
                self._note(name, replace(self._reached[name], point=destination.point))
            if budget.spent() and not sent.at_once:
                break
        if self._reached[name].files == len(files):
            receipt = {**self._receipt(name, destination, files), **(self._reached[name].told or {})}
            self._note(name, replace(self._reached[name], receipt=receipt, error=None))

    def _went_wrong(self, name: str, error: TidegateError) -> None:
        logger.warning(
            "a destination could not be served",
            extra={"operationId": self._seal.operation_id, "destination": name, "reason": str(error)},
        )
        reached = self._reached[name]
        opened = self._opened.pop(name, None)
        if opened is not None:
            reached = replace(reached, point=opened.point)
            opened.close()
        final = self._run if isinstance(error, FatalError) else None
        failure = asdict(Failure(error.code, error.message, error.remedy))
        self._note(name, replace(reached, error=failure, failures=reached.failures + 1, failed_in=final))

    def _note(self, name: str, delivery: Delivery) -> None:
        self._reached[name] = delivery
        self._save()

    def _save(self) -> None:
        reached = {name: asdict(delivery) for name, delivery in self._reached.items()}
        stored = {"published": self.published, "publishedIn": self._run, "reached": reached}
        self._pairs.save_deliveries(self._lease, self._seal.operation_id, stored)

    def _destination(self, name: str) -> Destination:
        if name not in self._opened:
            self._opened[name] = self._places.open(self._entry(name))
        return self._opened[name]

    def _entry(self, name: str) -> JSONObject:
        if self._entries is None:
            self._entries = self._places.current(self._lease.pair.export)
        corrected = self._entries.get(name)
        if corrected is not None and not is_own_bucket(corrected):
            return corrected
        return next(entry for entry in self._seal.destinations if entry["name"] == name)

    def _files(self, entry: JSONObject) -> Iterator[Outgoing]:
        seal = self._seal
        directory = seal.manifest_key.rpartition("/")[0] + "/"
        consignment = _consignment(self._lease.pair, seal)
        for number, part in enumerate(seal.parts, 1):
            path = part.key.removeprefix(directory)
            read = partial(self._places.objects.read_from, part.key)
            about = (part.table, part.size, part.sha256, seal.media_type)
            yield Outgoing(consignment, part.key, path, *about, read, number)
        if entry.get("manifest"):
            text = seal.manifest.encode()
            path, key, sha256 = seal.manifest_key.removeprefix(directory), seal.manifest_key, seal.manifest_sha256
            yield Outgoing(consignment, key, path, "", len(text), sha256, JSON_TYPE, partial(_slices, text))

    def _receipt(self, name: str, destination: Destination, files: Sequence[Outgoing]) -> JSONObject:
        return {
            "destination": name,
            "outcome": "DELIVERED",
            "where": destination.where(),
            "files": len(files),
            "bytes": sum(file.size for file in files),
            "at": rfc3339(self._places.clock()),
        }

    def _trouble(self, waiting: Sequence[str]) -> TidegateError:
        """One error for all destinations that are not served; final only if it is so for each of them."""
        errors = {name: self._reached[name].error or {} for name in waiting}
        later = [name for name in waiting if self._reached[name].failed_in != self._run]
        first = errors[(later or waiting)[0]]
        message = " ".join(error["message"] for error in errors.values())
        if len(self._reached) > 1:
            message = f"{len(waiting)} of {len(self._reached)} further destinations lack files. {message}"
        kind = RetriableError if later else FatalError
        return kind(message, code=first["code"], remedy=first["remedy"])


def _consignment(pair: Pair, seal: Seal) -> Consignment:
    _, _, _, date, window, _ = seal.manifest_key.split("/")
    return Consignment(
        pair.export,
        pair.study,
        date.removeprefix("dt="),
        window,
        seal.operation_id,
        bounds=seal.window,
        at=seal.window.end if seal.window else ulid.instant_of(seal.operation_id),
        tag=json.loads(seal.manifest)["tag"],
        records=counts(seal.manifest)["records"],
    )


def _sent(destination: Destination, files: Sequence[Outgoing], point: JSONObject | None, budget: Budget) -> Sent:
    """One step with the files that are missing: with all of them where they go together, else with the first."""
    if isinstance(destination, TakesAll):
        return destination.send_all(files, point, budget.spent)
    return destination.send(files[0], point, budget.spent)


def current_destinations(ledger: Ledger, export: str) -> Mapping[str, JSONObject]:
    """The entries of an export's newest definition by name; none where there is no such export any more."""
    newest = ledger.exports.newest(export)
    if newest is None and export != DEFAULT_EXPORT:
        return {}
    document = ledger.settings.default_export if newest is None else newest[1]
    zone = document.get("timeZone") or DEFAULTS["timeZone"]
    return {entry["name"]: entry for entry in destinations(document.get("destinations") or (), zone)}


def _slices(data: bytes, offset: int, size: int) -> Iterator[bytes]:
    return (data[begin : begin + size] for begin in range(offset, len(data), size))
