"""Bundles of testio-mcp that were installed in Claude Desktop as extensions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testio_mcp.clients.entries import PROGRAM
from testio_mcp.clients.locations import ClientName, Location

FOLDER = "Claude Extensions"


@dataclass(frozen=True)
class Extension:
    folder: Path
    version: str


def extensions(place: Location) -> Iterator[Extension]:
    """Ours among those of a client; what is no manifest is of somebody else."""
    if place.client is not ClientName.CLAUDE_DESKTOP:
        return
    for file in sorted((place.file.parent / FOLDER).glob("*/manifest.json")):
        try:
            manifest = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(manifest, dict) and manifest.get("name") == PROGRAM:
            yield Extension(file.parent, str(manifest.get("version")))
