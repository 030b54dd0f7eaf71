"""A keyring that keeps everybody waiting keeps no server from answering."""

from threading import Event

import pytest
from tests.keyrings import Memory, in_use

from testio_mcp import credentials
from testio_mcp.app import open_app
from testio_mcp.credentials import with_stored_token
from testio_mcp.services.diagnostics import DiagnosticsService
from testio_mcp.settings import Loaded, Settings


class Waiting(Memory):
    """Asks a person, who is at lunch."""

    def __init__(self):
        super().__init__()
        self.is_unlocked = Event()

    def get_password(self, service, username):
        self.is_unlocked.wait()


@pytest.fixture
def waiting(monkeypatch):
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 0.1)
    with in_use(Waiting()) as waiting:
        yield waiting
        waiting.is_unlocked.set()


def test_the_doctor_does_not_wait_longer(waiting, home):
    loaded = with_stored_token(Loaded(Settings(_env_file=None), [], []))
    assert loaded.settings.customer_api_token is None
    [warning] = loaded.warnings
    assert "did not answer within 0.1 s. Unlock it" in warning


async def test_what_is_cached_is_served_and_the_keyring_named(waiting, path):
    settings = Settings(_env_file=None, home=path.parent, refresh_interval_seconds=0)
    async with open_app(Loaded(settings, [], [])) as opened:
        async with opened.services.open(DiagnosticsService) as diagnostics:
            found = (await diagnostics.get()).diagnostics
        waiting.is_unlocked.set()
    assert any("did not answer within 0.1 s. Unlock it" in warning for warning in found.warnings)
    assert any("No TestIO token is set." in problem for problem in found.problems)
