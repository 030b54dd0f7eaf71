"""What diagnostics show of settings and of the age of things."""

from pydantic import SecretStr

from testio_mcp.app import Source, open_app
from testio_mcp.domain.freshness import Unit
from testio_mcp.rendering.syncs import UNITS
from testio_mcp.services.diagnostics import DiagnosticsService
from testio_mcp.settings import Loaded, Settings


async def test_no_password_or_token_is_shown(path, sandbox, api_url):
    settings = Settings(
        _env_file=None,
        home=path.parent,
        refresh_interval_seconds=0,
        customer_api_token="xyzzy-token",
        customer_api_base_url="https://name:xyzzy-word@api.example.com/customer/v2",
    )
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    async with (
        open_app(Loaded(settings, [], []), source) as app,
        app.services.open(DiagnosticsService) as service,
    ):
        answer = await service.get()
    assert answer.diagnostics.settings == {
        "TESTIO_CUSTOMER_API_BASE_URL": "https://***@api.example.com/customer/v2",
        "TESTIO_CUSTOMER_API_TOKEN": "(set)",
        "TESTIO_REFRESH_INTERVAL_SECONDS": "0.0",
    }
    assert "xyzzy" not in answer.model_dump_json()


def test_whatever_has_an_age_has_words():
    assert set(UNITS) == set(Unit)
    assert len(set(UNITS.values())) == len(UNITS)
