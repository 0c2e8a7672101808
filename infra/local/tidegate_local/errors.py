"""The errors of the embedded AWS.

LocalStackError
 +-- PortTakenError   another program listens on the port that was asked for
 +-- TooLateError     what was waited for did not happen in time
"""

from tidegate.errors import TidegateError


class LocalStackError(TidegateError):
    """The embedded AWS could not do what it was asked to."""

    default_code = "LOCAL_STACK"


class PortTakenError(LocalStackError):
    """Another program listens on the port that was asked for."""

    default_code = "PORT_TAKEN"


class TooLateError(LocalStackError):
    """What was waited for did not happen in time."""

    default_code = "TOO_LATE"
