"""Certificates: which are trusted, and what is said of one that is not."""

import ssl
from datetime import timedelta

import pytest
from tests.integration.api.calls import TOKEN, error_of, new_client
from tests.integration.api.corporate import HOST, Authority, fronting, proxying

ISSUER = "Nordwind Inspection CA"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, ISSUER)


async def ask(url, certificate, monkeypatch):
    """The answer, or the error, of a server with this certificate behind a proxy."""
    async with fronting(url, certificate) as front, proxying(front.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with new_client(f"https://{HOST}{front.path}") as client:
            try:
                return await client.products()
            finally:
                assert (client.requests_sent, bool(proxy.asked)) == (1, True)
                was_told = TOKEN.encode() in b"".join(front.seen)
                assert was_told == (client.last_error is None)


async def refusal_of(url, certificate, monkeypatch):
    error = await error_of(ask(url, certificate, monkeypatch))
    return error.message, error.hint


async def test_the_issuer_of_an_untrusted_certificate_is_named(url, authority, monkeypatch):
    message, hint = await refusal_of(url, authority.issue(), monkeypatch)
    reason = f"its certificate is not trusted ({HOST}); it was issued by '{ISSUER}'."
    assert message == f"TestIO could not be reached: {reason}"
    assert "install its certificate" in hint
    assert "SSL_CERT_FILE" in hint


async def test_the_name_of_an_issuer_is_short_and_visible(url, tmp_path, monkeypatch):
    authority = Authority(tmp_path, "Trust\u202e me\n " + "x" * 45)
    message, _ = await refusal_of(url, authority.issue(), monkeypatch)
    assert message.endswith(f"issued by 'Trust me {'x' * 45}'.")


@pytest.mark.parametrize(
    ("certificate", "said", "hint"),
    [
        ({"age": timedelta(days=9)}, "has expired", "date and time"),
        ({"age": -timedelta(days=9)}, "is not valid yet", "date and time"),
        ({"host": "login.wifi.invalid"}, "is for another name", "log-in page"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_named(
    url, authority, monkeypatch, certificate, said, hint
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    message, hinted = await refusal_of(url, authority.issue(**certificate), monkeypatch)
    assert f"its certificate {said} ({HOST})" in message
    assert f"issued by '{ISSUER}'" in message
    assert hint in hinted


async def test_without_a_second_look_the_issuer_stays_unknown(url, authority, monkeypatch):
    async with fronting(url, authority.issue()) as front, proxying(front.port, grants=1) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with new_client(f"https://{HOST}{front.path}") as client:
            error = await error_of(client.products())
    assert len(proxy.asked) == 2
    assert error.message.endswith(f"its certificate is not trusted ({HOST}).")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_variables_name_further_certificates_to_trust(url, authority, monkeypatch, variable):
    named = authority.file if variable == "SSL_CERT_FILE" else authority.file.parent
    monkeypatch.setenv(variable, str(named))
    assert (await ask(url, authority.issue(), monkeypatch)).rows == 4


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_the_certificates_of_the_system_stay_trusted_beside_them(
    url, authority, tmp_path, monkeypatch, variable
):
    (tmp_path / "others").mkdir()
    other = Authority(tmp_path / "others", "Another CA")
    # The system is that of whoever runs this test, and signs nothing for it.
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=str(authority.file))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    named = other.file if variable == "SSL_CERT_FILE" else other.file.parent
    monkeypatch.setenv(variable, str(named))
    assert (await ask(url, authority.issue(), monkeypatch)).rows == 4
