"""What stands between a desk and TestIO in a company: authorities, TLS, and a proxy."""

import asyncio
import hashlib
import ssl
from base64 import b64decode
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "api.test.invalid"
PEM = serialization.Encoding.PEM
DAY = timedelta(days=1)


class Authority:
    """Issues certificates in a folder; who trusts `file` trusts them."""

    def __init__(self, folder, name):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(name)
        self.file = folder / f"{hashed(name)}.0"
        is_authority = x509.BasicConstraints(ca=True, path_length=None)
        signed = self._sign(self._name, self._key, is_authority, age=DAY)
        self.file.write_bytes(signed.public_bytes(PEM))

    def issue(self, host=HOST, age=DAY):
        """A file with the key and the certificate of a server; valid for three days, `age` ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = self._sign(named(host), key, names, age)
        secret = key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self._folder / "server.pem"
        file.write_bytes(certificate.public_bytes(PEM) + secret)
        return file

    def _sign(self, name, key, extension, age):
        since = datetime.now(UTC) - age
        builder = x509.CertificateBuilder(
            self._name, name, key.public_key(), x509.random_serial_number(), since, since + 3 * DAY
        )
        return builder.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def hashed(name):
    """What OpenSSL calls the file of an authority in a folder of them."""
    text = name.lower().encode()
    value = b"\x06\x03\x55\x04\x03" + bytes((0x0C, len(text))) + text
    pair = bytes((0x30, len(value))) + value
    digest = hashlib.sha1(bytes((0x31, len(pair))) + pair, usedforsecurity=False).digest()
    return digest[3::-1].hex()


async def pump(reader, writer, seen=None):
    while received := await reader.read(65536):
        if seen is not None:
            seen.append(received)
        writer.write(received)
    writer.close()


async def join(reader, writer, port, seen=None):
    """Connect a client with a port of this computer, and remember what the client says."""
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pump(reader, inner_writer, seen), pump(inner_reader, writer))


@dataclass
class Front:
    """Serves a sandbox over TLS; `seen` is what it was told."""

    port: int = 0
    path: str = ""
    seen: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def fronting(url, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    target = urlsplit(url)
    front = Front(path=target.path)

    async def forward(reader, writer):
        await join(reader, writer, target.port, front.seen)

    async with await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context) as server:
        front.port = server.sockets[0].getsockname()[1]
        yield front


@dataclass
class Proxy:
    """Leads every name to one port; `refusal` is a status line that it answers instead.

    It leads there `grants` times, and then refuses.
    """

    target: int
    refusal: str | None = None
    user: str | None = None
    grants: int = 100
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        self.asked.append(head.split()[1].decode())
        refusal = self.refusal
        if self.user and self.user != self._user_in(head):
            refusal = "407 Proxy Authentication Required"
        if len(self.asked) > self.grants:
            refusal = "403 Forbidden"
        if refusal:
            writer.write(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await join(reader, writer, self.target)

    @staticmethod
    def _user_in(head):
        lines = [line.split() for line in head.lower().splitlines()]
        at = next(
            (n for n, line in enumerate(lines) if line[:1] == [b"proxy-authorization:"]), None
        )
        return at and b64decode(head.splitlines()[at].split()[-1]).decode()


@asynccontextmanager
async def proxying(target=0, **options):
    proxy = Proxy(target, **options)
    async with await asyncio.start_server(proxy.answer, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
