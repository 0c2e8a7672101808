"""One embedded AWS per test session: template.yaml, the real handlers under Lambda's runtime client, roles enforced."""

from collections.abc import Iterator

import pytest

from e2e.outsider import Outsider
from tidegate_local.mailbox import Mailbox
from tidegate_local.stack import LocalStack

# Nothing may fire by itself in between, and further tables and buckets are only read where the template names them.
PARAMETERS = {
    "DailyScheduleState": "DISABLED",
    # The tests call the tick themselves, and do not wait a quarter of an hour for a redrive.
    "RedriveAfterSeconds": "0",
    "SourceTableArns": ",".join(
        f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}" for table in ("Elsewhere", "Unreadable")
    ),
    "OverrideBuckets": "override-files",
    "DestinationBuckets": "partner-files",
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Yield the running stack. What its functions print is in `stack.function_log`.

    All tests of a session share it, so each uses studies, request ids and exports of its own.
    """
    logs = tmp_path_factory.mktemp("stack")
    with Mailbox() as mailbox, LocalStack(auth=True, parameters=PARAMETERS, logs=logs, mailbox=mailbox) as running:
        yield running


@pytest.fixture(scope="session")
def outsider(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Outsider:
    """Return someone who knows of the stack what its outputs.json says."""
    return Outsider.of(stack, tmp_path_factory.mktemp("outsider"))
