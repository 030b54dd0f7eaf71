"""Where settings come from, and what is said of wrong ones."""

import os
from pathlib import Path

import pytest

from testio_mcp.settings import PREFIX, PRODUCTION, Settings, load_settings


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """No variable of ours, and a working directory that is not the home."""
    for name in list(os.environ):
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)


@pytest.fixture
def write(tmp_path):
    def write(name, text, encoding="utf-8"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding=encoding)
        return file

    return write


def token(settings):
    return settings.customer_api_token.get_secret_value()


def test_nothing_needs_to_be_set():
    loaded = load_settings()
    assert (loaded.problems, loaded.warnings) == ([], [])
    assert loaded.settings.customer_api_token is None
    assert str(loaded.settings.customer_api_base_url) == PRODUCTION


def test_the_cache_lies_in_a_hidden_folder_of_the_users_home(home):
    assert load_settings().settings.database_path == home / ".testio-mcp" / "cache.db"


def test_a_flag_beats_the_environment_which_beats_the_named_file_which_beats_the_one_at_home(
    write, monkeypatch
):
    write(
        ".testio-mcp/.env",
        "TESTIO_CUSTOMER_ID=1\nTESTIO_REVIEW_DAYS=1\nTESTIO_CUSTOMER_NAME=a\nTESTIO_HTTP_TIMEOUT=1",
    )
    named = write("named", "TESTIO_CUSTOMER_ID=2\nTESTIO_REVIEW_DAYS=2\nTESTIO_CUSTOMER_NAME=b")
    monkeypatch.setenv("TESTIO_CUSTOMER_ID", "3")
    monkeypatch.setenv("TESTIO_REVIEW_DAYS", "3")
    settings = load_settings(named, customer_id=4).settings
    assert settings.customer_id == 4
    assert settings.review_days == 3
    assert settings.customer_name == "b"
    assert settings.http_timeout == 1


def test_the_file_in_the_home_of_the_settings_is_read(write, tmp_path, monkeypatch):
    write("Käthes Büro/.env", "TESTIO_CUSTOMER_API_TOKEN=from-home")
    monkeypatch.setenv("TESTIO_HOME", str(tmp_path / "Käthes Büro"))
    loaded = load_settings()
    assert token(loaded.settings) == "from-home"
    assert loaded.settings.database_path == tmp_path / "Käthes Büro" / "cache.db"


def test_a_named_file_may_say_where_the_home_is(write, tmp_path):
    write("other/.env", "TESTIO_CUSTOMER_API_TOKEN=from-home")
    named = write("named", f"TESTIO_HOME={tmp_path / 'other'}")
    assert token(load_settings(named).settings) == "from-home"


def test_a_file_in_the_working_directory_is_never_read(write):
    write("elsewhere/.env", "TESTIO_CUSTOMER_API_TOKEN=planted")
    assert load_settings().settings.customer_api_token is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_files_may_begin_with_a_byte_order_mark(write, encoding):
    write(".testio-mcp/.env", "TESTIO_CUSTOMER_NAME=Käthe\nTESTIO_CUSTOMER_ID=5", encoding)
    loaded = load_settings()
    assert (loaded.settings.customer_name, loaded.settings.customer_id) == ("Käthe", 5)
    assert loaded.warnings == []


def test_a_file_in_another_encoding_is_named_as_a_problem(write):
    named = write("named.env", "TESTIO_CUSTOMER_NAME=Käthe", "utf-16")
    [problem] = load_settings(named).problems
    assert "named.env" in problem
    assert "UTF-8" in problem


def test_a_file_that_is_not_there_is_named_as_a_problem(tmp_path):
    [problem] = load_settings(tmp_path / "missing.env").problems
    assert "missing.env" in problem


def test_a_named_file_may_begin_with_the_home(write):
    write("named.env", "TESTIO_CUSTOMER_ID=8")
    assert load_settings(Path("~/named.env")).settings.customer_id == 8


def test_an_empty_variable_counts_as_not_set(write, monkeypatch):
    write(".testio-mcp/.env", "TESTIO_CUSTOMER_API_TOKEN=from-home")
    monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", "")
    assert token(load_settings().settings) == "from-home"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("CUSTOMER_ID", "abc", "valid integer"),
        ("CUSTOMER_ID", "-1", "greater than or equal to 0"),
        ("CUSTOMER_API_BASE_URL", "api.test.io", "URL"),
        ("PRODUCT_IDS", "12,abc", "valid integer"),
        ("CACHE_TTL_SECONDS", "0", "greater than or equal to 1"),
        ("REFRESH_INTERVAL_SECONDS", "soon", "valid number"),
        ("HTTP_TIMEOUT", "0", "greater than 0"),
        ("LOCK_TIMEOUT", "-5", "greater than 0"),
        ("MAX_CONCURRENT_REQUESTS", "11", "less than or equal to 10"),
        ("TIMEZONE", "Europe/Berlyn", "no such time zone"),
        ("TIMEZONE", "../secrets", "no such time zone"),
        ("LOG_LEVEL", "loud", "match pattern"),
        ("HOME", "~nobody-of-that-name/x", "home"),
        ("DB_PATH", "~nobody-of-that-name/x", "home"),
    ],
)
def test_a_wrong_value_is_said_with_its_variable_its_problem_and_an_example(
    monkeypatch, name, value, reason
):
    monkeypatch.setenv(PREFIX + name, value)
    loaded = load_settings()
    monkeypatch.delenv(PREFIX + name)
    [problem] = loaded.problems
    assert problem.startswith(f"TESTIO_{name} is '")
    assert f"{value.split(',')[-1]}', which is not valid: " in problem
    assert reason in problem
    assert f"For example: TESTIO_{name}=" in problem
    assert loaded.settings == load_settings().settings


def test_a_wrong_value_leaves_the_other_settings_as_they_are(monkeypatch):
    monkeypatch.setenv("TESTIO_HTTP_TIMEOUT", "x")
    monkeypatch.setenv("TESTIO_REVIEW_DAYS", "y")
    monkeypatch.setenv("TESTIO_CUSTOMER_ID", "7")
    loaded = load_settings()
    assert len(loaded.problems) == 2
    assert loaded.settings.customer_id == 7


def test_a_wrong_flag_is_said_like_a_wrong_variable():
    [problem] = load_settings(http_timeout=-1).problems
    assert "TESTIO_HTTP_TIMEOUT" in problem


def test_the_token_is_never_shown(monkeypatch):
    monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", "0123secret")
    loaded = load_settings()
    dumped = loaded.settings.model_dump(), loaded.settings.model_dump_json()
    assert "0123secret" not in f"{loaded} {loaded.settings} {loaded.settings!r} {dumped}"


def test_an_unknown_variable_is_a_warning_with_the_closest_name(monkeypatch, write):
    write(".testio-mcp/.env", "TESTIO_PRODUKT_IDS=1")
    monkeypatch.setenv("TESTIO_CUSTOMER_TOKEN", "0123secret")
    monkeypatch.setenv("TESTIO_QQQ", "1")
    loaded = load_settings()
    assert loaded.warnings == [
        "TESTIO_CUSTOMER_TOKEN is not a setting. Did you mean TESTIO_CUSTOMER_API_TOKEN?",
        "TESTIO_PRODUKT_IDS is not a setting. Did you mean TESTIO_PRODUCT_IDS?",
        "TESTIO_QQQ is not a setting.",
    ]
    assert loaded.problems == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1,2", (1, 2)), (" 1 , 2, ", (1, 2)), ("[1, 2]", (1, 2)), ("7", (7,)), ("", ())],
)
def test_product_ids_are_written_as_people_write_lists(monkeypatch, text, expected):
    monkeypatch.setenv("TESTIO_PRODUCT_IDS", text)
    assert load_settings().settings.product_ids == expected


def test_paths_may_begin_with_the_home(monkeypatch, home):
    monkeypatch.setenv("TESTIO_DB_PATH", "~/data/testio.db")
    assert load_settings().settings.database_path == home / "data" / "testio.db"


def test_relative_paths_mean_the_directory_of_the_start(monkeypatch):
    monkeypatch.setenv("TESTIO_HOME", "here")
    assert load_settings().settings.home == Path.cwd() / "here"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_with_an_example(name):
    field = Settings.model_fields[name]
    assert field.description.endswith(".")
    assert field.examples


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_example_is_valid(monkeypatch, name):
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", Settings.model_fields[name].examples[0])
    assert load_settings().problems == []
