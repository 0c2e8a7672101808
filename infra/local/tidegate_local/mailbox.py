"""Stands for SES on this machine: takes messages by its HTTP, keeps them as they came, delivers nothing to anybody.

The emulator has an SES too, but loses attachments. What SES refuses for its size or its number of recipients is refused
here as well.
"""

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from tidegate_local.launcher import HOST

LARGEST_MESSAGE = 40_000_000
MOST_RECIPIENTS = 50
SEND = "/v2/email/outbound-emails"
IDENTITIES = "/v2/email/identities/"
ACCOUNT = "/v2/email/account"
LOST = "lost"
STATUSES = {"NotFoundException": 404, "TooManyRequestsException": 429, "InternalFailure": 500}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message: the raw MIME, and who it was handed over for."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    raw: bytes
    tags: Mapping[str, str] = field(default_factory=dict)
    configuration_set: str | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everyone who gets it."""
        return self.to + self.cc + self.bcc


class Mailbox:
    """An SES that keeps what it is given. Use it as a context manager; `endpoint_url` is what clients need.

    `strike` is asked with each message and says what goes wrong: None for nothing, one of SES's error codes to refuse
    it, LOST to take it and break the connection off. `verified` are the identities that `destinations test` finds.
    With a `folder` each message is also a file there, `0001.eml` the first, for mail programs to open.
    """

    def __init__(self, *, port: int = 0, folder: Path | None = None) -> None:
        self.folder = folder
        self.verified: dict[str, bool] = {}
        self.account: dict[str, Any] = {
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 0.0},
        }
        self.strike: Callable[[Arrived], str | None] = lambda _message: None
        self._arrived: list[Arrived] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint_url(self) -> str:
        """Where this SES answers; functions take it from AWS_ENDPOINT_URL_SESV2."""
        return f"http://{HOST}:{self._server.server_port}"

    def messages(self) -> list[Arrived]:
        """What has arrived, in order."""
        with self._lock:
            return list(self._arrived)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no longer; what has arrived can still be read."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, document: Mapping[str, Any]) -> tuple[Arrived | None, str | None]:
        """Keep a message; what of it is to be answered: the message, or the error code (LOST: no answer)."""
        given = document.get("Destination", {})
        to, cc, bcc = (tuple(given.get(f"{name}Addresses") or ()) for name in ("To", "Cc", "Bcc"))
        raw = base64.b64decode(document["Content"]["Raw"]["Data"])
        tags = {tag["Name"]: tag["Value"] for tag in document.get("EmailTags") or ()}
        with self._lock:
            message_id = f"{len(self._arrived) + 1:016d}-tidegate-local"
            arrived = Arrived(
                message_id,
                document["FromEmailAddress"],
                to,
                cc,
                bcc,
                raw,
                tags,
                document.get("ConfigurationSetName"),
            )
            if len(arrived.recipients) > MOST_RECIPIENTS or len(raw) > LARGEST_MESSAGE:
                return None, "BadRequestException"
            wrong = self.strike(arrived)
            if wrong in (None, LOST):
                self._keep(arrived)
        return arrived, wrong

    def _keep(self, arrived: Arrived) -> None:
        self._arrived.append(arrived)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{len(self._arrived):04d}.eml").write_bytes(arrived.raw)


def _handler(owner: Mailbox) -> type["_Handler"]:
    return type("Handler", (_Handler,), {"mailbox": owner})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mailbox: Mailbox

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != SEND:
            self._refuse("NotFoundException")
            return
        arrived, wrong = self.mailbox.take(body)
        if wrong == LOST:
            self.close_connection = True
        elif wrong is not None or arrived is None:
            self._refuse(wrong or "BadRequestException")
        else:
            self._answer(200, {"MessageId": arrived.message_id})

    def do_GET(self) -> None:
        if self.path == ACCOUNT:
            self._answer(200, self.mailbox.account)
            return
        identity = unquote(self.path.removeprefix(IDENTITIES))
        if self.path.startswith(IDENTITIES) and identity in self.mailbox.verified:
            verified = self.mailbox.verified[identity]
            status = "SUCCESS" if verified else "PENDING"
            self._answer(200, {"VerifiedForSendingStatus": verified, "VerificationStatus": status})
        else:
            self._refuse("NotFoundException")

    def _refuse(self, code: str) -> None:
        said = "Email address is not verified: nobody@example.net" if code == "MessageRejected" else code
        self._answer(STATUSES.get(code, 400), {"message": said}, {"x-amzn-ErrorType": code})

    def _answer(self, status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Print nothing: who wants to know looks at the messages."""
