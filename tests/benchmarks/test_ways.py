"""Tidegate's way and the limit in C write the right rows; what cannot run is told of."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import environments, limit, ours, parallel_reading, ways
from benchmarks.conftest import Served
from benchmarks.equality import compare
from benchmarks.limit import NotBuiltError
from benchmarks.pages import PAGE_RECORDS
from benchmarks.running import process_environment
from benchmarks.ways import WAYS, Way

COUNT = PAGE_RECORDS + 100


def trusting(served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in process_environment(folder).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(served.authority))


@pytest.mark.parametrize("name", [way.name for way in WAYS if way.ours])
def test_tidegates_own_ways_write_the_records(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (way,) = (way for way in WAYS if way.name == name)
    trusting(served, tmp_path, monkeypatch)
    output = tmp_path / f"of-{name}"
    ours.export(ways.task(COUNT, output, served.endpoint, way.options))
    if way.to_s3:
        _, _, data = served.service.sink.handle("GET", f"/{ours.BUCKET}/{output.name}/part-00001.csv", {}, b"")
        output.write_bytes(data)
    assert not compare(output, COUNT).faults()


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("name", [ways.LIMIT_CSV, ways.LIMIT_JSONL])
def test_the_limit_in_c_writes_the_records(served: Served, tmp_path: Path, name: str) -> None:
    (way,) = (way for way in WAYS if way.name == name)
    try:
        program = limit.build(tmp_path)
    except NotBuiltError as error:
        pytest.skip(str(error))
    warm, full = (ways.task(COUNT, tmp_path / file, served.endpoint, way.options) for file in ("warm", "full"))
    command = ways.command(way, warm, full, venv=tmp_path, limit=program, authority=served.authority)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    assert (tmp_path / "warm").read_bytes() == (tmp_path / "full").read_bytes()
    assert not compare(tmp_path / "full", COUNT).faults()


def test_reading_alone_can_be_timed_for_each_number_of_readers(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trusting(served, tmp_path, monkeypatch)
    monkeypatch.setattr(served.service, "table", 3 * PAGE_RECORDS)
    parallel_reading.main([served.endpoint, "3", "1", "4"])
    seconds = json.loads(capsys.readouterr().out)
    assert list(seconds) == ["query", "scan", "keys"]
    for one in seconds.values():
        assert list(one) == ["1", "4"]
        assert all(one.values())


def test_without_a_compiler_the_limit_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotBuiltError, match="no C compiler"):
        limit.build(tmp_path)


def test_a_tool_that_cannot_be_installed_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "VENV", tmp_path)
    (tmp_path / "bootstrap/bin").mkdir(parents=True)
    uv = tmp_path / "bootstrap/bin/uv"
    uv.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 1\n")
    uv.chmod(0o755)
    found = environments.prepare("bench-pydynox")
    assert found.reason == "no such package"
    assert not (tmp_path / "bench-pydynox/.done").exists()


def test_every_way_has_a_name_of_its_own_and_a_lock_file_where_it_has_an_environment() -> None:
    names = [way.name for way in WAYS]
    assert len(set(names)) == len(names)
    for way in WAYS:
        if way.environment:
            assert (environments.LOCKS / f"{way.environment}.lock").exists()


def test_only_pydynox_may_change_values() -> None:
    def changing(way: Way) -> bool:
        return bool(way.known)

    assert [way.name for way in WAYS if changing(way)] == ["pydynox"]
