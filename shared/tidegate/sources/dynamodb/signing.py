"""botocore's signature, version 4, with each step taken once a request.

botocore's own class prepares a request a second time to have its body, chooses and normalises the headers twice, each
time through the classes of e-mails, and derives a day's key anew for each request: a twentieth of all CPU of an export
(docs/adr/0013-the-read-path.md). What is signed, and how, stays botocore's; the tests compare the two.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from botocore.auth import AUTH_TYPE_MAPS, SIGNED_HEADERS_BLACKLIST, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAME: Final = "tidegate-v4"
"""What botocore's signer finds the class under; no other client asks for it."""
_UNSIGNED: Final = frozenset(SIGNED_HEADERS_BLACKLIST)


def sign_in_one_go(client: DynamoDBClient) -> None:
    """Let this client's Query, Scan and BatchGetItem be signed this way; doing it again changes nothing.

    Does nothing where version 4 is not signed by botocore's own Python, as with awscrt installed.
    """
    if AUTH_TYPE_MAPS.get("v4") is not SigV4Auth:
        return
    AUTH_TYPE_MAPS[NAME] = _OneGo
    for operation in ("Query", "Scan", "BatchGetItem"):
        event = f"choose-signer.dynamodb.{operation}"
        client.meta.events.register(event, _choose, unique_id=f"tidegate-signer-{operation}")  # type: ignore[arg-type]  # the stubs know no answers


def _choose(signature_version: object, context: Mapping[str, Any], **_: object) -> str | None:
    """Ours in place of version 4. What asks for more than that is botocore's to choose."""
    return NAME if is_plain(signature_version, context) else None


def is_plain(signature_version: object, context: Mapping[str, Any]) -> bool:
    """Whether a call is to be signed by version 4 and nothing else."""
    plain = signature_version == "v4" and not context.get("unsigned_payload")
    return plain and context.get("auth_type") in (None, "v4")


class _OneGo(SigV4Auth):
    """Signs one request; botocore makes a new one of these for each."""

    _headers: dict[str, list[str]] | None = None
    """Lower-case names in their order, and the values of each in theirs."""

    def headers_to_sign(self, request: AWSRequest) -> Any:
        """See SigV4Auth. It asks twice for each signature, and nothing changes in between."""
        if self._headers is None:
            names: dict[str, list[str]] = {}
            for name, value in request.headers.items():
                if (lower := name.lower()) not in _UNSIGNED:
                    names.setdefault(lower, []).append(value)
            if "host" not in names:
                names["host"] = [_host_of(request.url)]
            self._headers = dict(sorted(names.items()))
        return self._headers

    def canonical_headers(self, headers_to_sign: Any) -> str:
        """See SigV4Auth. The names are in order."""
        lines = []
        for name, values in headers_to_sign.items():
            lines.append(f"{name}:{','.join([' '.join(value.split()) for value in values])}")
        return "\n".join(lines)

    def signed_headers(self, headers_to_sign: Any) -> str:
        """See SigV4Auth. The names are in order, and in lower case."""
        return ";".join(headers_to_sign)

    def payload(self, request: AWSRequest) -> str:
        """See SigV4Auth."""
        data = request.data
        return sha256(data).hexdigest() if isinstance(data, bytes) and data else super().payload(request)

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        """See SigV4Auth."""
        key = _signing_key(self.credentials.secret_key, self.credential_scope(request))
        return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def _host_of(url: str) -> str:
    """What botocore signs as this URL's host."""
    host: str = SigV4Auth(Credentials("", ""), "", "").headers_to_sign(AWSRequest(method="POST", url=url))["host"]
    return host


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, scope: str) -> bytes:
    """The same for all requests of a day, region and service, which the scope is made of.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, step 4.
    """
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
