"""What is found between this computer and TestIO."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from tests.examining import Patient
from tests.integration.api.corporate import Authority, fronting, proxying

from testio_mcp.settings import Settings

ISSUER = "Nordwind Inspection CA"
NOWHERE = "http://127.0.0.1:9/customer/v2"


@pytest.fixture(autouse=True)
def plain_network(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def examined(home, sandbox):
    """Examine with this address and this token."""

    async def examined(url, token=sandbox.token):
        secret = SecretStr(token) if token else None
        settings = Settings(_env_file=None, customer_api_base_url=url, customer_api_token=secret)
        return await Patient(settings, home, TESTIO_CUSTOMER_API_TOKEN=token).beside_servers()

    return examined


@asynccontextmanager
async def answering(*headers):
    """A server that refuses everybody, with these headers."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        lines = ("HTTP/1.1 401 Unauthorized", "Content-Length: 0", "Connection: close", *headers)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"


async def test_a_token_that_is_accepted_is_told_with_what_it_sees(examined, api_url):
    found = await examined(api_url)
    assert [found[area].state for area in ("host", "token", "proxy", "clock")] == ["ok"] * 4
    assert found["token"].found == "accepted, sees 4 products; from the environment"
    assert found["host"].found.startswith("127.0.0.1 answers in ")


async def test_a_token_that_is_refused_is_a_problem_of_the_token_alone(examined, api_url):
    found = await examined(api_url, "wrong")
    assert (found["host"].state, found["token"].state) == ("ok", "problem")
    assert "testio-mcp setup" in found["token"].to_do


async def test_without_a_token_it_is_still_seen_whether_testio_answers(examined, api_url):
    found = await examined(api_url, None)
    assert (found["host"].state, found["token"].state) == ("ok", "problem")
    assert found["token"].found == "No TestIO token is set."


async def test_a_server_that_is_not_there_is_a_problem_of_the_host(examined):
    found = await examined(NOWHERE)
    assert (found["host"].state, "token" in found) == ("problem", False)
    assert "connection refused" in found["host"].found
    assert "network connection" in found["host"].to_do


@pytest.mark.parametrize(
    ("header", "state", "said"),
    [
        ("Date: Sat, 01 Jan 2022 00:00:00 GMT", "warning", "ahead of TestIO's"),
        ("Date: Sat, 01 Jan 2101 00:00:00 GMT", "warning", "behind TestIO's"),
        ("Date: soon", "ok", "does not say"),
        ("X: y", "ok", "does not say"),
    ],
)
async def test_a_clock_that_is_wrong_is_found(examined, header, state, said):
    async with answering(header) as url:
        found = await examined(url)
    assert (found["clock"].state, said in found["clock"].found) == (state, True)


async def test_the_issuer_of_a_certificate_is_named(examined, api_url, tmp_path, monkeypatch):
    authority = Authority(tmp_path, ISSUER)
    async with fronting(api_url, authority.issue("localhost")) as front:
        url = f"https://localhost:{front.port}{front.path}"
        untrusted = await examined(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        trusted = await examined(url)
    assert untrusted["host"].state == "problem"
    assert f"issued by '{ISSUER}'" in untrusted["host"].found
    assert trusted["certificate"].found == f"issued by '{ISSUER}'"
    assert trusted["token"].state == "ok"


async def test_the_proxy_is_named_without_its_password(examined, monkeypatch):
    async with proxying(refusal="407 Proxy Authentication Required") as proxy:
        address = f"127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://kaethe:passw0rd@{address}")
        found = await examined("https://api.test.invalid/v2")
    assert found["proxy"].found == f"http://***@{address}"
    assert found["host"].state == "problem"
    assert "proxy" in found["host"].found
    assert "passw0rd" not in str(found)


async def test_no_proxy_is_told_for_an_exception(examined, api_url, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:8080")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = await examined(api_url)
    assert found["proxy"].found == "none for 127.0.0.1, which NO_PROXY excepts"
