"""Messages, taken apart again as a mail program does."""

from __future__ import annotations

import email
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.post import Letter as Read
from destinations.post import decoded
from tidegate.destinations.mail.message import Attachment, Letter, Person, composed, encoded_size
from tidegate.letter import one_line, subject_of, text_of, unsafe
from tidegate_local.mailbox import Arrived

DELIVERY = "01KFYMB9W0V2Q6T8X4Z1C3N5P7-0123456789abcdef"
SENDER = Person("exports@tidegate.example", "Exports, Tidegate")
HEADERS = {
    "From",
    "To",
    "Subject",
    "Message-ID",
    "X-Tidegate-Delivery",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}
TRICKS = st.sampled_from(
    ["\r\nBcc: x@evil.example", "\n\n<html>", "\x00", "\x85", "\u2028", "\u202e", "=?utf-8?q?=0A?="]
)
ANY_TEXT = st.lists(st.one_of(st.text(max_size=25), TRICKS), max_size=4).map("".join)
NAMES = ANY_TEXT.map(one_line)


def letter(**changes: object) -> Letter:
    used: dict[str, object] = {
        "delivery": DELIVERY,
        "sender": SENDER,
        "to": [Person("desk@hospital.example", "The desk")],
        "cc": [],
        "subject": "Export",
        "text": "Hello\n",
    }
    return Letter(**{**used, **changes})  # type: ignore[arg-type]  # each test gives the right types


def read(raw: bytes) -> Read:
    return Read(Arrived("1", SENDER.address, (), (), (), raw))


@settings(deadline=None, max_examples=40)
@given(names=st.lists(NAMES, min_size=1, max_size=12))
def test_names_and_addresses_come_back_as_they_were_and_no_line_is_too_long(names: list[str]) -> None:
    people = [Person(f"person.{number}@hospital.example", name) for number, name in enumerate(names)]
    raw = composed(letter(to=people))
    assert read(raw).people("To") == [(person.name, person.address) for person in people]
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()


@settings(deadline=None, max_examples=40)
@given(subject=ANY_TEXT, name=ANY_TEXT)
def test_whatever_stands_in_names_and_subject_no_header_is_added_and_none_is_doubled(subject: str, name: str) -> None:
    raw = composed(
        letter(subject=subject, to=[Person("desk@hospital.example", name)], sender=Person("a@b.example", name))
    )
    message = email.message_from_bytes(raw)
    assert sorted(message.keys()) == sorted(HEADERS)
    assert read(raw).text == "Hello\n"
    assert b"\n" not in raw.replace(b"\r\n", b"")


@settings(deadline=None, max_examples=40)
@given(subject=ANY_TEXT)
def test_a_subject_is_one_line_and_comes_back(subject: str) -> None:
    found = read(composed(letter(subject=subject))).header("Subject")
    assert found == one_line(subject)
    assert not [character for character in found if unsafe(character)]


@settings(deadline=None, max_examples=40)
@given(template=st.sampled_from(["{study}", "a {study} b {export}"]), value=ANY_TEXT)
def test_values_can_neither_add_lines_to_a_subject_nor_be_templates_themselves(template: str, value: str) -> None:
    made = subject_of(template, {"study": value, "export": "{study}"})
    assert made == one_line(made)
    assert ("{study}" in made) == ("{export}" in template or "{study}" in one_line(value))


def test_a_subject_of_any_length_is_cut() -> None:
    assert len(subject_of("{study}", {"study": "x" * 5000})) == 250


@settings(deadline=None, max_examples=40)
@given(text=ANY_TEXT)
def test_a_text_keeps_its_lines_and_holds_no_control_characters(text: str) -> None:
    made = text_of("{study}\n{study}", {"study": text})
    found = read(composed(letter(text=made))).text
    assert found == made
    assert not [character for character in found if unsafe(character) and character not in "\n\t"]


@settings(deadline=None, max_examples=40)
@given(contents=st.lists(st.binary(max_size=300), min_size=1, max_size=4))
def test_attachments_come_back_to_the_byte_and_the_message_is_the_same_each_time(contents: list[bytes]) -> None:
    files = [Attachment(f"part-{number}.csv", "text/csv", data) for number, data in enumerate(contents)]
    raw = composed(letter(attachments=files))
    assert read(raw).attachments == {file.name: file.data for file in files}
    assert raw == composed(letter(attachments=files))
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@settings(deadline=None, max_examples=40)
@given(size=st.integers(0, 500))
def test_the_size_after_base64_is_known_before(size: int) -> None:
    bare = len(composed(letter(attachments=[Attachment("x", "text/csv", b"")])))
    raw = composed(letter(attachments=[Attachment("x", "text/csv", bytes(size))]))
    assert abs(len(raw) - bare - encoded_size(size)) <= 2


def test_a_message_to_hidden_recipients_alone_names_none() -> None:
    message = email.message_from_bytes(composed(letter(to=[])))
    assert (message["To"], message["Cc"], message["Bcc"]) == ("undisclosed-recipients:;", None, None)


def test_what_a_reader_knows_a_repeat_by_is_in_the_headers() -> None:
    message = email.message_from_bytes(composed(letter()))
    assert message["X-Tidegate-Delivery"] == DELIVERY
    assert message["Message-ID"] == f"<{DELIVERY}@tidegate.example>"
    assert decoded(message["From"]) == '"Exports, Tidegate" <exports@tidegate.example>'


def test_what_writes_messages_is_not_loaded_before_one_is_sent() -> None:
    late = ("tidegate.destinations.mail", "email.mime.multipart", "email.headerregistry")
    program = f"import sys, tidegate.bootstrap, tidegate.engine; sys.exit(any(m in sys.modules for m in {late!r}))"
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  our own program
