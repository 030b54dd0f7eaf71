"""The bundle for Claude Desktop and the file for the MCP registry say what the project says."""

import re
import tomllib
import zipfile
from urllib.request import getproxies_environment

import pytest
from scripts.bundle import ROOT, SERVER_JSON, as_json, build, manifest, server_json

from testio_mcp.settings import Settings
from testio_mcp.tools import TOOLS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOKEN = "customer_api_token"
PLACEHOLDER = re.compile(r"\$\{user_config\.(\w+)\}")
SEMANTIC = r"\d+\.\d+\.\d+"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The content of each file of the bundle, by name."""
    with zipfile.ZipFile(build(tmp_path_factory.mktemp("dist"))) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.fixture(scope="module")
def uv(bundle):
    return tomllib.loads(bundle["pyproject.toml"].decode())


def test_it_is_a_bundle_of_this_version_for_a_host_that_brings_uv(bundle):
    said = manifest()
    assert bundle["manifest.json"].decode() == as_json(said)
    assert (said["manifest_version"], said["server"]["type"]) == ("0.4", "uv")
    assert (said["name"], said["version"]) == (PROJECT["name"], PROJECT["version"])
    assert re.fullmatch(SEMANTIC, said["version"])
    assert said["server"]["entry_point"] in bundle


def test_it_names_every_tool_in_order_with_a_sentence():
    tools = manifest()["tools"]
    assert [tool["name"] for tool in tools] == [tool.__name__ for tool in TOOLS]
    assert all(tool["description"].endswith(".") for tool in tools)


def test_the_token_alone_must_be_given_and_what_may_hold_a_password_is_kept_secret():
    asked = manifest()["user_config"]
    assert {name for name, option in asked.items() if option["required"]} == {TOKEN}
    assert {name for name, option in asked.items() if option["sensitive"]} == {TOKEN, "proxy"}
    assert "default" not in asked[TOKEN]


def test_what_is_asked_for_reaches_the_setting_of_the_same_name():
    environment = manifest()["server"]["mcp_config"]["env"]
    given = {
        variable: PLACEHOLDER.fullmatch(value)[1]
        for variable, value in environment.items()
        if variable.startswith("TESTIO_")
    }
    settings = manifest()["user_config"].keys() - {"proxy"}
    assert given == {f"TESTIO_{name.upper()}": name for name in settings}
    assert set(given.values()) <= Settings.model_fields.keys()


@pytest.fixture
def start(monkeypatch):
    """Sets the environment as the host does, from these answers and from nothing else."""

    def set_as(**answers):
        asked = manifest()["user_config"]
        given = {name: option.get("default") for name, option in asked.items()} | answers
        for variable, value in manifest()["server"]["mcp_config"]["env"].items():
            placeholder = PLACEHOLDER.fullmatch(value)
            monkeypatch.setenv(variable, given[placeholder[1]] if placeholder else value)

    return set_as


def test_what_nobody_answers_leaves_the_settings_of_the_file_as_they_are(start, tmp_path):
    file = tmp_path / ".env"
    file.write_text(
        "TESTIO_TIMEZONE=Europe/Berlin\nTESTIO_PRODUCT_IDS=21362\nTESTIO_SYNC_SINCE=2026\n"
    )
    start(customer_api_token="a-token")
    settings = Settings(_env_file=file)
    assert (settings.timezone, settings.product_ids) == ("Europe/Berlin", (21362,))
    assert settings.sync_since == "2026"
    start(customer_api_token="a-token", timezone="Asia/Tokyo")
    assert Settings(_env_file=file).timezone == "Asia/Tokyo"


def test_a_proxy_is_used_where_one_is_given_and_hides_no_other(start, monkeypatch):
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    start(customer_api_token="a-token", proxy="http://proxy.example.com:3128")
    assert getproxies_environment() == {"all": "http://proxy.example.com:3128"}
    start(customer_api_token="a-token")
    assert getproxies_environment() == {}
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example.com:3128")
    assert getproxies_environment() == {"https": "http://other.example.com:3128"}


def test_it_holds_what_the_server_needs_and_nothing_of_developers_or_of_this_computer(bundle):
    needed = {"README.md", "LICENSE", "uv.lock", "pyproject.toml", ".python-version"}
    assert needed <= bundle.keys()
    for folder in ("src/testio_mcp", "alembic"):
        there = {path for path in (ROOT / folder).rglob("*") if path.is_file()}
        names = {path.relative_to(ROOT).as_posix() for path in there if path.suffix != ".pyc"}
        assert names <= bundle.keys()
    roots = {name.partition("/")[0] for name in bundle}
    assert roots == needed | {"manifest.json", "src", "alembic"}
    assert [name for name in bundle if re.search(r"__pycache__|\.pyc$|/\.|\.db", name)] == []


def test_a_start_installs_what_is_locked_and_nothing_of_developers(bundle, uv):
    assert bundle["uv.lock"] == (ROOT / "uv.lock").read_bytes()
    assert uv["project"] == PROJECT
    assert uv["tool"]["uv"] == {"default-groups": []}
    assert "--frozen" in manifest()["server"]["mcp_config"]["args"]


def test_the_same_sources_give_the_same_bytes(tmp_path):
    first, second = (build(tmp_path / name).read_bytes() for name in ("first", "second"))
    assert first == second
    with zipfile.ZipFile(tmp_path / "first" / f"testio-mcp-{PROJECT['version']}.mcpb") as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_the_file_for_the_registry_is_current():
    """Write it anew with `python scripts/bundle.py`."""
    assert SERVER_JSON.read_text(encoding="utf-8") == as_json(server_json())


def test_the_registry_takes_its_name_and_description():
    said = server_json()
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", said["name"])
    assert len(said["description"]) <= 100
    (package,) = said["packages"]
    assert (package["identifier"], package["version"]) == (PROJECT["name"], said["version"])
    secret = {v["name"] for v in package["environmentVariables"] if v["isSecret"]}
    assert secret == {"TESTIO_CUSTOMER_API_TOKEN"}
