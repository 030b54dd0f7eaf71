"""Errors whose message is safe and useful to show to a person or a model.

TestIOMcpError(message, hint)
├── NotFound               neither cached nor known to TestIO
├── InvalidRequest         an argument is well-typed but makes no sense
├── ConfigurationError     a setting is missing, wrong, or belongs to another customer
│   └── KeyringUnusable    the keyring does not do as it is told (credentials)
├── SyncInProgress         another process is syncing this cache
├── FileError              a file cannot be written where it was asked for
├── DatabaseError          the cache cannot be opened, read or written
│   ├── DatabaseNewer      the cache was written by a newer version of this program
│   └── DatabaseDamaged    the cache is no SQLite database any more (database.migrations)
├── NotStarted             what a client is told to start is no MCP server (clients.starting)
└── ApiError               TestIO could not be reached, refused, or made no sense
    ├── ApiUnauthorized    the token is wrong or may not do this
    ├── ApiNotFound        TestIO does not know the thing that was asked for
    ├── ApiRateLimited     too many requests; retry_after says how long to wait
    ├── ApiUnavailable     5xx, refused or dropped connection
    │   ├── ApiTimeout     the answer took too long; a smaller question may be answered
    │   └── ApiUnreachable a certificate or a proxy stands in the way (api.failures)
    └── ApiProtocolError   an answer that is not what TestIO documents

Anything else that escapes is a bug and is reported as an internal error.
Messages hold no token, no SQL and no text that a tester wrote.
"""

INTERNAL_SERVER_ERROR = 500


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
    """`caveat` says what the cache lacks, `obstacle` why TestIO could not be asked."""

    def __init__(
        self, kind: str, *ids: int, caveat: str | None = None, obstacle: str | None = None
    ) -> None:
        self.kind = kind
        self.ids = ids
        many = len(ids) > 1
        named = f"{kind.capitalize()}{'s' if many else ''} {', '.join(map(str, ids))}"
        are = "are" if many else "is"
        them = "them" if many else "it"
        hint = obstacle or f"Call list_{kind}s to find the right id."
        unknown = f"{named} {are} not known."
        unasked = f"{named} {are} not in the local copy, and TestIO could not be asked for {them}."
        super().__init__(
            unasked if obstacle else unknown, hint=f"{caveat} {hint}" if caveat else hint
        )


class InvalidRequest(TestIOMcpError):
    pass


class ConfigurationError(TestIOMcpError):
    pass


class SyncInProgress(TestIOMcpError):
    pass


class FileError(TestIOMcpError):
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

    @property
    def may_be_one_item(self) -> bool:
        """Whether one bad item may be why a whole list fails (testio-api: What breaks)."""
        return isinstance(self, ApiProtocolError) or self.status == INTERNAL_SERVER_ERROR


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


class ApiTimeout(ApiUnavailable):
    pass


class ApiProtocolError(ApiError):
    pass


def leading(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of several to tell people: an expected one rather than a bug."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            leaves.append(error)
    return next((error for error in leaves if isinstance(error, TestIOMcpError)), leaves[0])


def expected(error: BaseException | None) -> TestIOMcpError | None:
    """The error of ours that others were raised from; None for a bug.

    FastMCP wraps what a tool raises once, and what a tool is given twice.
    """
    while error is not None and not isinstance(error, TestIOMcpError):
        error = error.__cause__
    return error
