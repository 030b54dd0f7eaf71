"""One sync at a time, across all processes that share a cache file."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from testio_mcp.errors import DatabaseError, SyncInProgress

# What is left of a sync is not known; most are through by then.
RETRY_SECONDS = 30


@dataclass(frozen=True)
class Holder:
    """Who holds the lock. `started` is the process's, in seconds since the epoch."""

    pid: int
    started: float
    command: str
    since: str

    @property
    def since_time(self) -> datetime:
        return datetime.fromisoformat(self.since)

    def age_seconds(self, now: datetime) -> int:
        return max(0, round((now - self.since_time).total_seconds()))


class SyncLock:
    """An operating-system lock, so that a dead holder frees it at once.

    The lock file says nothing of its holder, which writes its name beside it.
    """

    def __init__(self, database: Path) -> None:
        name = "sync.lock" if database.name == "cache.db" else f"{database.name}.sync.lock"
        self._lock = FileLock(database.with_name(name), mode=0o600)
        self._note = database.with_name(f"{name}.holder.json")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock, or raise SyncInProgress at once."""
        # FileLock itself lets its holder in a second time.
        if self._lock.is_locked:
            raise self._busy()
        try:
            self._lock.acquire(timeout=0)
            self._sign()
        except Timeout as error:
            raise self._busy() from error
        except OSError as error:
            self._lock.release()
            raise DatabaseError(
                f"The lock file beside the cache cannot be used: {error.strerror}.",
                hint="Check the permissions of the folder, or set TESTIO_HOME.",
            ) from error
        try:
            yield
        finally:
            # The note goes first: whoever gets the lock next writes its own.
            self._note.unlink(missing_ok=True)
            self._lock.release()

    def holder(self) -> Holder | None:
        """The living process that holds the lock, None where there is none."""
        try:
            holder = Holder(**json.loads(self._note.read_text(encoding="utf-8")))
            started = psutil.Process(holder.pid).create_time()
        except (OSError, ValueError, TypeError, psutil.Error):
            return None
        # Process ids are used again; the start tells the holder from a stranger.
        return holder if abs(started - holder.started) < 1 else None

    def _busy(self) -> SyncInProgress:
        holder = self.holder()
        who = (
            f"(pid {holder.pid}, {holder.age_seconds(datetime.now(UTC))} s)"
            if holder
            else "(by another process)"
        )
        return SyncInProgress(f"Sync in progress {who}.", hint=f"Retry in {RETRY_SECONDS} seconds.")

    def _sign(self) -> None:
        holder = Holder(
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]),
            since=datetime.now(UTC).isoformat(),
        )
        draft = self._note.with_suffix(f".{holder.pid}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(holder)), encoding="utf-8")
        draft.replace(self._note)
