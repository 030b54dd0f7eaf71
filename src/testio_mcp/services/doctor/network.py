"""Whether TestIO can be reached, with which token, and what stands in between."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from urllib.request import getproxies, proxy_bypass

from pydantic import SecretStr

from testio_mcp.api.probe import Seen, look
from testio_mcp.domain.findings import Verdict
from testio_mcp.errors import ApiError, ApiUnauthorized
from testio_mcp.origins import without_password
from testio_mcp.services.access import visible_products
from testio_mcp.services.doctor.findings import Case, Found
from testio_mcp.settings import Settings

PATIENCE = 10  # seconds
TOLERATED = timedelta(minutes=1)
NO_TOKEN = "Run testio-mcp setup, which asks for it and keeps it."


def check(case: Case) -> Iterator[Found]:
    settings, token = case.loaded.settings, case.loaded.settings.customer_api_token
    if token is None:
        yield Found("token", Verdict.PROBLEM, "No TestIO token is set.", NO_TOKEN)
    if settings.offline:
        to_do = "To ask TestIO again, unset TESTIO_OFFLINE."
        yield Found("host", Verdict.OK, f"{settings.host} was not asked: offline.", to_do)
        return
    yield _proxy(settings)
    seen = asyncio.run(look(str(settings.customer_api_base_url), within=PATIENCE))
    # Who has no token may still find out whether TestIO can be reached.
    yield from _answer(case, token or SecretStr("none"), seen)
    if seen:
        yield from _surroundings(settings, seen)


def _answer(case: Case, token: SecretStr, seen: Seen | None) -> Iterator[Found]:
    settings = case.loaded.settings
    answers = f"{settings.host} answers" + (f" in {seen.milliseconds} ms" if seen else "")
    has_token = settings.customer_api_token is not None
    try:
        products = asyncio.run(visible_products(settings, token, attempts=1))
    except ApiUnauthorized as error:
        yield Found("host", Verdict.OK, answers)
        if has_token:
            to_do = f"{error.hint} testio-mcp setup asks for another one."
            yield Found("token", Verdict.PROBLEM, error.message, to_do)
        return
    except ApiError as error:
        yield Found("host", Verdict.PROBLEM, error.message, error.hint)
        return
    yield Found("host", Verdict.OK, answers)
    if has_token:
        source = case.sources.get("customer_api_token", "")
        names = f"{len(products)} products" if len(products) != 1 else "1 product"
        yield Found("token", Verdict.OK, f"accepted, sees {names}; from {source}")


def _surroundings(settings: Settings, seen: Seen) -> Iterator[Found]:
    if seen.issuer:
        yield Found(
            "certificate",
            Verdict.OK,
            f"issued by {seen.issuer!r}",
            "Nothing; if that is your company, it reads along what goes to TestIO.",
        )
    elif settings.customer_api_base_url.scheme == "http":
        yield Found("certificate", Verdict.OK, "none: the address begins with http")
    if seen.ahead is None:
        yield Found("clock", Verdict.OK, f"{settings.host} does not say what time it is")
    else:
        late = abs(seen.ahead) > TOLERATED
        seconds = round(seen.ahead.total_seconds())
        yield Found(
            "clock",
            Verdict.WARNING if late else Verdict.OK,
            f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} TestIO's"
            if late
            else "as TestIO's",
            "Let this computer set its date and time by itself." if late else None,
        )


def _proxy(settings: Settings) -> Found:
    url = settings.customer_api_base_url
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address:
        return Found("proxy", Verdict.OK, "none")
    if proxy_bypass(settings.host):
        return Found("proxy", Verdict.OK, f"none for {settings.host}, which NO_PROXY excepts")
    return Found("proxy", Verdict.OK, without_password(address))
