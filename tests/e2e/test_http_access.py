"""Who may ask a server over HTTP: by address, by name, by token, and by size."""

import socket

import pytest
from fastmcp import Client
from tests.e2e.commands import say_one_line
from tests.e2e.over_http import LIST_TOOLS, TOKEN, calling, environment_of, http_process

SHARED = "testio.team.example"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def protected(home):
    return environment_of(home, TESTIO_HTTP_TOKEN=TOKEN)


async def test_other_names_and_foreign_pages_are_refused(home):
    async with http_process(environment_of(home)) as server:
        port = server.base.rsplit(":", 1)[1]

        async def status(path="/health", **headers):
            return (await server.get(path, **headers)).status_code

        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            assert await status(Host=host) == 421, host
            assert (await server.post(LIST_TOOLS, Host=host)).status_code == 421, host
        # Whatever the machine is called: it is not reached by that name.
        assert await status(Host=SHARED) == 421
        for host in ("localhost", f"127.0.0.1:{port}", f"[::1]:{port}"):
            assert await status(Host=host) == 200, host
        for origin in ("https://evil.example", "null", f"http://evil.example:{port}"):
            assert await status(Origin=origin) == 403, origin
            assert (await server.post(LIST_TOOLS, Origin=origin)).status_code == 403, origin
        assert (await server.post(LIST_TOOLS, Origin=server.base)).status_code == 200


async def test_the_token_is_asked_for_wherever_it_is_set_but_not_for_health(protected):
    refused = [
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer \u00fc".encode("latin-1")},
        {"Authorization": "Bearer"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
    ]
    async with http_process(protected, "--verbose") as server:
        for headers in refused:
            for path in ("/mcp", "/elsewhere", "/health/"):
                answer = await server.post(LIST_TOOLS, path, **headers)
                assert (answer.status_code, path) == (401, path), headers
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert "TESTIO_HTTP_TOKEN" in answer.text
        assert (await server.get()).status_code == 200
        for headers in (BEARER, {"authorization": f"bearer  {TOKEN}"}):
            assert (await server.post(LIST_TOOLS, **headers)).status_code == 200
        async with Client(server.url, auth=TOKEN) as client:
            assert await client.list_tools()
        await server.ended(15, within=10)
    # Not even in the log that tells everything.
    assert "GET /health" in "".join(server.log)
    assert TOKEN not in "".join(server.log)


async def test_a_short_token_works_and_is_warned_of(home):
    async with http_process(environment_of(home, TESTIO_HTTP_TOKEN="short")) as server:
        said = await server.post(calling("get_server_diagnostics"), Authorization="Bearer short")
    assert "TESTIO_HTTP_TOKEN can be guessed" in said.text.replace("\\", "")


async def test_with_a_token_others_may_reach_it_by_its_addresses_and_the_names_given(protected):
    arguments = ("--host", "0.0.0.0", "--allowed-hosts", f"{SHARED}, *.lab.example")
    async with http_process(protected, *arguments) as server:
        for host in (SHARED, "a.lab.example", socket.gethostname(), "127.0.0.1"):
            assert (await server.post(LIST_TOOLS, Host=host, **BEARER)).status_code == 200, host
        for host in ("evil.example", "lab.example", "0.0.0.0"):
            assert (await server.post(LIST_TOOLS, Host=host, **BEARER)).status_code == 421, host
        assert (await server.post(LIST_TOOLS)).status_code == 401
        refused = await server.post(LIST_TOOLS, Origin="https://evil.example", **BEARER)
        assert refused.status_code == 403


async def test_a_request_of_many_megabytes_is_refused(home):
    large = LIST_TOOLS | {"params": {"_meta": {"padding": "x" * 5_000_000}}}
    async with http_process(environment_of(home)) as server:
        assert (await server.post(large)).status_code == 413
        assert (await server.post(LIST_TOOLS)).status_code == 200


@pytest.fixture
def serve(run, monkeypatch):
    """What a server says that does not start."""
    monkeypatch.delenv("TESTIO_HTTP_TOKEN", raising=False)

    def serve(*arguments):
        done = run("serve", *arguments)
        assert say_one_line(done), done
        return done

    return serve


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
@pytest.mark.parametrize("more", [[], ["--demo"], ["--offline"]])
def test_without_a_token_it_listens_to_this_computer_only(serve, host, more):
    done = serve("--transport", "http", "--host", host, "--port", "0", *more)
    assert done.code == 2
    assert "does not start" in done.err
    assert "Set TESTIO_HTTP_TOKEN" in done.err


@pytest.mark.parametrize("token", ["  ", "two words", "caf\u00e9", "line\nbreak"])
def test_a_token_that_nobody_can_send_protects_nothing(serve, monkeypatch, token):
    monkeypatch.setenv("TESTIO_HTTP_TOKEN", token)
    done = serve("--transport", "http", "--port", "0")
    assert done.code == 2
    assert "TESTIO_HTTP_TOKEN is empty or holds characters" in done.err


def test_a_file_that_cannot_be_read_may_hold_the_token(serve, home):
    settings = home / ".testio-mcp" / ".env"
    settings.parent.mkdir()
    settings.write_bytes(b"TESTIO_HTTP_TOKEN=\xff\xfe")
    done = serve("--transport", "http", "--port", "0")
    assert (done.code, str(settings) in done.err) == (2, True)
    settings.unlink()
    done = serve("--transport", "http", "--port", "0", "--env-file", str(home / "missing"))
    assert done.code == 2
    assert "missing cannot be read, and TESTIO_HTTP_TOKEN may stand in it" in done.err


def test_a_port_in_use_is_said(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = serve("--transport", "http", "--port", port)
    assert done.code == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use." in done.err
    assert "--port" in done.err


def test_an_address_of_nobody_is_said(serve, monkeypatch):
    monkeypatch.setenv("TESTIO_HTTP_TOKEN", TOKEN)
    for host in ("192.0.2.1", f"{'x' * 70}.invalid"):
        done = serve("--transport", "http", "--host", host)
        assert done.code == 1
        assert f"cannot listen on {host} port 8000" in done.err


@pytest.mark.parametrize("option", ["--host=127.0.0.1", "--port=8000", "--allowed-hosts=a"])
def test_options_of_http_are_refused_without_it(serve, option):
    done = serve(option)
    assert done.code == 2
    assert "need --transport http" in done.err


@pytest.mark.parametrize("port", ["65536", "-1", "http", "\u0661"])
def test_a_port_is_a_number_that_ports_have(run, port):
    done = run("serve", "--transport", "http", f"--port={port}")
    assert (done.code, done.out) == (2, "")
    assert "is not a port such as 8000" in done.err
