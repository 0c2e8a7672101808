"""A TCP relay on loopback that holds every byte back for half a round trip, in each direction.

Run as `python -m benchmarks.delaying PORT MILLISECONDS`; prints the port that it listens on, and ends with its input.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Queue

CHUNK = 256 << 10
MOST_CHUNKS = 1024
"""Chunks on their way in one direction: far more than any window, so that only the delay counts."""


def delayed(source: socket.socket, target: socket.socket, seconds: float) -> None:
    """Forward one direction until its sender has ended it, each chunk when its time has come."""
    on_the_way: Queue[tuple[float, bytes]] = Queue(MOST_CHUNKS)

    def arrive() -> None:
        with suppress(OSError):
            while True:
                due, data = on_the_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)

    thread = threading.Thread(target=arrive, daemon=True)
    thread.start()
    data = b"more"
    while data:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        on_the_way.put((time.monotonic() + seconds, data))
    thread.join()


def relay(client: socket.socket, upstream: int, seconds: float) -> None:
    """Forward both directions of a connection until they have ended, and close it."""
    with client, socket.create_connection(("127.0.0.1", upstream)) as server:
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=delayed, args=(server, client, seconds), daemon=True)
        back.start()
        delayed(client, server, seconds)
        back.join()


def serve(listener: socket.socket, upstream: int, seconds: float, made: Callable[[threading.Thread], None]) -> None:
    """Relay each connection to a port of this machine until the listener is closed; `made` is told of each thread."""
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            thread = threading.Thread(target=relay, args=(client, upstream, seconds), daemon=True)
            thread.start()
            made(thread)


def main(upstream: str, milliseconds: str) -> None:
    """Listen until the standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    seconds = float(milliseconds) / 2000
    threading.Thread(target=serve, args=(listener, int(upstream), seconds, lambda _: None), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
