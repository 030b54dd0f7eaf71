"""The sandbox of the demo: the same data for every process that uses it, for a week."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from filelock import FileLock

from testio_mcp.sandbox.sandbox import Sandbox
from testio_mcp.sandbox.scale import Scale

# Older data would have no test running now.
KEPT = timedelta(days=7)
SEED = 1


@dataclass(frozen=True)
class DemoState:
    """What processes of the demo agree on."""

    anchor: str
    # When the world went on after the first sync; None until it does.
    moved_on_at: str | None = None


class Demo:
    """The demo's data, anchored in time, in a folder of its own."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._file = folder / "demo.json"
        self._users = folder / "processes"
        for private in (folder.parent, folder, self._users):
            private.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Clients start their servers twice, at the same moment.
        self._alone = FileLock(folder / "demo.lock", mode=0o600)
        with self._alone:
            state = self._load()
            # Others may be reading the old data; they finish the week with it.
            if state is None or (self._is_old(state, now) and not self._others()):
                for leftover in folder.glob("cache.db*"):
                    leftover.unlink()
                state = DemoState(now.astimezone(UTC).replace(microsecond=0).isoformat())
                self._save(state)
            (self._users / str(os.getpid())).touch()
        self._state = state
        self.sandbox = Sandbox(Scale.SMALL, SEED, datetime.fromisoformat(state.anchor))
        if state.moved_on_at:
            self.sandbox.world.move_on(datetime.fromisoformat(state.moved_on_at))

    def move_on(self) -> bool:
        """Let some time pass in the world, so that there are changes to see.

        The worlds of all processes do so at the same instant. False where this one's has before.
        """
        if self._state.moved_on_at:
            return False
        with self._alone:
            known = self._load() or self._state
            instant = known.moved_on_at or datetime.now(UTC).isoformat()
            self._state = DemoState(self._state.anchor, instant)
            self._save(self._state)
        self.sandbox.world.move_on(datetime.fromisoformat(instant))
        return True

    def close(self) -> None:
        (self._users / str(os.getpid())).unlink(missing_ok=True)

    def _load(self) -> DemoState | None:
        try:
            state = DemoState(**json.loads(self._file.read_text(encoding="utf-8")))
            instants = filter(None, (state.anchor, state.moved_on_at))
            sound = all(datetime.fromisoformat(instant).tzinfo for instant in instants)
        except (OSError, ValueError, TypeError):
            return None
        return state if sound else None

    def _save(self, state: DemoState) -> None:
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(state)), encoding="utf-8")
        draft.replace(self._file)

    def _others(self) -> bool:
        """Whether a living process uses the demo; notes of dead ones are removed."""
        # Desktops leave files of their own in every folder.
        notes = [note for note in self._users.iterdir() if note.name.isdecimal()]
        living = {int(note.name) for note in notes if psutil.pid_exists(int(note.name))}
        for note in notes:
            if int(note.name) not in living:
                note.unlink(missing_ok=True)
        return bool(living - {os.getpid()})

    @staticmethod
    def _is_old(state: DemoState, now: datetime) -> bool:
        return now - datetime.fromisoformat(state.anchor) > KEPT
