"""The `destinations` of an export's document: where its parts go. One strict model for each technology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag

from tidegate import naming
from tidegate.definition import DESTINATION_DEFAULTS, destinations
from tidegate.hostkeys import pinned
from tidegate.mail_schema import EmailDestination, check_recipients
from tidegate.rejection import shown
from tidegate.source_schema import Strict, ZoneName, unique

MOST_DESTINATIONS = 10
_DEFAULTS = DESTINATION_DEFAULTS
_WINDOW = {"study": ("study", "operationId"), "window": ("window", "operationId")}
"""What a template must name, and what will do for it: an operation is of one study and one window."""
_PART = {**_WINDOW, "part": ("part", "file", "sequence")}
_TABLE = {"table": ("table", "sequence")}


def _pinned(text: str) -> str:
    pinned(text)
    return text


def _template(text: str) -> str:
    naming.fields_of(text)
    return text


def _file_name(text: str) -> str:
    if "/" in text:
        raise ValueError("must not have a slash; directory names the directory")
    return _template(text)


def _prefix(text: str) -> str:
    missing = _missing(naming.fields_of(text), _WINDOW)
    if missing:
        raise ValueError(f"must name {missing}, else another window's files would be overwritten")
    return text


def _missing(fields: Sequence[str], wanted: Mapping[str, Sequence[str]]) -> str:
    """Which of what is wanted the fields lack, in words; empty where there is nothing."""
    lacking = [any_of for any_of in wanted.values() if not set(any_of) & set(fields)]
    return " and ".join(" or ".join(f"{{{name}}}" for name in any_of) for any_of in lacking)


Name = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=1024)]
_NAMES_ZONE = "IANA zone of the times in names that have a pattern. Default: the export's."


class S3Destination(Strict):
    """A bucket: without `bucket` the stack's own, where every export goes; else another, perhaps of another account."""

    type: Literal["S3"]
    name: Name | None = Field(default=None, description="Default: S3, with a number from the second on.")
    bucket: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    prefix: Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_prefix)] | None = Field(
        default=None,
        description="Template of what comes before a part's name. Default: as in the stack's own bucket.",
        examples=["incoming/{study}/{window}/"],
    )
    region: Annotated[str, Field(pattern="^[a-z0-9-]{1,32}$")] | None = Field(
        default=None, description="Of the bucket. Default: the stack's."
    )
    role: Annotated[str, Field(pattern="^arn:[a-z-]+:iam::[0-9]{12}:role/.{1,512}$")] | None = Field(
        default=None, description="Role to assume for writing."
    )
    external_id: Annotated[str, Field(min_length=2, max_length=1224)] | None = Field(
        default=None, alias="externalId", description="What the role's trust asks for."
    )
    kms_key: Text | None = Field(default=None, alias="kmsKey", description="ARN of the key to encrypt with.")
    bucket_owner: Annotated[str, Field(pattern="^[0-9]{12}$")] | None = Field(
        default=None, alias="bucketOwner", description="Account that must own the bucket, else nothing is written."
    )
    manifest: bool | None = Field(default=None, description="Send the manifest too, last. Default: true.")
    time_zone: ZoneName | None = Field(default=None, alias="timeZone", description=_NAMES_ZONE)


class SFTPDestination(Strict):
    """A directory on an SFTP server."""

    type: Literal["SFTP"]
    name: Name | None = Field(default=None, description="Default: SFTP, with a number from the second on.")
    host: Annotated[str, Field(pattern="^[A-Za-z0-9.:_-]{1,255}$")]
    port: Annotated[int, Field(ge=1, le=65_535)] = _DEFAULTS["SFTP"]["port"]
    user: Annotated[str, Field(min_length=1, max_length=255)]
    sftp_details_key: Annotated[str, Field(min_length=1, max_length=512)] = Field(
        alias="sftpDetailsKey",
        description="Name of the secret in Secrets Manager with privateKey, passphrase or password.",
    )
    host_keys: Annotated[
        list[Annotated[str, AfterValidator(_pinned)]], Field(min_length=1, max_length=10), AfterValidator(unique)
    ] = Field(
        alias="hostKeys",
        description="The server's keys, any of which will do: fingerprints (SHA256:...) or public keys.",
    )
    directory: Annotated[str, Field(max_length=512), AfterValidator(_template)] = Field(
        default=_DEFAULTS["SFTP"]["directory"],
        description="Template of the directory. Default: where a login begins.",
        examples=["inbox/{study}"],
    )
    file_name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_file_name)] | None = Field(
        default=None,
        alias="fileName",
        description="Template of a file's name. Default: {export}_{study}_{window}_{table}_{file}.",
    )
    existing: Literal["fail", "overwrite", "suffix"] = Field(
        default=_DEFAULTS["SFTP"]["existing"], description="What happens where a file of that name is there."
    )
    create_directories: bool = Field(
        default=_DEFAULTS["SFTP"]["createDirectories"], alias="createDirectories", description="Make what is missing."
    )
    manifest: bool = Field(default=_DEFAULTS["SFTP"]["manifest"], description="Send the manifest too, last.")
    time_zone: ZoneName | None = Field(default=None, alias="timeZone", description=_NAMES_ZONE)


def _form(value: Any) -> str:
    other = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", "S3")
    return f"<{other}>" if other in ("SFTP", "EMAIL") else "<S3>"


Destination: TypeAlias = S3Destination | SFTPDestination | EmailDestination
AnyDestination = Annotated[
    Annotated[S3Destination, Tag("<S3>")]
    | Annotated[SFTPDestination, Tag("<SFTP>")]
    | Annotated[EmailDestination, AfterValidator(check_recipients), Tag("<EMAIL>")],
    Discriminator(_form),
]


def distinct_destinations(entries: list[Destination]) -> list[Destination]:
    """The entries, where no two have one name and only one is the stack's own bucket; raises ValueError."""
    own = [entry for entry in entries if isinstance(entry, S3Destination) and entry.bucket is None]
    if len(own) > 1:
        raise ValueError("must list the stack's own bucket once at most")
    for entry in own:
        if set(entry.model_fields_set) - {"type", "name"}:
            raise ValueError("must name the bucket of each S3 destination that has more than type and name")
    documents = [entry.model_dump(by_alias=True) for entry in entries]
    unique([str(entry["name"]) for entry in destinations(documents)])
    return entries


def check_tables(entries: Sequence[Destination], *, tables: bool) -> None:
    """Raise ValueError where two files of one export would get one name."""
    wanted = {**_PART, **(_TABLE if tables else {})}
    for entry in entries:
        if isinstance(entry, SFTPDestination) and entry.file_name is not None:
            missing = _missing(naming.fields_of(entry.directory) + naming.fields_of(entry.file_name), wanted)
            if missing:
                raise ValueError(
                    f"directory and fileName of {shown(entry.name or 'SFTP')} must name {missing}, else two files would"
                    " have one name"
                )
