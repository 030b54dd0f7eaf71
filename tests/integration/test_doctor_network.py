"""What is found between this computer and TestIO."""

import asyncio
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
from pydantic import SecretStr
from tests.examining import Patient
from tests.integration.api.corporate import HOST, Authority, fronting, proxying

from testio_mcp.settings import Settings

ISSUER = "Nordwind Inspection CA"
# Longer than a name may be, so that no name server is asked.
NO_NAME = f"{'x' * 70}.invalid"
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
    assert [found[area].state for area in ("host", "token", "proxy")] == ["ok"] * 3
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
    ],
)
async def test_a_clock_that_is_wrong_is_found(examined, header, state, said):
    async with answering(header) as url:
        found = await examined(url)
    assert (found["clock"].state, said in found["clock"].found) == (state, True)


async def test_a_clock_that_is_right_is_told(examined):
    async with answering(f"Date: {formatdate(usegmt=True)}") as url:
        found = await examined(url)
    assert (found["clock"].state, found["clock"].found) == ("ok", "as TestIO's")


@pytest.mark.parametrize("header", ["Date: soon", "X: y"])
async def test_of_a_clock_that_cannot_be_compared_nothing_is_said(examined, header):
    async with answering(header) as url:
        found = await examined(url)
    assert ("clock" in found, "certificate" in found) == (False, True)


async def test_the_issuer_of_a_certificate_is_named(examined, api_url, tmp_path, monkeypatch):
    authority = Authority(tmp_path, ISSUER)
    async with fronting(api_url, authority.issue("localhost")) as front:
        url = f"https://localhost:{front.port}{front.path}"
        untrusted = await examined(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        trusted = await examined(url)
    assert untrusted["host"].state == "problem"
    assert f"issued by '{ISSUER}'" in untrusted["host"].found
    assert trusted["certificate"].found.startswith(f"issued by '{ISSUER}'; if that is your company")
    assert trusted["certificate"].to_do is None
    assert trusted["token"].state == "ok"


async def test_the_proxy_is_named_without_its_password(examined, monkeypatch):
    async with proxying(refusal="407 Proxy Authentication Required") as proxy:
        address = f"127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://kaethe:passw0rd@{address}")
        found = await examined("https://api.test.invalid/v2")
    assert found["proxy"].found == f"{address}, from the environment"
    assert found["host"].state == "problem"
    assert "proxy" in found["host"].found
    assert "passw0rd" not in str(found)


@pytest.mark.parametrize("excepted", [NO_NAME, "*", "example.com, .invalid"])
async def test_no_proxy_is_told_where_none_is_used(examined, monkeypatch, excepted):
    async with proxying(refusal="403 Forbidden") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", excepted)
        found = await examined(f"https://{NO_NAME}/v2")
    assert proxy.asked == []
    assert found["proxy"].found.startswith(f"none is used for {NO_NAME}")


async def test_a_program_on_this_computer_is_reached_without_the_proxy(
    examined, api_url, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:8080")
    found = await examined(api_url)
    assert found["proxy"].found.startswith("none is used for 127.0.0.1")
    assert found["host"].state == "ok"


async def test_an_issuer_that_cannot_be_seen_is_said(examined, api_url, tmp_path, monkeypatch):
    authority = Authority(tmp_path, ISSUER)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with (
        fronting(api_url, authority.issue()) as front,
        proxying(front.port, grants=1) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        found = await examined(f"https://{HOST}{front.path}")
    assert found["certificate"].found == "trusted; who issued it could not be seen"


async def test_a_block_page_is_a_problem_of_the_host_and_not_of_the_token(examined):
    async with answering("Content-Type: text/html") as url:
        found = await examined(url)
    assert (found["host"].state, "token" in found) == ("problem", False)
    assert "block page" in found["host"].found
    assert "in a browser" in found["host"].to_do


async def test_certificates_that_cannot_be_read_are_a_problem_of_the_host(examined, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/missing.pem")
    found = await examined("https://127.0.0.1:9/v2")
    assert (found["host"].state, "SSL_CERT_FILE" in found["host"].found) == ("problem", True)
