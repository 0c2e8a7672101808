"""The call that sends, and what its answer means.

A message has no name that SES would know again: so each attempt is one call, without the client's own repeats, and an
answer that does not come leaves it unknown whether it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.awserrors import error_code, status, translate
from tidegate.destinations.destination import MakeClient
from tidegate.errors import FatalError, RetriableError, TidegateError
from tidegate.recipients import without_addresses

_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
_BEFORE_SENDING = (
    boto.ConnectTimeoutError,
    boto.EndpointConnectionError,
    boto.NoCredentialsError,
    boto.CredentialRetrievalError,
    boto.ParamValidationError,
    boto.ProxyConnectionError,
    boto.SSLError,
)
"""Nothing of the message had left when these were raised."""
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "MessageRejected": (
        "EMAIL_REJECTED",
        "Correct what SES names; in its sandbox each recipient must be verified too.",
    ),
    "BadRequestException": ("EMAIL_REJECTED", "Correct what SES names, then redrive the delivery."),
    "MailFromDomainNotVerifiedException": (
        "EMAIL_NOT_VERIFIED",
        "Finish the MAIL FROM domain of the identity in SES, then redrive the delivery.",
    ),
    "AccountSuspendedException": ("EMAIL_SUSPENDED", "Ask AWS to lift it, then redrive the delivery."),
    "SendingPausedException": ("EMAIL_SUSPENDED", "Resume sending in SES, then redrive the delivery."),
    "NotFoundException": ("NOT_FOUND", "The identity or the configuration set is gone: deploy the stack again."),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a message goes to, whatever its headers say, and how SES shall mark its events."""

    sender: str
    to: Sequence[str]
    cc: Sequence[str]
    bcc: Sequence[str]
    configuration_set: str
    tags: Mapping[str, str]


class UnansweredError(RetriableError):
    """Nobody knows whether the message was taken."""

    default_code = "EMAIL_UNKNOWN"


def send(client: Any, envelope: Envelope, raw: bytes, where: str) -> str:
    """Hand one message over; the id that SES gave it.

    Raises UnansweredError where it may have been sent, and any other RetriableError or FatalError only where it was
    certainly not.
    """
    more = {"ConfigurationSetName": envelope.configuration_set} if envelope.configuration_set else {}
    try:
        answer = client.send_email(
            FromEmailAddress=envelope.sender,
            Destination={
                "ToAddresses": list(envelope.to),
                "CcAddresses": list(envelope.cc),
                "BccAddresses": list(envelope.bcc),
            },
            Content={"Raw": {"Data": raw}},
            EmailTags=[{"Name": name, "Value": value} for name, value in envelope.tags.items()],
            **more,
        )
    except (BotoCoreError, ClientError) as error:
        raise _meaning(error, where) from error
    return str(answer["MessageId"])


def sending_client(make: MakeClient) -> Any:
    """A client that sends each call once."""
    return make("sesv2", config=_ONCE)


def _meaning(error: BotoCoreError | ClientError, where: str) -> TidegateError:
    doing = f"Sending {where}"
    if isinstance(error, ClientError):
        code, text = error_code(error), error.response.get("Error", {}).get("Message", "")
        if code in _REFUSALS:
            ours, remedy = _REFUSALS[code]
            return FatalError(f"{doing}: SES answered {code} ({without_addresses(text)}).", code=ours, remedy=remedy)
        if status(error) < 500 and status(error) != 408:
            made = translate(error, doing, remedy="Give the worker's role the right, and see 'destinations test'.")
            return type(made)(without_addresses(made.message), code=made.code, remedy=made.remedy)
    elif isinstance(error, _BEFORE_SENDING):
        return translate(error, doing)
    return unanswered(where)


def unanswered(where: str) -> UnansweredError:
    """The error for a message that may have been sent."""
    return UnansweredError(
        f"The answer of SES to {where} got lost: it may have been sent.",
        remedy="SES tells within 15 minutes whether it has it; then Tidegate goes on by itself as onUnknown says.",
    )
