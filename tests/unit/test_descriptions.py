"""Clients made from sparing descriptions go to the same places and send the same as botocore's own."""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tidegate.descriptions import SERVICES, read_sparingly

CLIENTS = {"sesv2" if name == "email" else name for name in SERVICES}
REGIONS = ("eu-west-2", "us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1")


def session(*, sparing: bool) -> botocore.session.Session:
    made = botocore.session.Session()
    made.set_credentials("a", "b")
    if sparing:
        read_sparingly(made)
    return made


PLAIN, SPARING = session(sparing=False), session(sparing=True)


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
def test_a_client_calls_the_same_endpoint_with_the_same_request(service: str, region: str) -> None:
    assert sent(SPARING, service, region) == sent(PLAIN, service, region)


@pytest.mark.parametrize("variant", ["use_fips_endpoint", "use_dualstack_endpoint"])
@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs"])
def test_variants_of_endpoints_are_the_same_too(service: str, variant: str) -> None:
    assert sent(SPARING, service, "us-east-2", **{variant: True}) == sent(
        PLAIN, service, "us-east-2", **{variant: True}
    )


def test_a_client_has_the_same_calls_pages_and_waiters() -> None:
    plain, sparing = (made.create_client("s3", region_name="eu-west-2") for made in (PLAIN, SPARING))
    assert sparing.meta.method_to_api_mapping == plain.meta.method_to_api_mapping
    assert sparing.can_paginate("list_objects_v2")
    assert sparing.waiter_names == plain.waiter_names


def test_a_service_that_is_not_listed_has_its_usual_endpoint() -> None:
    client = SPARING.create_client("kinesis", region_name="eu-west-2")
    assert client.meta.endpoint_url == "https://kinesis.eu-west-2.amazonaws.com"


def test_documentation_and_the_endpoints_of_other_services_are_not_kept() -> None:
    loader = SPARING.get_component("data_loader")
    assert 'documentation": "<' not in json.dumps(loader.load_service_model("dynamodb", "service-2"))
    for partition in loader.load_data("endpoints")["partitions"]:
        assert partition["services"].keys() <= SERVICES


def test_a_member_that_is_called_documentation_is_kept(tmp_path: Path) -> None:
    described = {"shapes": {"Help": {"documentation": "<p>prose", "members": {"documentation": {"shape": "Text"}}}}}
    (tmp_path / "help.json").write_text(json.dumps(described))
    loader = session(sparing=True).get_component("data_loader")
    read = loader.file_loader.load_file(str(tmp_path / "help"))
    assert read == {"shapes": {"Help": {"documentation": "", "members": {"documentation": {"shape": "Text"}}}}}
    assert loader.file_loader.load_file(str(tmp_path / "missing")) is None


def test_another_session_reads_all_that_botocore_has() -> None:
    assert len(PLAIN.get_component("data_loader").load_data("endpoints")["partitions"][0]["services"]) > 100


def test_the_packages_have_the_services_whose_endpoints_are_kept() -> None:
    recipe = (Path(__file__).parents[2] / "functions/Makefile").read_text()
    kept = re.search(r"^AWS_SERVICES := (.+)$", recipe, re.MULTILINE)
    assert kept is not None
    assert set(kept[1].split()) == CLIENTS
