"""Clients made from sparing descriptions, read or ready, go to the same places and send the same as botocore's own."""

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tidegate import sparing
from tidegate.descriptions import read_sparingly
from tidegate.sparing import CLIENTS, ENDPOINTS

NOTHING = Path("no such folder")
REGIONS = ("eu-west-2", "us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1")


def session(ready: Path | None = None) -> botocore.session.Session:
    """A session of botocore's; with a folder (NOTHING is none) one that reads sparingly."""
    made = botocore.session.Session()
    made.set_credentials("a", "b")
    if ready is not None:
        read_sparingly(made, ready)
    return made


PLAIN, SPARING = session(), session(NOTHING)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a package has."""
    folder = tmp_path_factory.mktemp("ready") / "described"
    sparing.write(folder)
    return folder


@pytest.fixture(scope="module")
def prepared(ready: Path) -> botocore.session.Session:
    return session(ready)


def described(made: botocore.session.Session, name: str) -> Any:
    return made.get_component("data_loader").load_data(name)


def sent(made: botocore.session.Session, service: str, region: str | None, **config: Any) -> Any:
    """What a client of this session would send for a call of that service, and where."""
    client: Any = made.create_client(service, region_name=region, config=Config(signature_version=UNSIGNED, **config))
    found: list[Any] = []

    def keep(request: Any, **_: object) -> Any:
        body = request.body.read() if hasattr(request.body, "read") else request.body
        found.append((request.method, request.url, body))
        raise InterruptedError

    client.meta.events.register("before-send", keep)
    call, parameters = CALLS[service]
    with pytest.raises(InterruptedError):
        getattr(client, call)(**parameters)
    return client.meta.endpoint_url, client.meta.region_name, client.meta.partition, found


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "t", "Key": {"id": {"B": b"\0"}}}),
    "events": ("put_events", {"Entries": [{"Detail": "{}"}]}),
    "s3": ("put_object", {"Bucket": "exports", "Key": "a/b", "Body": b"x"}),
    "secretsmanager": ("get_secret_value", {"SecretId": "s"}),
    "sesv2": ("send_email", {"Content": {"Raw": {"Data": b"x"}}}),
    "sqs": ("receive_message", {"QueueUrl": "https://sqs.eu-west-2.amazonaws.com/1/q"}),
    "sts": ("get_caller_identity", {}),
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", sorted(CLIENTS))
def test_a_client_calls_the_same_endpoint_with_the_same_request(
    service: str, region: str, prepared: botocore.session.Session
) -> None:
    assert sent(SPARING, service, region) == sent(PLAIN, service, region) == sent(prepared, service, region)


@pytest.mark.parametrize("variant", ["use_fips_endpoint", "use_dualstack_endpoint"])
@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs"])
def test_variants_of_endpoints_are_the_same_too(service: str, variant: str, prepared: botocore.session.Session) -> None:
    plain, read, made = (sent(one, service, "us-east-2", **{variant: True}) for one in (PLAIN, SPARING, prepared))
    assert plain == read == made


def test_a_client_has_the_same_calls_pages_and_waiters(prepared: botocore.session.Session) -> None:
    plain, read, made = (one.create_client("s3", region_name="eu-west-2") for one in (PLAIN, SPARING, prepared))
    for client in (read, made):
        assert client.meta.method_to_api_mapping == plain.meta.method_to_api_mapping
        assert client.can_paginate("list_objects_v2")
        assert client.waiter_names == plain.waiter_names


def test_a_service_that_is_not_listed_has_its_usual_endpoint(prepared: botocore.session.Session) -> None:
    for one in (SPARING, prepared):
        client = one.create_client("kinesis", region_name="eu-west-2")
        assert client.meta.endpoint_url == "https://kinesis.eu-west-2.amazonaws.com"


def test_documentation_and_the_endpoints_of_other_services_are_not_kept() -> None:
    loader = SPARING.get_component("data_loader")
    assert 'documentation": "<' not in json.dumps(loader.load_service_model("dynamodb", "service-2"))
    for partition in loader.load_data("endpoints")["partitions"]:
        assert partition["services"].keys() <= ENDPOINTS


def test_a_member_that_is_called_documentation_is_kept(tmp_path: Path) -> None:
    help_text = {"shapes": {"Help": {"documentation": "<p>prose", "members": {"documentation": {"shape": "Text"}}}}}
    (tmp_path / "help.json").write_text(json.dumps(help_text))
    loader = session(NOTHING).get_component("data_loader")
    read = loader.file_loader.load_file(str(tmp_path / "help"))
    assert read == {"shapes": {"Help": {"documentation": "", "members": {"documentation": {"shape": "Text"}}}}}
    assert loader.file_loader.load_file(str(tmp_path / "missing")) is None


def test_ready_files_say_what_is_otherwise_read_from_botocores(ready: Path) -> None:
    names = sorted(path.relative_to(ready).as_posix().removesuffix(".json") for path in ready.rglob("*.json"))
    assert {name.partition("/")[0] for name in names if "/" in name} == CLIENTS
    assert {"endpoints", "partitions", "s3/2006-03-01/service-2", "s3/2006-03-01/endpoint-rule-set-1"} <= set(names)
    for name in names:
        assert json.loads((ready / f"{name}.json").read_text()) == sparing.read(str(sparing.DATA / name)), name


def test_nothing_of_botocores_is_read_where_all_is_ready(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    monkeypatch.setattr(sparing, "read", looked_for.append)
    made = session(ready)
    for service in sorted(CLIENTS):
        made.create_client(service, region_name="eu-west-2")
    # Most services have no such additions to their description: they are looked for, and not there.
    there = [name for name in looked_for if Path(f"{name}.json").exists() or Path(f"{name}.json.gz").exists()]
    assert looked_for
    assert there == []


def test_a_description_of_ones_own_is_read_from_where_it_lies(
    tmp_path: Path, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "sqs/2012-11-05"
    shutil.copytree(sparing.DATA / "sqs/2012-11-05", own)
    model = json.loads(gzip.decompress((own / "service-2.json.gz").read_bytes()))
    model["operations"]["ReceiveMessage"]["name"] = "ReceiveOtherMessage"
    (own / "service-2.json").write_text(json.dumps(model))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    operation = described(session(ready), "sqs/2012-11-05/service-2")["operations"]["ReceiveMessage"]
    assert operation["name"] == "ReceiveOtherMessage"


@pytest.mark.parametrize("there", [pytest.param(True, id="ready"), pytest.param(False, id="missing")])
def test_a_file_that_is_not_ready_is_read_from_botocores(there: bool, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    if there:
        (ready / "endpoints.json").write_text('{"partitions": []}')
    assert bool(described(session(ready), "endpoints")["partitions"]) != there


def test_a_folder_that_is_written_anew_has_nothing_of_before(tmp_path: Path) -> None:
    ready, data = tmp_path / "ready", tmp_path / "data"
    (data / "sqs/1").mkdir(parents=True)
    (data / "sqs/1/service-2.json.gz").write_bytes(gzip.compress(b'{"documentation": "<p>long"}'))
    (data / "sqs/1/examples-1.json").write_text("{}")
    (data / "sqs/1/notes.txt").write_text("")
    (ready / "kinesis/1").mkdir(parents=True)
    sparing.write(ready, data)
    there = sorted(path.relative_to(ready).as_posix() for path in ready.rglob("*"))
    assert there == ["sqs", "sqs/1", "sqs/1/service-2.json"]
    assert (ready / "sqs/1/service-2.json").read_text() == '{"documentation":""}'


def test_the_folder_of_another_botocore_is_not_found() -> None:
    assert sparing.READY.name == botocore.__version__


def test_another_session_reads_all_that_botocore_has() -> None:
    assert len(PLAIN.get_component("data_loader").load_data("endpoints")["partitions"][0]["services"]) > 100


def test_the_packages_have_the_services_whose_endpoints_are_kept() -> None:
    recipe = (Path(__file__).parents[2] / "functions/Makefile").read_text()
    kept = re.search(r"^AWS_SERVICES := (.+)$", recipe, re.MULTILINE)
    assert kept is not None
    assert set(kept[1].split()) == CLIENTS
