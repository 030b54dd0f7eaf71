"""`testio-mcp problematic`: what it prints, what it asks, and what its exit code says."""

import io
import os
import subprocess
import sys

import pytest
from tests.caches import GAME, SHOP, change, ids, rows
from tests.e2e.commands import say_one_line
from tests.programs import ENVIRONMENT

from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.sandbox import Fault, FaultKind
from testio_mcp.sync.lock import SyncLock

pytestmark = pytest.mark.usefixtures("unhurried", "path")

PLACE = 4
NOTHING = "No problems are open"
# Nothing listens there: ports below 1024 are given to nobody here.
NOWHERE = "http://127.0.0.1:9/customer/v2"
MAPPED = "SELECT test_id FROM problem_tests WHERE mapped ORDER BY test_id"


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self):
        return True


@pytest.fixture
def problematic(run):
    return lambda *arguments: run("problematic", *arguments)


@pytest.fixture
def lost(sandbox):
    """A test that breaks its page, but can be asked for alone."""
    id = sandbox.world.test_ids(GAME)[PLACE]
    sandbox.world.poison_test(id, single_ok=True)
    return id


@pytest.fixture
def event(run, url, path, lost):
    """The id of the problem that a sync met."""
    assert run("sync", "--product-ids", str(GAME)).code == ExitCode.INCOMPLETE
    [(event_id,)] = rows(path, "SELECT event_id FROM problems")
    return event_id


@pytest.fixture
def offline(event, monkeypatch, sandbox):
    """No token is set, and nothing may be asked."""
    monkeypatch.delenv("TESTIO_CUSTOMER_API_TOKEN")
    sandbox.reset_counts()
    yield
    assert sandbox.request_count == 0


def test_the_list_says_what_is_missing_why_and_what_to_do(problematic, event, lost, sandbox):
    newer, older = (sandbox.world.test_ids(GAME)[PLACE + step] for step in (-1, 1))
    done = problematic("list")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert done.out.startswith(f"**1 problem**\n\n**Product {GAME}: Skyforge Arena**\n\n")
    assert "- **The test at position 5 of the list** could not be read.\n" in done.out
    assert "- why: TestIO answered 500." in done.out
    assert f"- where: between test {newer} (end " in done.out
    assert f") and test {older} (end " in done.out
    assert f"- candidates: {lost} (" in done.out
    assert f"testio-mcp problematic map-tests {event} ID" in done.out
    assert f"testio-mcp problematic retry {GAME}" in done.out
    assert done.out.splitlines()[-1].startswith("As of ")


def test_the_list_shows_mapped_tests_with_their_errors_under_their_event(
    problematic, event, lost, sandbox
):
    sandbox.world.poison_test(lost)
    problematic("map-tests", event, str(lost), "7")
    assert f"- mapped tests: 7, {lost}\n" in problematic("list").out
    problematic("retry", str(GAME))
    told = f"7 (TestIO does not know test 7.), {lost} (TestIO answered 500.)"
    assert f"- mapped tests: {told}\n" in problematic("list").out


def test_without_problems_a_friendly_line_is_shown(problematic, run, url):
    empty = problematic("list")
    assert (empty.code, empty.err) == (ExitCode.OK, "")
    assert "Not synced yet" in empty.out
    run("sync", "--product-ids", str(GAME))
    done = problematic("list")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert NOTHING in done.out
    assert problematic("list", "--json").parsed["items"] == []


def test_the_list_needs_neither_token_nor_network(problematic, event, offline):
    done = problematic("list", "--json")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert [item["event_id"] for item in done.parsed["items"]] == [event]
    assert problematic("list").code == ExitCode.OK


def test_an_empty_cache_without_a_token_has_no_problems(problematic):
    done = problematic("list")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "Not synced yet" in done.out


def test_the_list_can_be_of_some_products(problematic, run, event):
    run("sync", "--product-ids", str(SHOP))
    assert problematic("list", "--product-ids", str(SHOP), "--json").parsed["total"] == 0
    assert problematic("list", "--product-ids", f"{SHOP},{GAME}", "--json").parsed["total"] == 1
    done = problematic("list", "--product-ids", "7")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert f"Skyforge Arena ({GAME})" in done.err


def test_who_looks_only_does_not_wait_for_fastmcp(event, path):
    look = (
        "import sys; from testio_mcp.cli import main; main(['problematic', 'list']);"
        "assert not {'fastmcp', 'mcp'} & set(sys.modules)"
    )
    environment = {**ENVIRONMENT, "HOME": str(path.parents[1])}
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("TESTIO_")}
    done = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert event in done.stdout


def test_tests_are_mapped_without_token_and_network(problematic, event, lost, offline, path):
    done = problematic("map-tests", event[:8], f"#{lost}", "7")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert f"Tests 7, {lost} are mapped to problem {event}." in done.out
    assert f"testio-mcp problematic retry {GAME}" in done.out
    assert rows(path, MAPPED) == [(7,), (lost,)]
    mapping = problematic("map-tests", event, "7", "--json").parsed["mapping"]
    assert mapping == {"event_id": event, "product_id": GAME, "test_ids": [7]}


def test_an_unknown_event_is_a_line_that_names_the_open_ones(problematic, event):
    done = problematic("map-tests", "0000", "7")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert event in done.err


def test_a_test_that_is_stored_is_refused(problematic, event, sandbox, path):
    here = sandbox.world.test_ids(GAME)[0]
    done = problematic("map-tests", event, str(here))
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert f"Test {here} is stored already" in done.err
    assert rows(path, MAPPED) == []


@pytest.mark.parametrize("id", ["x", "0", "-3", "1.5", "#", "\u00b2", str(2**63)])
def test_an_id_is_a_positive_number(problematic, event, id, path):
    done = problematic("map-tests", event, "--", id)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert "is not an id such as 123" in done.err
    assert rows(path, MAPPED) == []


def test_a_retry_says_what_came_of_each_test(problematic, event, lost, path):
    problematic("map-tests", event, str(lost))
    done = problematic("retry", str(GAME))
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "**1 of 1 mapped tests** of product Skyforge Arena" in done.out
    assert f"| {lost} | stored | {event} |" in done.out
    assert lost in ids(path, "tests")
    assert NOTHING in problematic("list").out


def test_a_retry_that_fails_for_some_is_incomplete(problematic, event, lost):
    problematic("map-tests", event, str(lost), "7")
    done = problematic("retry", str(GAME), "--json")
    assert (done.code, done.err) == (ExitCode.INCOMPLETE, "")
    assert done.parsed["retry"] == {
        "product_id": GAME,
        "product": "Skyforge Arena",
        "tests": [
            {"test_id": 7, "error": "TestIO does not know test 7.", "closed": None},
            {"test_id": lost, "error": None, "closed": None},
        ],
        "incomplete": [],
    }
    again = problematic("retry", str(GAME))
    assert again.code == ExitCode.INCOMPLETE
    assert "| 7 | could not be read | TestIO does not know test 7. |" in again.out
    assert "stays mapped" in again.out


def test_a_retry_shows_as_no_run_of_a_sync(problematic, run, event, lost):
    before = run("sync", "--status", "--json").parsed
    problematic("map-tests", event, str(lost))
    problematic("retry", str(GAME))
    assert run("sync", "--status", "--json").parsed == before


def test_where_nothing_is_mapped_a_friendly_line_is_shown(problematic, event):
    done = problematic("retry", str(GAME))
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert "No tests are mapped" in done.out


def test_a_product_that_is_not_known_is_a_wrong_argument(problematic, event):
    done = problematic("retry", "7")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert f"Skyforge Arena ({GAME})" in done.err


@pytest.mark.parametrize(
    ("status", "code"), [(401, ExitCode.CREDENTIALS), (503, ExitCode.UNREACHABLE)]
)
def test_an_api_that_does_not_answer_is_a_line_and_a_code(
    problematic, event, lost, sandbox, status, code, path
):
    problematic("map-tests", event, str(lost))
    sandbox.faults.add(Fault("*", FaultKind.STATUS, status=status))
    done = problematic("retry", str(GAME))
    assert (done.code, say_one_line(done)) == (code, True)
    assert rows(path, MAPPED) == [(lost,)]


def test_while_a_sync_runs_a_retry_says_whose(problematic, event, lost, path):
    problematic("map-tests", event, str(lost))
    with SyncLock(path).held():
        done = problematic("retry", str(GAME))
    assert (done.code, say_one_line(done)) == (ExitCode.SYNC_RUNNING, True)
    assert "Sync in progress (pid" in done.err


def test_a_terminal_sees_how_far_a_retry_is(problematic, event, lost, url, path):
    problematic("map-tests", event, str(lost))
    watched, terminal = os.openpty()
    environment = {**ENVIRONMENT, "HOME": str(path.parents[1]), "TERM": "xterm"}
    environment |= {name: os.environ[name] for name in os.environ if name.startswith("TESTIO_")}
    done = subprocess.run(
        [sys.executable, "-m", "testio_mcp", "problematic", "retry", str(GAME)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        check=False,
    )
    os.close(terminal)
    seen = os.read(watched, 100_000).decode()
    os.close(watched)
    assert done.returncode == ExitCode.OK
    assert "1 of 1 tests" in seen
    assert "1 of 1 tests" not in done.stdout


def test_clearing_without_a_terminal_asks_for_yes(problematic, event, monkeypatch, path):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = problematic("clear")
    assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
    assert "--yes" in done.err
    assert rows(path, "SELECT event_id FROM problems") == [(event,)]


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yeah\n"])
def test_whoever_does_not_agree_keeps_everything(problematic, event, monkeypatch, answer, path):
    problematic("map-tests", event, "7")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = problematic("clear")
    assert (done.code, done.out) == (ExitCode.OK, "")
    assert "Clear 1 problem with 1 mapped test? [y/N]" in done.err
    assert "Nothing was cleared." in done.err
    assert rows(path, "SELECT event_id FROM problems") == [(event,)]


@pytest.mark.parametrize("answer", ["y\n", " YES\n"])
def test_whoever_agrees_is_told_what_was_cleared(problematic, event, monkeypatch, answer, path):
    problematic("map-tests", event, "7", "8")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = problematic("clear")
    assert done.code == ExitCode.OK
    assert done.out.startswith("Cleared 1 range and 2 test ids.")
    assert rows(path, "SELECT * FROM problems") == rows(path, "SELECT * FROM problem_tests") == []


def test_yes_asks_nothing_and_nothing_to_clear_is_a_friendly_line(problematic, event, offline):
    done = problematic("clear", "--yes", "--json")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert done.parsed == {"cleared": {"ranges": 1, "test_ids": 0}}
    again = problematic("clear")
    assert (again.code, again.err) == (ExitCode.OK, "")
    assert NOTHING in again.out


def test_a_product_outside_the_limit_is_refused_and_its_problems_are_left_alone(
    problematic, run, event, lost, monkeypatch, path
):
    run("sync", "--product-ids", str(SHOP))
    problematic("map-tests", event, str(lost))
    monkeypatch.setenv("TESTIO_PRODUCT_IDS", str(SHOP))
    for arguments in (
        ["list", "--product-ids", str(GAME)],
        ["retry", str(GAME)],
        ["clear", "--yes", "--product-ids", str(GAME)],
    ):
        done = problematic(*arguments)
        assert (done.code, say_one_line(done)) == (ExitCode.USAGE, True)
        assert "outside TESTIO_PRODUCT_IDS" in done.err
    assert NOTHING in problematic("list").out
    assert NOTHING in problematic("clear", "--yes").out
    assert problematic("map-tests", event, "7").code == ExitCode.USAGE
    assert rows(path, MAPPED) == [(lost,)]


def test_a_product_that_is_allowed_but_not_cached_yet_hides_nothing(
    problematic, event, monkeypatch
):
    monkeypatch.setenv("TESTIO_PRODUCT_IDS", f"{GAME},7")
    assert problematic("list", "--json").parsed["total"] == 1
    assert problematic("clear", "--yes", "--json").parsed["cleared"]["ranges"] == 1


def test_a_newer_cache_says_to_update(problematic, event, path):
    change(path, "UPDATE alembic_version SET version_num = '9999'")
    actions = (["list"], ["map-tests", event, "7"], ["retry", str(GAME)], ["clear", "--yes"])
    for arguments in actions:
        done = problematic(*arguments)
        assert (done.code, say_one_line(done)) == (ExitCode.FAILED, True)
        assert "Update testio-mcp" in done.err


@pytest.mark.parametrize("arguments", [[], ["map"], ["map-tests"], ["retry"], ["list", "x"]])
def test_wrong_arguments_are_usage_errors(problematic, arguments):
    done = problematic(*arguments)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert done.err.startswith("usage: testio-mcp")


@pytest.mark.parametrize("action", ["list", "map-tests", "retry", "clear"])
def test_every_action_explains_itself(problematic, action):
    done = problematic(action, "--help")
    assert (done.code, done.err) == (0, "")
    for option in ("--json", "--env-file", "--verbose", "--quiet"):
        assert option in done.out
