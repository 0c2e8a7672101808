"""What a destination is: the protocol, and what passes between it and the step that delivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from tidegate.immutable import dataclass
from tidegate.model import NO_TAG, Finding, JSONObject, Window


@dataclass(frozen=True, slots=True)
class Consignment:
    """Whose files these are, for the names that they get: all of one sealed window.

    `window` is the last segment of the window's directory in the stack's bucket (`<start>_<end>`, `reexport=<id>`),
    `date` the UTC day of its end, `bounds` its start and end. An override has no window and no bounds; its `date`
    is the day of its acceptance, which was `at`. Else `at` is the end. `records` is how many the window has.
    """

    export: str
    study: str
    date: str
    window: str
    operation_id: str
    bounds: Window | None = None
    at: datetime | None = None
    tag: str = NO_TAG
    records: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One finished file on its way: its key in the stack's bucket, what is known of its bytes, and how to read them.

    `path` is the key below the window's directory (`table=x/part-00001.csv.gz`). `sequence` counts the parts of all
    tables from 1; the manifest has none. `read(offset, size)` yields the bytes from `offset` on in chunks of `size`,
    the last one shorter.
    """

    consignment: Consignment
    key: str
    path: str
    table: str
    size: int
    sha256: str
    media_type: str
    read: Callable[[int, int], Iterator[bytes]]
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What one call reached: whether the file is there, whole and under its final name, and where that is.

    `files` is how many files are done with it. `at_once` asks for the next call whatever the time is, once the point
    is stored: something is about to happen that the point has announced. `receipt` is what the destination's receipt
    says besides.
    """

    done: bool
    where: str
    files: int = 1
    at_once: bool = False
    receipt: JSONObject | None = None


class Destination(Protocol):
    """A place outside the stack's bucket that gets each part.

    Every method raises RetriableError for what may pass and FatalError for what somebody has to put right; both say
    which destination, what it was about and what to do.
    """

    point: JSONObject | None
    """From where the file in hand can be gone on with, also by another process; None where it would begin anew."""

    def send(self, file: Outgoing, point: JSONObject | None, spent: Callable[[], bool]) -> Sent:
        """Deliver one file, on from `point` (None: from the beginning), until it is done or `spent` says so.

        Each call gets at least one step further and leaves in `point` how far; where that is stored after each call, a
        file that was delivered before a crash is recognised. A reader sees it whole under its name or not at all.
        """
        ...

    def probe(self) -> Sequence[Finding]:
        """Try everything but sending data, in order, up to the first thing that is wrong."""
        ...

    def where(self) -> str:
        """The place, for people."""
        ...

    def close(self) -> None:
        """Give up connections; `send` makes new ones."""
        ...


@runtime_checkable
class TakesAll(Destination, Protocol):
    """A destination that takes all files of a window together, as a message does its attachments."""

    def send_all(self, files: Sequence[Outgoing], point: JSONObject | None, spent: Callable[[], bool]) -> Sent:
        """As `send`, for all files that are still missing."""
        ...


MakeClient = Callable[..., Any]
"""Makes a low-level AWS client of this stack's region: service name, then boto3's own keywords."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """What a stack allows in e-mails, and what it knows of those that it has sent.

    `settled(operation, attempt)` is what became of an attempt whose answer got lost, as far as anybody has told:
    `{"messageId": ...}` where SES has, `{"settled": "sent" | "resend"}` where a person has, else None.
    """

    senders: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    identity: str = ""
    configuration_set: str = ""
    bucket: str = ""
    link_role: str = ""
    settled: Callable[[str, str], JSONObject | None] = lambda _operation, _attempt: None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a destination may use of its stack."""

    client: MakeClient
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    mailing: Mailing = field(default_factory=Mailing)
