"""The sandbox starts and ends cleanly, inside a loop and as a process."""

import asyncio
import logging
import signal
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from testio_mcp.sandbox import Fault, FaultKind, Sandbox, serving

ANCHOR = datetime(2026, 11, 21, 3, tzinfo=UTC)
PROGRAM = """
from testio_mcp.sandbox import Sandbox, run
run(Sandbox(), port=0, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def asking(url):
    return httpx.AsyncClient(base_url=url, headers={"Authorization": "Token sandbox"}, verify=False)


async def test_the_port_is_free_again_afterwards():
    async with serving(Sandbox(anchor=ANCHOR)) as url, asking(url) as client:
        port = client.base_url.port
        assert (await client.get("products")).status_code == 200
    async with serving(Sandbox(anchor=ANCHOR), port=port) as again:
        assert again == url


async def test_a_taken_port_is_an_error():
    async with serving(Sandbox(anchor=ANCHOR)) as url:
        port = httpx.URL(url).port
        with pytest.raises(OSError, match=r"address already in use|normally permitted"):
            async with serving(Sandbox(anchor=ANCHOR), port=port):
                pass


async def test_after_the_end_connections_are_refused():
    async with serving(Sandbox(anchor=ANCHOR)) as url:
        pass
    async with asking(url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("products")


async def test_the_end_does_not_wait_for_slow_answers(caplog):
    caplog.set_level(logging.INFO, "uvicorn")
    sandbox = Sandbox(anchor=ANCHOR)
    sandbox.faults.add(Fault("products", FaultKind.DELAY, seconds=600))
    async with asyncio.timeout(10), serving(sandbox) as url, asking(url) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get("products", timeout=0.05)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_no_signal_handler_is_installed_and_nothing_is_printed(capsys):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serving(Sandbox(anchor=ANCHOR)) as url, asking(url) as client:
        await client.get("products")
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert capsys.readouterr() == ("", "")


async def test_the_loggers_of_other_servers_are_left_alone():
    loggers = [logging.getLogger(f"uvicorn.{name}") for name in ("access", "error")]
    before = [(logger.level, logger.propagate, logger.handlers) for logger in loggers]
    async with serving(Sandbox(anchor=ANCHOR)) as url, asking(url) as client:
        await client.get("products")
    assert [(logger.level, logger.propagate, logger.handlers) for logger in loggers] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_serves_until_a_signal_ends_it(number):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        answer = httpx.get(f"{url}/products", headers={"Authorization": "Token sandbox"})
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert answer.status_code == 200
    assert (out, err, process.returncode) == ("ended\n", "", 0)
