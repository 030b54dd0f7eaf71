"""The bundle as Claude Desktop would take it: checked, unpacked, started by uv, and asked."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from bundle import build
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from programs import run_node
from testio_mcp.sandbox import Sandbox, Scale, serving

SCRIPT = "mcpb/dist/cli/cli.js"
# Long enough to install everything on a slow computer.
STARTS_WITHIN = 600  # seconds


async def prove(home: Path) -> list[str]:
    """A sentence for each thing that holds."""
    bundle = build(home / "dist")
    folder = home / "Claude Extensions" / "testio-mcp"
    _mcpb(home, "unpack", str(bundle), str(folder))
    valid = _mcpb(home, "validate", str(folder / "manifest.json"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    sentences = [f"Unpacked by `mcpb unpack`. `mcpb validate`: {valid}"]
    config = manifest["server"]["mcp_config"]
    given = [argument.replace("${__dirname}", str(folder)) for argument in config["args"]]
    by_host = ["run", "--directory", str(folder), manifest["server"]["entry_point"]]
    for title, arguments in (("its `mcp_config`", given), ("its `entry_point`", by_host)):
        said = await _asked(manifest, arguments, home)
        sentences.append(f"Started by {title} with a `PATH` that holds uv and the system: {said}")
    return sentences


def _mcpb(home: Path, *arguments: str) -> str:
    done = run_node(SCRIPT, *arguments, home=home)
    if done.returncode:
        raise SystemExit(f"mcpb {arguments}: {done.stdout}{done.stderr}")
    return done.stdout.strip().splitlines()[-1]


async def _asked(manifest: dict[str, Any], arguments: list[str], home: Path) -> str:
    sandbox = Sandbox(Scale.SMALL)
    async with serving(sandbox) as url:
        environment = _environment(manifest, sandbox.token, home) | {
            "TESTIO_CUSTOMER_API_BASE_URL": url
        }
        command = manifest["server"]["mcp_config"]["command"]
        transport = StdioTransport(command, arguments, env=environment, cwd="/", keep_alive=False)
        async with Client(
            transport, mode="legacy", init_timeout=STARTS_WITHIN, timeout=STARTS_WITHIN
        ) as client:
            listed = [tool.name for tool in await client.list_tools()]
            assert listed == [tool["name"] for tool in manifest["tools"]]
            synced = await client.call_tool("sync_data", {"wait_seconds": 15})
            products = await client.call_tool("list_products")
    state, total = synced.structured_content["sync"]["state"], products.structured_content["total"]
    return f"{len(listed)} tools as in the manifest, a sync that ended {state}, {total} products."


def _environment(manifest: dict[str, Any], token: str, home: Path) -> dict[str, str]:
    """What the host makes of the answers of a person who gives the token and nothing else."""
    answers = {name: option.get("default", "") for name, option in manifest["user_config"].items()}
    answers["customer_api_token"] = token
    environment = dict(manifest["server"]["mcp_config"]["env"])
    for name, answer in answers.items():
        placeholder = f"${{user_config.{name}}}"
        environment = {
            key: value.replace(placeholder, answer) for key, value in environment.items()
        }
    uv = Path(os.environ.get("UV") or shutil.which("uv") or "uv")
    return {
        **environment,
        "PATH": os.pathsep.join([str(uv.parent), "/usr/bin", "/bin"]),
        "HOME": str(home),
        # Else it would fetch a Python and every package anew.
        "UV_PYTHON": os.path.realpath(sys.executable),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
    }
