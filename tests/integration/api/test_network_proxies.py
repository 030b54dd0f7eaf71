"""Proxies of companies: what goes through them, what does not, and how their refusals are told."""

import asyncio
import socket
import traceback

import pytest
from tests.integration.api.calls import TOKEN, error_of, new_client
from tests.integration.api.corporate import HOST, Authority, fronting, proxying

from testio_mcp.errors import ApiTimeout, ApiUnavailable

NOWHERE = f"https://{HOST}/customer/v2"
# Longer than a name may be, so that no name server is asked.
NO_NAME = f"{'x' * 70}.invalid"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "Nordwind Inspection CA")


@pytest.fixture
async def front(url, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with fronting(url, authority.issue()) as front:
        yield front


def through(monkeypatch, proxy, user=""):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.port}")


async def test_a_proxy_leads_to_testio_and_never_sees_the_token(front, monkeypatch):
    async with proxying(front.port) as proxy:
        through(monkeypatch, proxy)
        async with new_client(f"https://{HOST}{front.path}") as client:
            assert (await client.products()).rows == 4
    assert proxy.asked == [f"{HOST}:443"]
    assert TOKEN.encode() in b"".join(front.seen)
    assert TOKEN.encode() not in b"".join(proxy.heads)


async def test_a_proxy_may_want_a_user_name_and_a_password(front, monkeypatch):
    async with proxying(front.port, user="eve:hunt@r2") as proxy:
        through(monkeypatch, proxy)
        async with new_client(f"https://{HOST}{front.path}") as client:
            error = await error_of(client.products())
            assert client.requests_sent == 1
        through(monkeypatch, proxy, "eve:hunt%40r2@")
        async with new_client(f"https://{HOST}{front.path}") as client:
            assert (await client.products()).rows == 4
    wanted = f"the proxy refused (407): it wants a user name and password (127.0.0.1:{proxy.port})"
    assert wanted in error.message
    assert "HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT" in error.hint


@pytest.mark.parametrize(
    ("refusal", "said", "hint", "attempts"),
    [
        ("403 Forbidden", "the proxy refused (403)", "to allow TestIO's address", 1),
        ("418 Teapot", "the proxy refused (418)", "HTTPS_PROXY", 1),
        ("500 Oops", "the proxy could not reach it either (500)", "Try again", 3),
        ("502 Bad Gateway", "the proxy could not reach it either (502)", "Try again", 3),
    ],
)
async def test_what_a_proxy_answers_is_told(monkeypatch, refusal, said, hint, attempts):
    async with proxying(refusal=refusal) as proxy:
        through(monkeypatch, proxy, "eve:hunter2@")
        async with new_client(NOWHERE) as client:
            error = await error_of(client.products())
    assert f"{said} (127.0.0.1:{proxy.port})" in error.message
    assert hint in error.hint
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert len(proxy.asked) == attempts
    # Or TestIO would be thought to stumble over one item of a list.
    assert not error.may_be_one_item


async def test_a_proxy_that_is_not_there_is_named_rather_than_testio(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://eve:hunter2@127.0.0.1:{port}")
        async with new_client(NOWHERE, attempts=1) as client:
            error = await error_of(client.products())
    assert error.message == f"The proxy 127.0.0.1:{port} could not be reached: connection refused."
    assert "HTTPS_PROXY" in error.hint
    assert "hunter2" not in "".join(traceback.format_exception(error))


async def test_a_proxy_without_an_address_is_named_rather_than_testio(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://{NO_NAME}:3128")
    async with new_client(NOWHERE, attempts=1) as client:
        error = await error_of(client.products())
    assert error.message == f"The proxy {NO_NAME}:3128 could not be reached: name not found."


async def test_a_proxy_that_hangs_up_is_not_said_to_be_unreachable(monkeypatch):
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with new_client(NOWHERE, attempts=1) as client:
            error = await error_of(client.products())
    assert f"connection dropped ({HOST})" in error.message


async def test_a_proxy_that_never_answers_is_a_time_out(monkeypatch):
    ended = asyncio.Event()

    async def never_answer(_reader, writer):
        await ended.wait()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with new_client(NOWHERE, attempts=1, timeout=0.1) as client:
            error = await error_of(client.products())
        ended.set()
    assert isinstance(error, ApiTimeout)


@pytest.mark.parametrize("names", [NO_NAME, "example.com, invalid", ".invalid", "*"])
async def test_no_proxy_names_what_needs_none(monkeypatch, names):
    async with proxying(refusal="403 Forbidden") as proxy:
        through(monkeypatch, proxy)
        monkeypatch.setenv("NO_PROXY", names)
        async with new_client(f"https://{NO_NAME}", attempts=1) as client:
            error = await error_of(client.products())
    assert proxy.asked == []
    assert f"name not found ({NO_NAME})" in error.message


async def test_a_program_on_this_computer_is_not_behind_the_proxy(url, monkeypatch):
    """The demo and the sandbox work in every network."""
    async with proxying(refusal="403 Forbidden") as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with new_client(url) as client:
            assert (await client.products()).rows == 4
    assert proxy.asked == []


async def test_a_proxy_that_speaks_socks_is_said_not_to_do(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://eve:hunter2@127.0.0.1:1080")
    async with new_client(NOWHERE) as client:
        error = await error_of(client.products())
    assert isinstance(error, ApiUnavailable)
    assert "SOCKS" in error.message
    assert "ALL_PROXY" in error.hint


async def test_a_redirect_does_not_carry_the_token_away():
    async with proxying(refusal="200 OK") as elsewhere:
        moved = f"302 Found\r\nLocation: http://127.0.0.1:{elsewhere.port}/products"
        async with (
            proxying(refusal=moved) as server,
            new_client(f"http://127.0.0.1:{server.port}") as client,
        ):
            error = await error_of(client.products())
    assert "redirects are not followed" in error.message
    assert TOKEN.encode() in server.heads[0]
    assert elsewhere.heads == []
