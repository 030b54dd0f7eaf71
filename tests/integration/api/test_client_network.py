"""Networks, proxies and certificates that stand in the way."""

import asyncio
import socket
import ssl
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.integration.api.calls import error_of, new_client

from testio_mcp.errors import ApiUnavailable


async def test_a_name_that_does_not_exist_is_said():
    # Longer than a name may be, so that no name server is asked.
    async with new_client(f"http://{'x' * 70}.invalid", attempts=1) as client:
        error = await error_of(client.products())
    assert type(error) is ApiUnavailable
    assert "name not found" in error.message


async def test_a_closed_port_is_said_and_tried_three_times():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with new_client(f"http://127.0.0.1:{taken.getsockname()[1]}") as client:
            error = await error_of(client.products())
            assert client.requests_sent == 3
    assert type(error) is ApiUnavailable
    assert "connection refused (127.0.0.1)" in error.message


async def test_an_address_that_makes_no_sense_is_said():
    async with new_client("http://api.test.io:port") as client:
        error = await error_of(client.products())
    assert "TESTIO_CUSTOMER_API_BASE_URL" in error.hint


@asynccontextmanager
async def listening(reply, **options):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, **options)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_proxy_that_refuses_is_said_without_its_password(monkeypatch):
    async with listening(b"HTTP/1.1 407 Go away\r\nContent-Length: 0\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://eve:hunter2@127.0.0.1:{port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://eve:hunter2@127.0.0.1:{port}")
        for scheme in ("http", "https"):
            async with new_client(f"{scheme}://api.test.invalid") as client:
                error = await error_of(client.products())
                assert client.requests_sent == 1
            assert "the proxy refused (407)" in error.message
            assert "HTTPS_PROXY" in error.hint
            assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("proxy", ["gopher://eve:hunter2@proxy", "http://eve:hunter2@proxy:port"])
async def test_proxy_settings_that_make_no_sense_are_said_without_the_password(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with new_client("http://127.0.0.1:9") as client:
        error = await error_of(client.products())
        assert client.requests_sent == 0
    assert "HTTPS_PROXY" in error.hint
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.fixture
def certificate(tmp_path):
    """A file with a key and a certificate for 127.0.0.1 that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    day = timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - day, now + day
    )
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        signed.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
async def https_url(url, certificate):
    """The sandbox behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    target = urlsplit(url)

    async def pump(reader, writer):
        while received := await reader.read(65536):
            writer.write(received)
        writer.close()

    async def forward(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"https://127.0.0.1:{port}{target.path}"


async def test_a_certificate_that_nobody_trusts_is_said_and_not_tried_again(https_url, sandbox):
    async with new_client(https_url) as client:
        error = await error_of(client.products())
        assert client.requests_sent == 1
    assert isinstance(error, ApiUnavailable)
    assert "its certificate is not trusted (127.0.0.1)" in error.message
    assert "SSL_CERT_FILE" in error.hint
    assert sandbox.request_count == 0


async def test_ssl_cert_file_names_certificates_to_trust(https_url, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with new_client(https_url) as client:
        assert (await client.products()).rows == 4


async def test_an_ssl_cert_file_that_cannot_be_read_is_said(https_url, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    async with new_client(https_url) as client:
        error = await error_of(client.products())
        assert client.requests_sent == 0
    assert "SSL_CERT_FILE" in error.message
