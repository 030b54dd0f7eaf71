"""The folder of the cache: room, kind of disk, and who else may read it."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil

from testio_mcp.domain.findings import Verdict
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import shown

GIGABYTE = 1_000_000_000
# A sync of many bugs may need the first, and anything at all the second.
COMFORTABLE, NEEDED = GIGABYTE, GIGABYTE // 10
# File systems that lie on another computer.
REMOTE = {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p"}
REMOTE |= {"fuse.sshfs", "fuse.davfs2", "fuse.rclone", "fuse.glusterfs", "ceph", "ncpfs"}
COPIED = ("OneDrive", "Dropbox", "Google Drive", "GoogleDrive", "Mobile Documents", "iCloudDrive")
ELSEWHERE = "Set TESTIO_HOME to a folder on a disk of this computer."
PRIVATE = 0o077


def check(case: Case) -> Iterator[Found]:
    folder = _existing(case.path.parent)
    yield _room(folder)
    yield _disk(folder, case.computer.platform)
    if case.computer.platform != "win32":
        yield _permissions(case)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _room(folder: Path) -> Found:
    free = shutil.disk_usage(folder).free
    state = Verdict.OK
    if free < COMFORTABLE:
        state = Verdict.WARNING if free >= NEEDED else Verdict.PROBLEM
    said = f"{free / GIGABYTE:,.1f} GB free for {shown(folder)}"
    return Found("disk", state, said, None if state == Verdict.OK else "Free some space.")


def _disk(folder: Path, platform: str) -> Found:
    resolved = folder.resolve()
    remote = _remote(resolved, platform)
    if remote:
        said = f"{shown(folder)} lies on a network drive ({remote}), where SQLite loses data."
        return Found("drive", Verdict.PROBLEM, said, ELSEWHERE)
    service = next((name for name in COPIED if any(name in part for part in resolved.parts)), None)
    if service:
        said = f"{shown(folder)} is copied by {service}, which may damage the cache."
        return Found("drive", Verdict.WARNING, said, ELSEWHERE)
    return Found("drive", Verdict.OK, "a disk of this computer")


def _remote(folder: Path, platform: str) -> str | None:
    """The kind of network drive, if it is one."""
    if platform == "win32" and str(folder).startswith("\\\\"):
        return "shared folder"
    mounted = [
        disk
        for disk in psutil.disk_partitions(all=True)
        if folder.is_relative_to(Path(disk.mountpoint))
    ]
    if not mounted:
        return None
    disk = max(mounted, key=lambda disk: len(disk.mountpoint))
    is_remote = disk.fstype.lower() in REMOTE or "remote" in disk.opts.split(",")
    return disk.fstype or "network" if is_remote else None


def _permissions(case: Case) -> Found:
    open_to_others = [path for path in _ours(case) if stat.S_IMODE(path.stat().st_mode) & PRIVATE]
    if not open_to_others:
        return Found("permissions", Verdict.OK, "nobody else may read the files")

    def close() -> str:
        for path in open_to_others:
            path.chmod(0o700 if path.is_dir() else 0o600)
        return f"Nobody else may read {', '.join(map(shown, open_to_others))} any more."

    return Found(
        "permissions",
        Verdict.WARNING,
        f"Others may read {', '.join(map(shown, open_to_others))}.",
        "Run testio-mcp doctor --fix, which makes them private.",
        close,
    )


def _ours(case: Case) -> Iterator[Path]:
    """What holds the token or the customer's data."""
    settings = case.loaded.settings
    candidates = [settings.home, settings.home / ".env", settings.log_file]
    candidates += [case.path.with_name(case.path.name + suffix) for suffix in ("", "-wal", "-shm")]
    return (path for path in candidates if path and path.exists())
