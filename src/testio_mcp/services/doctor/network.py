"""Whether TestIO can be reached, with which token, and what stands in between."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from urllib.request import getproxies, getproxies_environment

from pydantic import SecretStr

from testio_mcp.api.probe import Seen, look
from testio_mcp.domain.findings import Verdict
from testio_mcp.errors import ApiError, ApiUnauthorized
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
    seen = asyncio.run(look(str(settings.customer_api_base_url), within=PATIENCE))
    yield _proxy(settings, seen)
    # Who has no token may still find out whether TestIO can be reached.
    yield from _answer(case, token or SecretStr("none"), seen)
    if seen.milliseconds is not None:
        yield from _surroundings(settings, seen)


def _answer(case: Case, token: SecretStr, seen: Seen) -> Iterator[Found]:
    settings = case.loaded.settings
    taken = "" if seen.milliseconds is None else f" in {seen.milliseconds} ms"
    answers = f"{settings.host} answers{taken}"
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
        said = (
            f"issued by {seen.issuer!r}; if that is your company, it can read what goes to TestIO"
        )
        yield Found("certificate", Verdict.OK, said)
    elif settings.customer_api_base_url.scheme == "http":
        yield Found("certificate", Verdict.OK, "none: the address begins with http")
    else:
        yield Found("certificate", Verdict.OK, "trusted; who issued it could not be seen")
    if seen.ahead is not None:
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


def _proxy(settings: Settings, seen: Seen) -> Found:
    """Where the request really went, rather than what variables seem to say."""
    scheme = settings.customer_api_base_url.scheme
    if seen.proxy:
        set_here = getproxies_environment()
        is_set_here = bool(set_here.get(scheme) or set_here.get("all"))
        by = "the environment" if is_set_here else "the settings of this computer"
        return Found("proxy", Verdict.OK, f"{seen.proxy}, from {by}")
    known = getproxies()
    if known.get(scheme) or known.get("all"):
        return Found("proxy", Verdict.OK, f"none is used for {settings.host}, though one is set")
    return Found("proxy", Verdict.OK, "none")
