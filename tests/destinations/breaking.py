"""A TCP proxy that cuts connections after so many bytes of the client's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Forwards to a port. `limits` are the bytes after which each next connection is cut; later ones are not."""

    upstream: int
    limits: list[int] = field(default_factory=list)
    forwarded: list[int] = field(default_factory=list)
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            limit = self.limits.pop(0) if self.limits else None
            server = socket.create_connection(("127.0.0.1", self.upstream))
            number = len(self.forwarded)
            self.forwarded.append(0)
            threading.Thread(target=self._forward, args=(client, server, limit, number), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, None, None), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, limit: int | None, number: int | None) -> None:
        """One direction; whichever ends first ends both, and the client's closes the sockets."""
        with suppress(OSError):
            while data := source.recv(65_536):
                if number is not None:
                    self.forwarded[number] += len(data)
                    if limit is not None and self.forwarded[number] > limit:
                        break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            if number is not None:
                each.close()


@contextmanager
def cutting(upstream: int, *limits: int) -> Iterator[Proxy]:
    """A proxy in front of a port while the block lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(upstream, list(limits), port=int(listener.getsockname()[1]))
    thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
