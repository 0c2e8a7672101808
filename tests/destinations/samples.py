"""Files to deliver and entries of definitions, for tests of destinations by themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from destinations.openssh import Server
from tidegate.definition import destinations
from tidegate.destinations import Consignment, Outgoing, Tools
from tidegate.destinations.sftp import SFTPDestination
from tidegate.model import JSONObject

WINDOW = "20260309T110000.000Z_20260310T110000.000Z"
OPERATION = "01KFYMB9W0V2Q6T8X4Z1C3N5P7"
DIRECTORY = f"exports/export=default/study=a/dt=2026-03-10/{WINDOW}/"
OPENED: list[SFTPDestination] = []
"""What `sftp` made in this test; the fixture `closing` closes it."""
NAME = f"default_a_{WINDOW}_part-00001.csv"


def outgoing(data: bytes, path: str = "part-00001.csv", **changes: Any) -> Outgoing:
    """A part of these bytes."""

    def read(offset: int, size: int) -> Iterator[bytes]:
        return (data[begin : begin + size] for begin in range(offset, len(data), size))

    consignment = Consignment("default", "a", "2026-03-10", WINDOW, OPERATION)
    given: dict[str, Any] = {
        "consignment": consignment,
        "key": DIRECTORY + path,
        "path": path,
        "table": "",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "media_type": "text/csv",
        "read": read,
    }
    return Outgoing(**{**given, **changes})


def entry(server: Server, **changes: Any) -> JSONObject:
    """The entry of an SFTP destination, with its defaults."""
    given = {
        "type": "SFTP",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "sftpDetailsKey": "tidegate/partner",
        "hostKeys": [server.host_key],
        "directory": str(server.inbox()),
    }
    return destinations([{**given, **changes}])[1]


def sftp(server: Server, secret: JSONObject | None = None, **changes: Any) -> SFTPDestination:
    """An SFTP destination, whose secret is as given."""
    tools = Tools(keeping(secret or {"privateKey": server.private_key}))
    made = SFTPDestination(entry(server, **changes), tools)
    OPENED.append(made)
    return made


def keeping(secret: JSONObject) -> Callable[..., Any]:
    """Stands for Secrets Manager: whatever secret is asked for, this is in it."""

    class Secrets:
        def get_secret_value(self, SecretId: str) -> JSONObject:  # noqa: N803  boto3's own name
            return {"Name": SecretId, "SecretString": json.dumps(secret)}

    return lambda _service: Secrets()


def deliver(destination: SFTPDestination, file: Outgoing, point: JSONObject | None = None) -> str:
    """Send a file as the deliver step does, with its point kept from call to call; where it is then."""
    while True:
        sent = destination.send(file, point, lambda: False)
        point = destination.point
        if sent.done:
            destination.close()
            return sent.where
