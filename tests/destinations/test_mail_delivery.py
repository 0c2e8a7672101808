"""Whole exports to mailboxes: what arrives, and what a receipt says."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from datetime import timedelta

import pytest

from destinations.post import DOMAIN, SENDER, entry, later, letters, mailed, only, people, striking, told
from destinations.test_delivery import BODY, WINDOW, define, put, receipts, run
from integration.commands import Commands
from integration.faults import Call, Faults
from integration.resources import REGION
from integration.sealing import END
from integration.world import World
from tidegate.errors import RejectedError
from tidegate.model import State
from tidegate_local.mailbox import Mailbox

PARTS = [f"partner_a_{WINDOW}_part-0000{number}.jsonl" for number in (1, 2)]


def test_one_message_has_all_files_of_a_window_and_its_receipt_has_the_id_that_ses_gave_it(
    post: World, mailbox: Mailbox
) -> None:
    cc = [{"address": f"boss@{DOMAIN}", "name": "Müller, Änne"}]
    bcc = [{"address": "archive@lab.example"}]
    define(post, entry(cc=cc, bcc=bcc, **{"from": {"name": "Tidegate"}}))
    operation = run(post)
    assert (operation.state, post.watermark("a", "partner")) == (State.SUCCEEDED, END)
    letter = only(mailbox)
    (manifest,) = post.manifests()
    parts = [post.data(part["key"]) for part in manifest["parts"]]
    assert letter.attachments == dict(zip(PARTS, parts, strict=True))
    assert letter.people("To") == [("The desk", f"desk@{DOMAIN}")]
    assert letter.people("Cc") == [("Müller, Änne", f"boss@{DOMAIN}")]
    assert letter.people("From") == [("Tidegate", SENDER)]
    assert b"archive" not in letter.arrived.raw, "who gets a blind copy is told to nobody"
    assert letter.arrived.recipients == (f"desk@{DOMAIN}", f"boss@{DOMAIN}", "archive@lab.example")
    assert letter.header("Subject") == "Export partner of a, 2026-03-10"
    assert "2 records of a, from 2026-03-09T11:00:00.000Z to 2026-03-10T11:00:00.000Z." in letter.text
    assert all(name in letter.text for name in PARTS)
    (message,) = receipts(operation)["EMAIL"]["messages"]
    assert message["messageId"] == letter.arrived.message_id
    assert message["delivery"] == letter.header("X-Tidegate-Delivery")
    assert (message["recipients"], message["attached"], message["repeats"]) == (3, True, 0)
    assert letter.arrived.configuration_set == "tidegate-mail"
    assert set(letter.arrived.tags) == {"tidegate-operation", "tidegate-attempt"}


@pytest.mark.parametrize("zipped", [True, False])
def test_templates_say_what_a_window_is_and_no_study_can_add_a_header(
    post: World, mailbox: Mailbox, *, zipped: bool
) -> None:
    study = "a\r\nBcc: x@evil.example"
    post.put_study(study)
    post.put_records(study, [END - timedelta(hours=1)])
    subject, text = "{study} {records}/{parts} {operationId}", "{export} {date} {bytes}"
    define(post, entry(subject=subject, text=text, attach={"zip": zipped}))
    (operation,) = post.export(**{**BODY, "studyWhitelist": [study]})
    letter = only(mailbox)
    (name,) = letter.attachments
    assert name.startswith("partner_a%0D%0ABcc%3A%20x%40evil.example_2026")
    assert letter.header("Subject") == f"a Bcc: x@evil.example 1/1 {operation.operation_id}"
    assert letter.mime["Bcc"] is None
    assert letter.text.startswith("partner 2026-03-10 ")


def test_files_can_come_in_one_archive_that_is_always_the_same(post: World, mailbox: Mailbox) -> None:
    define(post, entry(attach={"zip": True}))
    run(post)
    post.export(**BODY, ignoreLastExportTime=True)
    first, second = letters(mailbox)
    ((name, packed),) = first.attachments.items()
    assert name == f"partner_a_{WINDOW}.zip"
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == PARTS
        assert archive.read(PARTS[0]).count(b"\n") == 1
    (again,) = second.attachments.values()
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_an_archive_of_the_same_files_has_the_same_bytes(post: World, mailbox: Mailbox) -> None:
    define(post, entry(name="one", attach={"zip": True}), entry(name="two", attach={"zip": True}))
    run(post)
    first, second = letters(mailbox)
    assert first.attachments == second.attachments


@pytest.mark.parametrize("zipped", [True, False])
def test_what_does_not_fit_is_linked_and_the_message_says_until_when(
    post: World, mailbox: Mailbox, *, zipped: bool
) -> None:
    define(post, entry(attach={"maxBytes": 0, "zip": zipped}, link={"expiresSeconds": 7200}, text="Look:"))
    operation = run(post)
    letter = only(mailbox)
    assert letter.attachments == {}
    links = [line.strip() for line in letter.text.splitlines() if line.strip().startswith("https://")]
    (manifest,) = post.manifests()
    for part, link in zip(manifest["parts"], links, strict=True):
        assert part["key"].split("/")[-1] in link
        assert "X-Amz-Expires=3600" in link, "no longer than the credentials that signed it"
    assert "until 2026-03-10 13:00 UTC" in letter.text
    assert receipts(operation)["EMAIL"]["messages"][0]["attached"] is False


def test_a_message_has_fifty_recipients_at_most_and_each_message_its_own_receipt(post: World, mailbox: Mailbox) -> None:
    define(post, entry(to=people(60), bcc=people(45, "hidden")))
    operation = run(post)
    found = letters(mailbox)
    assert [len(letter.arrived.recipients) for letter in found] == [50, 50, 5]
    everyone = [address for letter in found for address in letter.arrived.recipients]
    assert len(set(everyone)) == len(everyone) == 105
    assert found[2].header("To") == "undisclosed-recipients:;"
    messages = receipts(operation)["EMAIL"]["messages"]
    assert [message["messageId"] for message in messages] == [letter.arrived.message_id for letter in found]
    assert len({message["delivery"] for message in messages}) == 3


def test_after_one_message_was_refused_only_its_recipients_are_written_to_again(
    post: World, mailbox: Mailbox, cli: Commands
) -> None:
    define(post, entry(to=people(60)))
    striking(mailbox, None, "MessageRejected")
    operation = run(post)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, "EMAIL_REJECTED")
    assert "nobody" not in operation.error.message, "no address of SES's answer is kept"
    assert "...@example.net" in operation.error.message
    define(post, entry(to=[*people(3, "new"), *people(60)]))
    cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    first, second = letters(mailbox)
    assert len(first.arrived.recipients) == 50
    assert len(second.arrived.recipients) == 13
    assert not set(first.arrived.recipients) & set(second.arrived.recipients)
    assert post.operation(operation.operation_id).state is State.SUCCEEDED


def test_of_two_destinations_the_one_that_failed_is_redriven_and_the_other_gets_nothing_twice(
    post: World, mailbox: Mailbox, cli: Commands
) -> None:
    define(post, entry(name="refused", to=people(1)), entry(name="fine"))
    mailbox.strike = lambda message: "MessageRejected" if f"p0@{DOMAIN}" in message.to else None
    operation = run(post)
    assert operation.state is State.FAILED
    assert [letter.people("To")[0][1] for letter in letters(mailbox)] == [f"desk@{DOMAIN}"]
    striking(mailbox)
    cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert [letter.people("To")[0][1] for letter in letters(mailbox)] == [f"desk@{DOMAIN}", f"p0@{DOMAIN}"]
    assert list(receipts(post.operation(operation.operation_id))) == ["S3", "refused", "fine"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("MessageRejected", "EMAIL_REJECTED"),
        ("BadRequestException", "EMAIL_REJECTED"),
        ("MailFromDomainNotVerifiedException", "EMAIL_NOT_VERIFIED"),
        ("AccountSuspendedException", "EMAIL_SUSPENDED"),
        ("SendingPausedException", "EMAIL_SUSPENDED"),
        ("NotFoundException", "NOT_FOUND"),
        ("AccessDeniedException", "ACCESS_DENIED"),
    ],
)
def test_what_ses_refuses_is_final_and_says_what_to_do(post: World, mailbox: Mailbox, answer: str, code: str) -> None:
    define(post, entry())
    striking(mailbox, answer)
    operation = run(post)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.FAILED, code)
    assert operation.error.remedy


def test_throttling_is_tried_again_and_nothing_is_unknown(post: World, mailbox: Mailbox, cli: Commands) -> None:
    define(post, entry())
    striking(mailbox, "TooManyRequestsException", "TooManyRequestsException")
    operation = run(post)
    assert operation.error is not None
    assert (operation.state, operation.error.code) == (State.RUNNING, "AWS_THROTTLED")
    assert told(cli, operation)["outcome"] == "WAITING"
    later(post, seconds=2)
    assert post.operation(operation.operation_id).state is State.SUCCEEDED
    assert receipts(post.operation(operation.operation_id))["EMAIL"]["messages"][0]["repeats"] == 0


def test_domains_are_checked_when_a_definition_is_put_and_when_a_message_is_sent(
    world: World, mailbox: Mailbox
) -> None:
    put(world)
    with mailed(world, mailbox, email_domains=()), pytest.raises(RejectedError, match=DOMAIN) as caught:
        define(world, entry())
    assert (caught.value.code, "AllowedRecipientDomains" in caught.value.remedy) == ("RECIPIENT_NOT_ALLOWED", True)
    with mailed(world, mailbox, email_senders=()), pytest.raises(RejectedError) as caught:
        define(world, entry())
    assert caught.value.code == "EMAIL_NOT_SET_UP"
    with mailed(world, mailbox), pytest.raises(RejectedError) as caught:
        define(world, entry(**{"from": {"address": "boss@tidegate.example"}}))
    assert caught.value.code == "SENDER_NOT_ALLOWED"
    with mailed(world, mailbox):
        define(world, entry())
    with mailed(world, mailbox, email_domains=("lab.example",)):
        operation = run(world)
    assert operation.error is not None
    assert (operation.error.code, letters(mailbox)) == ("RECIPIENT_NOT_ALLOWED", [])
    assert "desk" not in operation.error.message


def test_an_empty_window_sends_nothing(world: World, mailbox: Mailbox) -> None:
    with mailed(world, mailbox):
        world.put_study("a")
        define(world, entry())
        operation = run(world)
    assert (operation.state, letters(mailbox)) == (State.SUCCEEDED, [])


def test_a_part_that_was_changed_is_not_sent(post: World, mailbox: Mailbox, faults: Faults) -> None:
    define(post, entry())

    def change(_number: int, call: Call) -> None:
        if call.name == "CopyObject":
            post.stack.clients.s3.put_object(Bucket=call.params["Bucket"], Key=call.params["Key"], Body=b"other")

    faults.after = change
    operation = run(post)
    assert operation.error is not None
    assert (operation.error.code, letters(mailbox)) == ("PART_CHANGED", [])


def test_no_address_of_a_recipient_is_in_receipts_history_errors_or_logs(
    post: World, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="tidegate")
    define(post, entry(to=[{"address": f"secret.person@{DOMAIN}", "name": "Secret Person"}]))
    striking(mailbox, "InternalFailure", "TooManyRequestsException")
    operation = run(post)
    for _ in range(6):
        later(post, minutes=5)
    rows = post.stack.clients.dynamodb.scan(TableName=post.stack.settings.history_table)["Items"]
    told = json.dumps([row for row in rows if row["stream"]["S"].startswith("audit/")])
    logged = "".join(str(record.__dict__) for record in caplog.records)
    assert "EMAIL_UNKNOWN" in logged
    done = post.operation(operation.operation_id)
    for text in (told, logged, str(done.log), str(done.result)):
        assert "secret" not in text.lower()


def test_running_out_of_time_after_any_step_leaves_no_message_in_doubt(post: World, mailbox: Mailbox) -> None:
    define(post, entry(to=people(101)))
    (operation_id,) = post.submit(**BODY)
    post.work(seconds_left=lambda: 0.0)
    done = post.operation(operation_id)
    assert done.state is State.SUCCEEDED
    assert [len(letter.arrived.recipients) for letter in letters(mailbox)] == [50, 50, 1]
    assert {message["repeats"] for message in receipts(done)["EMAIL"]["messages"]} == {0}


def test_an_entry_that_becomes_another_destination_sends_what_is_missing_there(
    post: World, mailbox: Mailbox, cli: Commands
) -> None:
    define(post, entry(name="desk"))
    striking(mailbox, "MessageRejected")
    operation = run(post)
    bucket = "partner-inbox"
    post.stack.clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    define(post, {"type": "S3", "name": "desk", "bucket": bucket})
    cli.json("redrive", "delivery", operation.operation_id, "--yes", "--wait")
    assert post.operation(operation.operation_id).state is State.SUCCEEDED
    assert len(post.stack.clients.s3.list_objects_v2(Bucket=bucket)["Contents"]) == 3
    assert letters(mailbox) == []


def test_compressed_files_go_into_an_archive_as_they_are(post: World, mailbox: Mailbox) -> None:
    post.define("partner", destinations=[entry(attach={"zip": True})], format={"type": "CSV", "compression": "gzip"})
    run(post)
    (packed,) = only(mailbox).attachments.values()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        (info,) = archive.infolist()
        assert (info.compress_type, info.filename[-7:]) == (zipfile.ZIP_STORED, ".csv.gz")


def test_an_archive_that_grows_too_large_is_given_up_for_links(post: World, mailbox: Mailbox) -> None:
    post.put_records("a", [END - timedelta(minutes=n) for n in range(1, 40)], note={"S": secrets.token_hex(1000)})
    define(post, entry(attach={"zip": True, "maxBytes": 50_000}), part=1000)
    run(post)
    assert only(mailbox).attachments.keys() == {f"partner_a_{WINDOW}.zip"}, "what repeats itself shrinks"
    for minutes in range(40, 80):
        post.put_records("a", [END - timedelta(minutes=minutes)], note={"S": secrets.token_hex(1000)})
    post.export(**BODY, ignoreLastExportTime=True)
    assert letters(mailbox)[1].attachments == {}
    assert "https://" in letters(mailbox)[1].text


def test_what_is_too_large_is_refused_where_no_role_signs_links(world: World, mailbox: Mailbox) -> None:
    put(world)
    with mailed(world, mailbox, link_role=""):
        define(world, entry(attach={"maxBytes": 0}))
        operation = run(world)
    assert operation.error is not None
    assert (operation.state, operation.error.code, letters(mailbox)) == (State.FAILED, "EMAIL_TOO_LARGE", [])
