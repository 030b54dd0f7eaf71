import pytest
from tests.integration.api.calls import ANCHOR, TOKEN, new_client

from testio_mcp.sandbox import Fault, FaultKind, Sandbox, Scale, serving


@pytest.fixture(autouse=True)
def plain_network(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def sandbox():
    return Sandbox(scale=Scale.SMALL, seed=1, anchor=ANCHOR, token=TOKEN)


@pytest.fixture
async def url(sandbox):
    async with serving(sandbox) as base_url:
        yield base_url


@pytest.fixture
async def client(url):
    async with new_client(url) as client:
        yield client


@pytest.fixture
def add_fault(sandbox):
    def add(kind, path="products", times=1, **options):
        sandbox.faults.add(Fault(path=path, kind=FaultKind(kind), times=times, **options))

    return add
