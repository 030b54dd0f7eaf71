"""What a command's exit code says."""

from enum import IntEnum

from testio_mcp.errors import (
    ApiUnauthorized,
    ApiUnavailable,
    ConfigurationError,
    InvalidRequest,
    NotFound,
    SyncInProgress,
    TestIOMcpError,
)


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    CREDENTIALS = 4
    UNREACHABLE = 5
    SYNC_RUNNING = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong arguments or settings",
    ExitCode.INCOMPLETE: "done, but something could not be read",
    ExitCode.CREDENTIALS: "TestIO refused the token",
    ExitCode.UNREACHABLE: "TestIO could not be reached",
    ExitCode.SYNC_RUNNING: "another sync is running",
    ExitCode.INTERRUPTED: "interrupted",
}

_BY_ERROR: tuple[tuple[type[TestIOMcpError], ExitCode], ...] = (
    (ApiUnauthorized, ExitCode.CREDENTIALS),
    (ApiUnavailable, ExitCode.UNREACHABLE),
    (SyncInProgress, ExitCode.SYNC_RUNNING),
    (ConfigurationError, ExitCode.USAGE),
    (InvalidRequest, ExitCode.USAGE),
    (NotFound, ExitCode.USAGE),
)


def exit_code(error: TestIOMcpError) -> ExitCode:
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FAILED)
