"""Builds the bundle for Claude Desktop, and writes `server.json` for the MCP registry.

    uv run python scripts/bundle.py

The bundle goes to `dist/`. The same sources give the same bytes.
"""

import asyncio
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console

from testio_mcp.server import Opening, create_server
from testio_mcp.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SERVER_JSON = ROOT / "server.json"
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
# Publishing needs a proof that one owns the domain test.io, or another name here.
REGISTRY_NAME = "io.test/testio-mcp"
ENTRY_POINT = "src/testio_mcp/__main__.py"
# The lock is not checked: another index on the user's computer must not change what is installed.
START = ("run", "--directory", "${__dirname}", "--frozen", "testio-mcp", "serve")
# For corporate proxies, as the server itself does; the second is how older ones of uv call it.
SYSTEM_CERTIFICATES = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}

DESCRIPTION = "Ask about your TestIO crowd tests: what runs, which bugs are open, how good it is."
LONG_DESCRIPTION = (
    "For customer-success managers, product managers and QA leads who work with TestIO. Answers "
    "come from a local copy of your data, which is kept current in the background. Every answer "
    "says how old it is and what is missing. The server only reads from TestIO and never changes "
    "anything there.\n\n"
    "You need a token of the TestIO Customer API. The first start installs what the server needs, "
    "which takes a network and a minute or two; then the first sync reads your tests and bugs."
)
# What a person is asked for at the installation; everything else has a setting.
TITLES = {
    "customer_api_token": "TestIO API token",
    "product_ids": "Products",
    "sync_since": "How far back",
    "timezone": "Time zone",
}
# Beside the settings, the proxy of a company. Not HTTPS_PROXY: empty, as it is for most people, it
# would hide the one that a host may hand on.
PROXY = "ALL_PROXY"
PROXY_OPTION = {
    "type": "string",
    "title": "Proxy",
    "description": "Where your company's computers reach the internet through a proxy that your "
    "system's settings do not name. For example: http://proxy.example.com:3128",
    "required": False,
    # A password may stand in it.
    "sensitive": True,
    "default": "",
}

FILES = ("pyproject.toml", "uv.lock", ".python-version", "README.md", "LICENSE")
FOLDERS = ("src/testio_mcp", "alembic")
# The earliest that the format can express.
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
READABLE = 0o100644


def main() -> None:
    SERVER_JSON.write_text(as_json(server_json()), encoding="utf-8")
    path = build(ROOT / "dist")
    Console(highlight=False).print(f"{path.relative_to(ROOT)}, {path.stat().st_size:,} bytes")


def build(folder: Path) -> Path:
    """The path of the new bundle in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PROJECT['name']}-{PROJECT['version']}.mcpb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents()):
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            # As on Unix, wherever it is built.
            entry.create_system = 3
            entry.external_attr = READABLE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def contents() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the bundle."""
    yield "manifest.json", as_json(manifest()).encode()
    for path in (ROOT / name for name in FILES):
        content = path.read_bytes()
        yield path.name, for_users(content) if path.name == "pyproject.toml" else content
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()


def for_users(pyproject: bytes) -> bytes:
    """Without the dependencies of developers, which uv would install too.

    Without compiling everything either: the first start would be slower than clients wait.
    """
    compiling = b"compile-bytecode = true\n"
    assert pyproject.count(compiling) == 1
    return pyproject.replace(compiling, b"default-groups = []\n")


def manifest() -> dict[str, Any]:
    return {
        "manifest_version": "0.4",
        "name": PROJECT["name"],
        "display_name": "TestIO",
        "version": PROJECT["version"],
        "description": DESCRIPTION,
        "long_description": LONG_DESCRIPTION,
        "author": {"name": "testio-mcp contributors"},
        "license": PROJECT["license"],
        "keywords": PROJECT["keywords"],
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": [*START],
                "env": {
                    **{variable(name): f"${{user_config.{name}}}" for name in TITLES},
                    PROXY: "${user_config.proxy}",
                    **SYSTEM_CERTIFICATES,
                },
            },
        },
        "tools": tools(),
        "tools_generated": False,
        # Their texts are filled by the server.
        "prompts_generated": True,
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
        "user_config": {**{name: option(name) for name in TITLES}, "proxy": PROXY_OPTION},
    }


def server_json() -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "name": REGISTRY_NAME,
        "title": "TestIO",
        "description": DESCRIPTION,
        "version": PROJECT["version"],
        "packages": [
            {
                "registryType": "pypi",
                "identifier": PROJECT["name"],
                "version": PROJECT["version"],
                "runtimeHint": "uvx",
                "transport": {"type": "stdio"},
                "environmentVariables": [registered(name) for name in TITLES],
            }
        ],
    }


def tools() -> list[dict[str, str]]:
    """Names and first sentences, as a client reads them."""
    server = create_server(Opening(nullcontext))
    # In a thread of its own, because whoever calls may have an event loop.
    with ThreadPoolExecutor(1) as threads:
        listed = threads.submit(lambda: asyncio.run(server.list_tools())).result()
    return [
        {"name": tool.name, "description": re.split(r"(?<=\.)\s", tool.description or "")[0]}
        for tool in listed
    ]


def option(name: str) -> dict[str, Any]:
    """A setting as Claude Desktop asks for it.

    One that is not required needs a default: without a value the placeholder would be passed on.
    It is empty, which counts as not set: anything else would win over the person's settings file.
    """
    asked: dict[str, Any] = {
        "type": "string",
        "title": TITLES[name],
        "description": described(name),
        "required": is_secret(name),
        "sensitive": is_secret(name),
    }
    return asked if is_secret(name) else {**asked, "default": ""}


def registered(name: str) -> dict[str, Any]:
    return {
        "name": variable(name),
        "description": described(name),
        "isRequired": is_secret(name),
        "isSecret": is_secret(name),
    }


def described(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.get_default()
    without = f" Without one: {default}." if default else ""
    example = "" if is_secret(name) else f" For example: {(field.examples or [''])[0]}"
    return f"{field.description}{without}{example}"


def is_secret(name: str) -> bool:
    return SecretStr in getattr(Settings.model_fields[name].annotation, "__args__", ())


def variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
