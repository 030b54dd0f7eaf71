"""The interpreter, the packages, and the SQLite that all of it runs on."""

import platform
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from testio_mcp.database.inspection import has_fts5
from testio_mcp.domain.findings import Verdict
from testio_mcp.services.doctor.findings import Case, Found

# Whose versions matter when something is odd.
PACKAGES = ("fastmcp", "mcp", "httpx", "sqlmodel", "sqlalchemy", "aiosqlite", "keyring")


def check(case: Case) -> Iterator[Found]:
    yield Found(
        "program",
        Verdict.OK,
        f"testio-mcp {version('testio-mcp')} on Python {platform.python_version()} "
        f"({platform.system()} {platform.machine()}), {sys.executable}",
    )
    versions = {name: _version(name) for name in PACKAGES}
    missing = [name for name, found in versions.items() if found is None]
    yield Found(
        "packages",
        Verdict.PROBLEM if missing else Verdict.OK,
        ", ".join(f"{name} {found or 'missing'}" for name, found in versions.items()),
        "Install testio-mcp again." if missing else None,
    )
    yield _sqlite()


def _sqlite() -> Found:
    if not has_fts5():
        return Found(
            "SQLite",
            Verdict.PROBLEM,
            f"SQLite {sqlite3.sqlite_version} cannot keep an index of words (FTS5).",
            "Install testio-mcp with a Python from python.org or from uv.",
        )
    said = f"SQLite {sqlite3.sqlite_version}, which can do all that testio-mcp needs"
    return Found("SQLite", Verdict.OK, said)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
