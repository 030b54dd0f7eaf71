"""Where the token is kept: a keyring where there is one, else a file for nobody else to read."""

import keyring.core
import pytest
from dotenv import dotenv_values
from tests.keyrings import Forgetful, Locked, Memory, Missing, in_use

from testio_mcp.credentials import (
    VARIABLE,
    Forgotten,
    KeyringUnusable,
    Store,
    forget_token,
    is_private,
    keyring_token,
    store_token,
    with_stored_token,
)
from testio_mcp.errors import ConfigurationError
from testio_mcp.settings import Loaded, Settings, load_settings

TOKEN = "0123-s3cr3t-token"


@pytest.fixture
def memory():
    with in_use(Memory()) as memory:
        yield memory


@pytest.fixture
def settings(home):
    return Settings(_env_file=None)


@pytest.fixture
def file(home):
    return home / ".testio-mcp" / ".env"


def token(loaded):
    found = loaded.settings.customer_api_token
    return found.get_secret_value() if found else None


def test_a_keyring_keeps_it_and_no_file_does(memory, settings, file):
    assert store_token(settings, TOKEN) is Store.KEYRING
    assert keyring_token(settings) == TOKEN
    assert not file.exists()
    loaded = with_stored_token(Loaded(settings, [], []))
    assert (token(loaded), loaded.secrets, loaded.warnings) == (TOKEN, {TOKEN}, [])


def test_every_other_place_wins_over_the_keyring(memory, settings, file, monkeypatch):
    store_token(settings, TOKEN)
    file.parent.mkdir()
    file.write_text(f"{VARIABLE}=from-file")
    assert token(with_stored_token(load_settings())) == "from-file"
    monkeypatch.setenv(VARIABLE, "from-environment")
    assert token(with_stored_token(load_settings())) == "from-environment"


@pytest.mark.parametrize(
    "other", [{"customer_api_base_url": "https://elsewhere.example"}, {"customer_id": 1}]
)
def test_it_is_for_one_host_and_one_customer(memory, settings, other):
    store_token(settings, TOKEN)
    elsewhere = Settings(_env_file=None, **other)
    assert with_stored_token(Loaded(elsewhere, [], [])).settings.customer_api_token is None


def test_offline_no_keyring_is_asked(settings):
    offline = settings.model_copy(update={"offline": True})
    with in_use(Locked()):
        assert with_stored_token(Loaded(offline, [], [])).warnings == []


@pytest.mark.parametrize("backend", [Missing, Forgetful, Locked])
def test_without_a_keyring_that_works_a_private_file_keeps_it(settings, file, backend):
    with in_use(backend()):
        assert store_token(settings, TOKEN) is Store.FILE
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert token(load_settings()) == TOKEN


def test_a_keyring_that_is_asked_for_must_be_there(settings, file):
    with in_use(Missing()), pytest.raises(KeyringUnusable, match="no keyring"):
        store_token(settings, TOKEN, Store.KEYRING)
    assert not file.exists()


def test_a_locked_keyring_is_a_warning_and_having_none_is_not(settings):
    with in_use(Locked()):
        loaded = with_stored_token(Loaded(settings, [], []))
    assert loaded.settings.customer_api_token is None
    [warning] = loaded.warnings
    assert "KeyringLocked" in warning
    assert "--store file" in warning
    with in_use(Missing()):
        assert with_stored_token(Loaded(settings, [], [])).warnings == []


def test_a_backend_that_is_not_there_is_a_warning(settings, monkeypatch):
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "nowhere.Keyring")
    [warning] = with_stored_token(Loaded(settings, [], [])).warnings
    assert "ModuleNotFoundError" in warning


def test_other_lines_of_the_file_stay_as_they_are(settings, file):
    file.parent.mkdir()
    others = "# mine\nTESTIO_CUSTOMER_NAME='a\nTESTIO_CUSTOMER_API_TOKEN=b'\n"
    file.write_text(f"{others}export {VARIABLE}=old\nTESTIO_REVIEW_DAYS=7")
    file.chmod(0o644)
    assert store_token(settings, TOKEN, Store.FILE) is Store.FILE
    assert file.read_text() == f"{others}TESTIO_REVIEW_DAYS=7\n{VARIABLE}='{TOKEN}'\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("odd", ["a#b", "it's", 'say"so"', "back\\slash", "$HOME", "a=b", "a\\'b"])
def test_a_token_may_hold_any_sign(settings, file, odd):
    store_token(settings, odd, Store.FILE)
    assert dotenv_values(file)[VARIABLE] == odd
    assert token(load_settings()) == odd


def test_a_file_that_is_no_text_is_refused_and_left(settings, file):
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        store_token(settings, TOKEN, Store.FILE)
    assert file.read_bytes() == b"\xff\xfe"


def test_kept_in_the_keyring_it_leaves_the_file(memory, settings, file):
    store_token(settings, "old", Store.FILE)
    assert store_token(settings, TOKEN) is Store.KEYRING
    assert not file.exists()


def test_forgetting_says_where_it_was(memory, settings, file):
    assert forget_token(settings) == Forgotten()
    store_token(settings, TOKEN)
    assert forget_token(settings) == Forgotten([Store.KEYRING])
    assert memory.kept == {}
    store_token(settings, TOKEN, Store.FILE)
    assert forget_token(settings) == Forgotten([Store.FILE])
    assert keyring_token(settings) is None
    assert not file.exists()


def test_a_locked_keyring_spares_no_token_in_a_file(settings, file):
    with in_use(Locked()):
        store_token(settings, TOKEN, Store.FILE)
        forgotten = forget_token(settings)
    assert (forgotten.was, file.exists()) == ([Store.FILE], False)
    [failure] = forgotten.failures
    assert "KeyringLocked" in failure.message
    assert "--remove --forget-token again" in failure.hint
    assert "--store" not in failure.hint


def test_a_file_that_cannot_be_read_spares_no_token_in_a_keyring(memory, settings, file):
    store_token(settings, TOKEN)
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe")
    forgotten = forget_token(settings)
    assert (forgotten.was, memory.kept) == ([Store.KEYRING], {})
    assert "UTF-8" in str(forgotten.failures)


def test_a_file_is_private_where_its_permissions_say_so(settings, file):
    store_token(settings, TOKEN, Store.FILE)
    assert is_private(file)
    # As Python sees files on Windows.
    file.chmod(0o666)
    assert not is_private(file)
