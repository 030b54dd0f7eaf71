"""The log: on stderr or in a file, never on stdout, never with the token."""

import logging
import sys
from pathlib import Path
from typing import TextIO

from testio_mcp.errors import expected
from testio_mcp.settings import Loaded, shown

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to(loaded: Loaded, *, verbose: bool, quiet: bool) -> None:
    """Send the log of this program to stderr or its file, without the token."""
    settings = loaded.settings
    level = "DEBUG" if verbose else "ERROR" if quiet else settings.log_level.upper()
    handler: logging.Handler = _ToStderr()
    if settings.log_file:
        try:
            handler = _private_file(settings.log_file)
        except OSError as error:
            loaded.warnings.append(
                f"TESTIO_LOG_FILE {shown(settings.log_file)} cannot be written "
                f"({error.strerror}); the log goes to the standard error output."
            )
    handler.addFilter(_Redacting(loaded.secrets))
    handler.setFormatter(logging.Formatter(FORMAT))
    # Loggers of libraries have levels of their own, which the handler overrules.
    handler.setLevel(level)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # FastMCP draws its own log for developers, with the traceback of every expected error.
    logging.getLogger("fastmcp").handlers.clear()
    logging.getLogger("fastmcp").propagate = True
    # Their debug lines hold requests with all their headers.
    for chatty in ("httpcore", "httpx", "hpack", "aiosqlite", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_requests(loaded: Loaded) -> None:
    """Each HTTP request is a line on stderr, whatever the level and the place of the log."""
    handler = logging.StreamHandler()
    handler.addFilter(_Redacting(loaded.secrets))
    handler.setFormatter(logging.Formatter(FORMAT))
    access = logging.getLogger("uvicorn.access")
    access.handlers[:] = [handler]
    access.propagate = False
    access.setLevel(logging.INFO)


class _ToStderr(logging.StreamHandler[TextIO]):
    """Looks for stderr each time: what draws on a terminal stands in for it meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Redacting(logging.Filter):
    """Takes secrets out of every message, wherever they may have come from."""

    def __init__(self, secrets: set[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        found = expected(record.exc_info[1]) if record.exc_info else None
        if found:
            # Its message says all, and the caller got it: no error of this program.
            record.msg, record.args = f"{record.getMessage()}: {found}", None
            record.exc_info = record.exc_text = None
            record.levelno, record.levelname = logging.INFO, "INFO"
            if not logging.getLogger().isEnabledFor(logging.INFO):
                return False
        if record.exc_info:
            formatter = logging.Formatter()
            record.exc_text = self._without(formatter.formatException(record.exc_info))
        message = record.getMessage()
        if (redacted := self._without(message)) != message:
            record.msg, record.args = redacted, None
        return True

    def _without(self, text: str) -> str:
        # A token that the keyring gives becomes known after the log has begun.
        for secret in tuple(self._secrets):
            text = text.replace(secret, "***")
        return text


def _private_file(path: Path) -> logging.Handler:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=True)
    return logging.FileHandler(path, encoding="utf-8")
