"""SFTP against a real OpenSSH server on this machine."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from destinations import openssh
from destinations.breaking import cutting
from destinations.openssh import Server
from destinations.samples import NAME, OPERATION, deliver, outgoing, sftp
from tidegate.destinations.sftp import CHUNK, session
from tidegate.errors import FatalError, RetriableError
from tidegate.hostkeys import pinned

DATA = os.urandom(3_000_000)
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
TEMPORARY = f"{NAME}.{OPERATION}.tmp"


def test_a_file_arrives_whole_under_its_name_and_nothing_else_stays(server: Server, inbox: Path) -> None:
    where = deliver(sftp(server), outgoing(DATA))
    assert where == str(inbox / NAME)
    assert [path.name for path in inbox.iterdir()] == [NAME]
    assert (inbox / NAME).read_bytes() == DATA


@pytest.mark.parametrize("data", [b"", b"x"])
def test_the_smallest_files_arrive_too(server: Server, inbox: Path, data: bytes) -> None:
    deliver(sftp(server), outgoing(data))
    assert (inbox / NAME).read_bytes() == data


def test_until_its_last_step_a_file_has_not_its_name(server: Server, inbox: Path) -> None:
    destination, file = sftp(server), outgoing(DATA)
    assert destination.send(file, None, lambda: False).done is False
    assert [path.name for path in inbox.iterdir()] == [TEMPORARY]
    assert destination.send(file, destination.point, lambda: False).done is True
    destination.close()


def test_another_process_goes_on_where_the_time_was_up(server: Server, inbox: Path) -> None:
    file, point = outgoing(DATA), None
    offsets = []
    for _ in range(10):
        destination = sftp(server)
        sent = destination.send(file, point, lambda: True)
        point = destination.point
        destination.close()
        if sent.done:
            break
        assert point is not None
        offsets.append(point.get("offset"))
    assert offsets == [CHUNK, 2 * CHUNK, None], "two passes, and the last piece with its check"
    assert (inbox / NAME).read_bytes() == DATA


def test_a_connection_that_breaks_in_mid_file_is_retriable_and_gone_on_with(server: Server, inbox: Path) -> None:
    data = os.urandom(40_000_000)
    with cutting(server.port, 30_000_000) as proxy:
        destination, file = sftp(replace(server, port=proxy.port)), outgoing(data)
        with pytest.raises(RetriableError) as caught:
            destination.send(file, None, lambda: False)
        assert caught.value.code == "DESTINATION_UNAVAILABLE"
        assert destination.point is not None
        assert destination.point["offset"] > 0
        assert [path.name for path in inbox.iterdir()] == [TEMPORARY]
        destination.close()
        deliver(destination, file, destination.point)
        assert sum(proxy.forwarded) < 60_000_000, "what was acknowledged is not sent again"
    assert (inbox / NAME).read_bytes() == data


def test_a_rename_whose_answer_was_lost_is_recognised(server: Server, inbox: Path) -> None:
    destination, file = sftp(server), outgoing(DATA)
    destination.send(file, None, lambda: False)
    point = destination.point
    destination.send(file, point, lambda: False)
    before = (inbox / NAME).stat()
    assert sftp(server).send(file, point, lambda: False).done is True
    after = (inbox / NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_wrong_host_key_is_final_and_both_fingerprints_are_named(server: Server, inbox: Path) -> None:
    with pytest.raises(FatalError) as caught:
        sftp(server, hostKeys=[OTHER_KEY]).send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "HOST_KEY_MISMATCH"
    assert pinned(server.host_key)[1] in caught.value.message
    assert pinned(OTHER_KEY)[1] in caught.value.message
    assert list(inbox.iterdir()) == []


def test_any_of_several_pinned_keys_will_do_also_as_fingerprints(server: Server, inbox: Path) -> None:
    fingerprint = pinned(server.host_key)[1]
    for keys in ([OTHER_KEY, server.host_key], [fingerprint], [f"ssh-ed25519 {fingerprint}"]):
        deliver(sftp(server, hostKeys=keys, existing="overwrite"), outgoing(DATA))
    assert (inbox / NAME).read_bytes() == DATA


def test_a_wrong_login_key_is_final_and_shows_nothing_of_the_secret(server: Server) -> None:
    with openssh.serving() as other, pytest.raises(FatalError) as caught:
        sftp(server, {"privateKey": other.private_key}).send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "DESTINATION_LOGIN_REFUSED"
    assert "PRIVATE" not in str(caught.value)


def test_a_full_disk_is_told_and_tried_again_and_nothing_stays_of_the_file(server: Server, inbox: Path) -> None:
    (inbox / TEMPORARY).symlink_to("/dev/full")
    destination = sftp(server)
    with pytest.raises(RetriableError, match="a disk is full") as caught:
        destination.send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "DESTINATION_FAILED"
    assert "bytes are free there" in caught.value.message
    assert destination.point is None
    assert list(inbox.iterdir()) == []
    deliver(destination, outgoing(DATA))
    assert (inbox / NAME).read_bytes() == DATA


def test_a_directory_that_may_not_be_written_is_final(server: Server) -> None:
    closed = server.inbox("closed")
    closed.chmod(0o555)
    with pytest.raises(FatalError, match="Permission denied") as caught:
        sftp(server, directory=str(closed)).send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "DESTINATION_DENIED"


def test_a_missing_directory_is_final_unless_it_is_to_be_made(server: Server, inbox: Path) -> None:
    missing = f"{inbox}-of/{{study}}/{{date}}"
    server.inbox("in-of")
    with pytest.raises(FatalError) as caught:
        sftp(server, directory=missing).send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "DESTINATION_NOT_FOUND"
    deliver(sftp(server, directory=missing, createDirectories=True), outgoing(DATA))
    assert (server.directory / "in-of/a/2026-03-10" / NAME).read_bytes() == DATA


def test_a_file_of_that_name_is_left_alone_by_default(server: Server, inbox: Path) -> None:
    (inbox / NAME).write_bytes(b"theirs")
    with pytest.raises(FatalError) as caught:
        deliver(sftp(server), outgoing(DATA))
    assert caught.value.code == "DESTINATION_FILE_EXISTS"
    assert (inbox / NAME).read_bytes() == b"theirs"


def test_a_file_that_comes_into_being_meanwhile_is_left_alone_too(server: Server, inbox: Path) -> None:
    destination, file = sftp(server), outgoing(DATA)
    destination.send(file, None, lambda: False)
    (inbox / NAME).write_bytes(b"theirs")
    with pytest.raises(FatalError) as caught:
        destination.send(file, destination.point, lambda: False)
    assert caught.value.code == "DESTINATION_FILE_EXISTS"
    assert (inbox / NAME).read_bytes() == b"theirs"


def test_with_suffix_both_files_are_there(server: Server, inbox: Path) -> None:
    (inbox / NAME).write_bytes(b"theirs")
    where = deliver(sftp(server, existing="suffix"), outgoing(DATA))
    assert Path(where).read_bytes() == DATA
    assert Path(where).suffix == ".csv"
    assert (inbox / NAME).read_bytes() == b"theirs"


def test_with_overwrite_the_new_file_takes_the_place_of_the_old(server: Server, inbox: Path) -> None:
    (inbox / NAME).write_bytes(b"old")
    (inbox / NAME).chmod(0o666)
    deliver(sftp(server, existing="overwrite"), outgoing(DATA))
    assert (inbox / NAME).read_bytes() == DATA


def test_a_server_without_posix_rename_gets_the_same_by_removing_the_old_file_first() -> None:
    if not openssh.installed():
        pytest.skip(openssh.MISSING)
    with openssh.serving(sftp="internal-sftp -P posix-rename,limits,statvfs") as bare:
        inbox = bare.inbox()
        destination = sftp(bare, existing="overwrite")
        (inbox / NAME).write_bytes(b"old")
        deliver(destination, outgoing(DATA))
        assert (inbox / NAME).read_bytes() == DATA
        assert "by removing the old file first" in " ".join(finding.what for finding in destination.probe())
        assert str(session.SMALL_REQUEST) in destination.probe()[-1].what


def test_a_part_that_was_changed_in_the_bucket_is_not_delivered(server: Server, inbox: Path) -> None:
    with pytest.raises(FatalError) as caught:
        deliver(sftp(server), outgoing(DATA, sha256="0" * 64))
    assert caught.value.code == "PART_CHANGED"
    assert list(inbox.iterdir()) == []


def test_a_server_that_is_not_there_is_tried_again(server: Server) -> None:
    with pytest.raises(RetriableError) as caught:
        sftp(replace(server, port=openssh.free_port())).send(outgoing(DATA), None, lambda: False)
    assert caught.value.code == "DESTINATION_UNAVAILABLE"


def test_a_cipher_that_encrypts_and_authenticates_at_once_is_chosen(server: Server) -> None:
    transport = session.dial(server.host, server.port, None, "The server")
    try:
        assert transport.remote_cipher == "aes128-gcm@openssh.com"
    finally:
        transport.close()


def test_a_probe_says_what_works_and_leaves_nothing(server: Server, inbox: Path) -> None:
    findings = sftp(server).probe()
    assert [finding.ok for finding in findings] == [True, True, True]
    told = " ".join(finding.what for finding in findings)
    assert pinned(server.host_key)[1] in told
    assert "261120 bytes" in told
    assert list(inbox.iterdir()) == []


def test_a_probe_ends_at_what_is_wrong_and_says_what_to_do(server: Server) -> None:
    closed = server.inbox("closed-too")
    closed.chmod(0o555)
    first, second = sftp(server, directory=str(closed)).probe()
    assert first.ok is True
    assert second.ok is False
    assert "Permission denied" in second.what
    assert second.remedy


def test_a_large_file_takes_no_more_memory_than_a_small_one(server: Server, inbox: Path) -> None:
    """2 GB where TIDEGATE_FULL is set, else 200 MB."""
    size = (2 << 30) if os.environ.get("TIDEGATE_FULL") else 200 << 20
    block = os.urandom(CHUNK)

    def read(offset: int, _size: int) -> Iterator[bytes]:
        while offset < size:
            data = block[: size - offset]
            offset += len(data)
            yield data

    import hashlib

    digest = hashlib.sha256()
    for data in read(0, CHUNK):
        digest.update(data)
    deliver(sftp(server), outgoing(b"warm", path="part-00002.csv"))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    deliver(sftp(server), outgoing(b"", size=size, sha256=digest.hexdigest(), read=read))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{size >> 20} MB in {time.monotonic() - started:.1f} s, {grown:.1f} MB more memory")  # noqa: T201
    assert (inbox / NAME).stat().st_size == size
    assert grown < 64
