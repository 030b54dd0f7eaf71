"""Errors whose message is safe and useful to show to a person or a model.

TestIOMcpError(message, hint)
├── NotFound             neither cached nor known to TestIO
├── InvalidRequest       an argument is well-typed but makes no sense
├── ConfigurationError   a setting is missing, wrong, or belongs to another customer
├── SyncInProgress       another process is syncing this cache
├── DatabaseError        the cache cannot be opened, read or written
│   └── DatabaseNewer    the cache was written by a newer version of this program
└── ApiError             TestIO could not be reached, refused, or made no sense
    ├── ApiUnauthorized  the token is wrong or may not do this
    ├── ApiNotFound      TestIO does not know the thing that was asked for
    ├── ApiRateLimited   too many requests; retry_after says how long to wait
    ├── ApiUnavailable   5xx, time-out, refused or dropped connection
    └── ApiProtocolError an answer that is not what TestIO documents

Anything else that escapes is a bug and is reported as an internal error.
Messages hold no token, no SQL and no text that a tester wrote.
"""


class TestIOMcpError(Exception):
    """Base of every expected failure; `hint` says what to do next."""

    # Not a test class, whatever its name looks like to a collector.
    __test__ = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class NotFound(TestIOMcpError):
    """`caveat` says what the cache lacks, where that may be the reason."""

    def __init__(self, kind: str, id: int | str, *, caveat: str | None = None) -> None:
        # Features have no list of their own yet; a test names those it covers.
        finder = "get_test_summary" if kind == "feature" else f"list_{kind}s"
        hint = f"Call {finder} to find the right id."
        super().__init__(
            f"{kind.capitalize()} {id} is not known.", hint=f"{caveat} {hint}" if caveat else hint
        )


class InvalidRequest(TestIOMcpError):
    pass


class ConfigurationError(TestIOMcpError):
    pass


class SyncInProgress(TestIOMcpError):
    pass


class DatabaseError(TestIOMcpError):
    pass


class DatabaseNewer(DatabaseError):
    pass


class ApiError(TestIOMcpError):
    """`status` is the HTTP status, where there was an answer."""

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ApiUnauthorized(ApiError):
    pass


class ApiNotFound(ApiError):
    pass


class ApiRateLimited(ApiError):
    """`retry_after` is in seconds, as TestIO asked for it; None when it did not say."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, hint="Try again in a few minutes.", status=429)
        self.retry_after = retry_after


class ApiUnavailable(ApiError):
    pass


class ApiProtocolError(ApiError):
    pass


def expected(error: BaseException | None) -> TestIOMcpError | None:
    """The error of ours that others were raised from; None for a bug.

    FastMCP wraps what a tool raises once, and what a tool is given twice.
    """
    while error is not None and not isinstance(error, TestIOMcpError):
        error = error.__cause__
    return error
