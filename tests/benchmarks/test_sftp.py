"""The three ways to an SFTP server send the whole file, and the relay delays it, not more and not less."""

from __future__ import annotations

import random
import socket
import threading
import time
from pathlib import Path

import pytest

from benchmarks import delaying, sftp
from destinations import openssh
from destinations.samples import OPENED

SECONDS = 0.05


@pytest.mark.skipif(not openssh.installed(), reason=openssh.MISSING)
def test_each_way_is_measured_near_and_far(tmp_path: Path) -> None:
    with openssh.serving() as server, sftp.behind_a_delay(server) as distant:
        upload = sftp.Upload(tmp_path, 1)
        for where in (server, distant):
            (speeds,) = sftp.measured(where, upload, 1, random.Random(1))  # noqa: S311  an order, no secret
            assert set(speeds) == {sftp.OURS, sftp.OPENSSH, sftp.LOOP}
            assert min(speeds.values()) > 0
        assert list(server.inbox().iterdir()) == []
    OPENED.clear()


def test_the_relay_holds_bytes_back_for_its_time_in_order_and_ends_with_its_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as upstream, socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []
        arguments = (listener, int(upstream.getsockname()[1]), SECONDS, threads.append)
        threading.Thread(target=delaying.serve, args=arguments, daemon=True).start()
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
            server, _ = upstream.accept()
            began = time.monotonic()
            for number in range(100):
                client.sendall(bytes([number]) * 1000)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: server.recv(65_536), b""))
            assert time.monotonic() - began >= SECONDS
            assert received == b"".join(bytes([number]) * 1000 for number in range(100))
            server.close()
            for thread in threads:
                thread.join(timeout=10)
                assert not thread.is_alive()
