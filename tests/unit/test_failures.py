"""What answers and exceptions of the wire mean, where no loopback server can show it."""

import ssl
from datetime import UTC, datetime

import httpx
import pytest
import time_machine

from testio_mcp.api.failures import ApiUnreachable, refusal, retry_after, unreachable
from testio_mcp.api.trail import Trail
from testio_mcp.errors import ApiError, ApiTimeout, ApiUnauthorized, ApiUnavailable

TRAIL = Trail(httpx.URL("https://api.test.io/customer/v2"))


def answer(status=429, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("GET", "https://api.test.io/customer/v2/products")
    return httpx.Response(status, headers=names, request=request)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        (" 120 ", 120),
        ("0.5", 0.5),
        ("0", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("1e9", None),
        ("\u0663", None),
    ],
)
def test_retry_after_in_seconds(value, seconds):
    assert retry_after(answer(Retry_After=value.encode())) == seconds


def test_no_retry_after_is_none():
    assert retry_after(answer()) is None


@time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False)
def test_retry_after_as_a_date_counts_from_now():
    assert retry_after(answer(Retry_After="Fri, 20 Nov 2026 12:00:30 GMT")) == 30


@time_machine.travel(datetime(2001, 1, 1, tzinfo=UTC))
def test_retry_after_as_a_date_counts_from_the_clock_of_testio_where_that_is_known():
    sent = "Fri, 20 Nov 2026 12:00:00 GMT"
    assert retry_after(answer(Date=sent, Retry_After=sent.replace(":00 ", ":30 "))) == 30


def test_retry_after_in_the_past_is_no_wait():
    assert retry_after(answer(Retry_After="Fri, 20 Nov 1998 12:00:30 -0000")) == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [(400, "TestIO answered 400 when asked for bug 5."), (418, "418"), (422, "422")],
)
def test_a_question_that_testio_refuses_is_named(status, text):
    error = refusal(answer(status), "bugs/5", "bug 5")
    assert type(error) is ApiError
    assert (text in str(error), error.status) == (True, status)


@pytest.mark.parametrize("status", [302, 307, 401, 403, 511])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain"])
def test_a_page_that_came_instead_of_testios_answer_is_said_to_be_one(status, kind):
    headers = {"Content_Type": kind, "Location": "https://login.hotel.example"}
    error = refusal(answer(status, **headers), "products", "the products")
    assert type(error) is ApiUnreachable
    assert f"no JSON came instead of its own ({status})" in error.message
    assert "Open https://api.test.io in a browser" in error.hint
    assert "token" not in error.message
    last = "BASE_URL." if status < 400 else "TOKEN."
    assert error.hint.endswith(last)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/json; charset=utf-8"},
        {"Content_Type": "application/problem+json"},
        {"Content_Type": "text/html", "WWW_Authenticate": 'Token realm="Application"'},
        {},
    ],
)
def test_a_refusal_in_json_or_by_who_knows_tokens_is_of_the_token(headers):
    error = refusal(answer(401, **headers), "products", "the products")
    assert type(error) is ApiUnauthorized


@pytest.mark.parametrize(("status", "kind"), [(500, ApiUnavailable), (504, ApiTimeout)])
def test_a_page_of_a_server_that_fails_is_testios_own(status, kind):
    error = refusal(answer(status, Content_Type="text/html"), "products", "the products")
    assert (type(error), error.message) == (kind, f"TestIO answered {status}.")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (httpx.ConnectTimeout(""), "did not answer in time"),
        (httpx.PoolTimeout(""), "did not answer in time"),
        (httpx.ProxyError("403 Forbidden"), "the proxy refused (403)"),
        (httpx.ProxyError("secret words"), "the proxy refused."),
        (httpx.ReadError(""), "connection dropped (api.test.io)"),
        (httpx.WriteError(""), "connection dropped (api.test.io)"),
        (httpx.ConnectError("secret words"), "no connection (api.test.io)"),
    ],
)
def test_exceptions_become_plain_words(error, text):
    said = unreachable(error, TRAIL)
    assert isinstance(said, ApiUnavailable)
    assert text in said.message
    assert said.hint
    assert "secret" not in str(said)


def test_several_addresses_that_refuse_are_one_refusal():
    refused = [ConnectionRefusedError(), ConnectionRefusedError()]
    error = httpx.ConnectError("")
    error.__cause__ = OSError()
    error.__cause__.__cause__ = ExceptionGroup("addresses", refused)
    assert "connection refused" in unreachable(error, TRAIL).message


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0x800B0101, "has expired"),
        (0x800B010F, "is for another name"),
        (-67818, "has expired"),
        (-67819, "is not valid yet"),
        (-67602, "is for another name"),
        (0x800B0109, "is not trusted"),
    ],
)
def test_what_windows_and_macos_say_of_a_certificate_is_understood(code, said):
    wrong = ssl.SSLCertVerificationError("secret words")
    wrong.verify_code = code
    error = httpx.ConnectError("")
    error.__cause__ = wrong
    message = unreachable(error, TRAIL).message
    assert message == f"TestIO could not be reached: its certificate {said} (api.test.io)."


async def test_a_time_out_while_connecting_is_told_of_whom_it_was():
    behind = Trail(httpx.URL("https://api.test.io"))
    await behind.note("connection.connect_tcp.started", {"host": "proxy.corp", "port": 3128})
    late = httpx.ConnectTimeout("")
    assert "no connection to api.test.io" in unreachable(late, TRAIL).message
    said = "The proxy proxy.corp:3128 could not be reached: no answer in time."
    assert unreachable(late, behind).message == said
    await behind.note("connection.connect_tcp.complete", {})
    assert "no connection to api.test.io" in unreachable(late, behind).message
