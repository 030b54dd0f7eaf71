"""Which certificates are trusted, and who issued one that is not."""

import os
import ssl

import httpx
import truststore
from cryptography import x509

from testio_mcp.api.failures import CHECK_CERTIFICATE, ApiUnreachable
from testio_mcp.domain.text import one_line

# Seconds. The issuer is worth a moment, no more.
LONGEST_LOOK = 5.0
LONGEST_NAME = 60
# A program on this computer is never behind a proxy, whatever the environment says.
UNPROXIED: dict[str, httpx.AsyncBaseTransport | None] = dict.fromkeys(
    ("all://localhost", "all://127.0.0.1", "all://[::1]")
)


def trusted(scheme: str) -> ssl.SSLContext:
    """The system's certificates, and those of SSL_CERT_FILE and SSL_CERT_DIR beside them."""
    if scheme != "https":
        # httpx would load a list of certificates that plain HTTP has no use for.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if extra := os.environ.get("SSL_CERT_FILE"):
        try:
            # truststore leaves it out on Windows and macOS.
            context.load_verify_locations(cafile=extra)
        except OSError as error:
            raise ApiUnreachable(
                "SSL_CERT_FILE names no readable file of certificates.", hint=CHECK_CERTIFICATE
            ) from error
    if extra or os.environ.get("SSL_CERT_DIR"):
        _add_those_of_the_system(context)
    return context


def _add_those_of_the_system(context: ssl.SSLContext) -> None:
    """To OpenSSL the variables stand for these, not beside them."""
    paths = ssl.get_default_verify_paths()
    if os.path.isfile(paths.openssl_cafile):
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if os.path.isdir(paths.openssl_capath):
        context.load_verify_locations(capath=paths.openssl_capath)


async def issuer_at(url: httpx.URL) -> str | None:
    """Who issued the certificate shown there, as it says itself; None if that cannot be seen.

    An error of ssl does not hold the certificate, so it is looked at once more: without trust, and
    therefore without the token.
    """
    distrustful = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    distrustful.check_hostname = False
    distrustful.verify_mode = ssl.CERT_NONE
    try:
        async with (
            httpx.AsyncClient(verify=distrustful, mounts=UNPROXIED, timeout=LONGEST_LOOK) as http,
            http.stream("HEAD", url.copy_with(path="/")) as response,
        ):
            shown = response.extensions["network_stream"].get_extra_info("ssl_object")
            certificate = shown.getpeercert(binary_form=True)
        issuer = x509.load_der_x509_certificate(certificate).issuer
    except (httpx.TransportError, ValueError):
        return None
    names = [
        name
        for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME)
        for name in issuer.get_attributes_for_oid(kind)
    ]
    return one_line(str(names[0].value), LONGEST_NAME) if names else None
