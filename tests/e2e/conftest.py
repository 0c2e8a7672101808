"""One embedded AWS per test session: template.yaml, the real handlers under Lambda's runtime client, roles enforced."""

from collections.abc import Iterator

import pytest

from tidegate_local.stack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Yield the running stack. What its functions print is in `stack.function_log`.

    All tests of a session share it, so each uses studies, request ids and exports of its own.
    """
    with LocalStack(auth=True, logs=tmp_path_factory.mktemp("stack")) as running:
        yield running
