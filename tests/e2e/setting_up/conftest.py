"""A computer on which testio-mcp is set up: with a client, and a token that is nowhere yet."""

import json

import pytest
from tests.caches import GAME
from tests.conftest import ANCHOR
from tests.e2e.setting_up.first_time import OTHER, TOKEN
from tests.keyrings import Memory, Missing, in_use

from testio_mcp.credentials import VARIABLE
from testio_mcp.sandbox import Sandbox, Scale


@pytest.fixture
def sandbox():
    return Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR, token=TOKEN)


@pytest.fixture(autouse=True)
def keyring():
    with in_use(Memory()) as keyring:
        yield keyring


@pytest.fixture
def no_keyring():
    with in_use(Missing()):
        yield


@pytest.fixture
def url(url, monkeypatch):
    """The token is not set anywhere yet."""
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("TESTIO_PRODUCT_IDS", str(GAME))
    return url


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token.txt"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def cursor(home):
    """A client that somebody uses already, with a server of its own."""
    file = home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(json.dumps(OTHER))
    return file


@pytest.fixture
def env_file(home):
    return home / ".testio-mcp" / ".env"
