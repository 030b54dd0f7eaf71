"""A server over HTTP as a process of its own, and what it writes meanwhile."""

import asyncio
import sys
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from tests.programs import ENVIRONMENT

TOKEN = "xyzzy-0123456789-http-token"
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


def environment_of(home, sandbox=None, api_url=None, **variables):
    """All that a service is given; with a sandbox for TestIO, if there is one."""
    kept = {name: ENVIRONMENT[name] for name in ("PYTHONPATH",) if name in ENVIRONMENT}
    online = {}
    if sandbox:
        online = {
            "TESTIO_CUSTOMER_API_BASE_URL": api_url,
            "TESTIO_CUSTOMER_API_TOKEN": sandbox.token,
        }
    return {**kept, "PATH": "/usr/bin:/bin", "HOME": str(home), **online, **variables}


def calling(tool, **arguments):
    """The body of a request that needs no conversation before it."""
    call = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


class HttpProcess:
    def __init__(self, process):
        self.process = process
        self.url = ""
        self.log = []
        self._reading = None

    async def has_started(self):
        while "Serving MCP on " not in (line := (await self._line())):
            assert line, self.log
        self.url = line.split()[-1]
        self._reading = asyncio.create_task(self._read_on())

    async def is_gone(self):
        await self.process.wait()
        await (self._reading or self._read_on())
        # What stands before it was read by whoever wanted to know.
        await self.process.stdout.read()

    @property
    def base(self):
        parts = urlsplit(self.url)
        return f"http://127.0.0.1:{parts.port}"

    async def ended(self, sent, within):
        """The exit code and what it printed, after a signal."""
        self.process.send_signal(sent)
        await asyncio.wait_for(self.process.wait(), within)
        await self._reading
        return self.process.returncode, await self.process.stdout.read()

    async def get(self, path="/health", **headers):
        return await self._ask("GET", path, headers)

    async def post(self, body, path="/mcp", **headers):
        return await self._ask("POST", path, ACCEPT | headers, json=body)

    async def _ask(self, method, path, headers, **options):
        async with httpx.AsyncClient(base_url=self.base, timeout=60) as http:
            return await http.request(method, path, headers=headers, **options)

    async def _line(self):
        self.log.append((await self.process.stderr.readline()).decode())
        return self.log[-1]

    async def _read_on(self):
        while await self._line():
            pass


@asynccontextmanager
async def http_process(environment, *arguments):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testio_mcp", "serve", "--transport", "http", "--port", "0"),
        *arguments,
        env=environment,
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    server = HttpProcess(process)
    try:
        await server.has_started()
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await server.is_gone()
