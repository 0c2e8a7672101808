"""`tidegate destinations test`: the worker function tries each destination, and the command says it in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from destinations import openssh
from destinations.partners import Partners
from integration.commands import Commands
from integration.handlers import handler_of
from integration.world import World


def test_each_destination_is_tried_and_nothing_is_written(world: World, partners: Partners, cli: Commands) -> None:
    world.define("partner", destinations=[partners.bucket(), partners.sftp()])
    answers = cli.json("destinations", "test", "partner")
    assert [(answer["destination"], answer["ok"]) for answer in answers] == [
        ("S3", True),
        ("S3-2", True),
        ("SFTP", True),
    ]
    assert (world.keys("exports/"), partners.objects(), partners.files()) == ([], {}, {})


def test_what_is_not_well_is_told_in_words_and_the_others_are_tried_all_the_same(
    world: World, partners: Partners, cli: Commands
) -> None:
    world.define("partner", destinations=[partners.sftp(port=openssh.free_port()), partners.bucket()])
    result = cli("destinations", "test", "partner")
    assert result.exit_code == 1
    assert "PROBLEM" in result.stdout
    assert "Connection refused" in result.stdout
    assert "The bucket partner-bucket can be written" in result.stdout


def test_an_export_that_does_not_exist_is_an_error(cli: Commands) -> None:
    result = cli("destinations", "test", "nope")
    assert result.exit_code == 1
    assert "UNKNOWN_EXPORT" in result.stderr


def test_the_worker_function_answers_the_probe(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = handler_of("worker", world, monkeypatch)
    (own,) = worker({"probe": "default"})["destinations"]
    assert (own["destination"], own["ok"]) == ("S3", True)
    assert worker({"probe": "nope"})["error"]["code"] == "UNKNOWN_EXPORT"


def test_paramiko_is_not_loaded_before_something_goes_by_sftp() -> None:
    program = "import sys, tidegate.bootstrap, tidegate.service; sys.exit('paramiko' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  our own program
