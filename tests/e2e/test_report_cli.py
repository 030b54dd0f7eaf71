"""`testio-mcp report`: what it prints, where it writes, and what its exit code says."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import openpyxl
import pytest
from tests.caches import GAME, SHOP, change
from tests.e2e.commands import say_one_line
from tests.programs import ENVIRONMENT

from testio_mcp.cli.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("path")


@pytest.fixture
def report(run, url, synced_path, monkeypatch, sandbox):
    """A synced copy, and nobody to ask."""
    change(synced_path, "UPDATE customers SET host = ?", urlsplit(url).hostname)
    monkeypatch.delenv("TESTIO_CUSTOMER_API_TOKEN")
    sandbox.reset_counts()
    yield lambda *arguments: run("report", *arguments)
    assert sandbox.request_count == 0


@pytest.fixture
def folder(path):
    return path.parent / "reports"


@pytest.mark.parametrize("product", [str(SHOP), f"#{SHOP}", "Nordwind Shop", "nordwind"])
def test_a_product_is_found_by_id_and_name(report, product):
    done = report(product)
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert done.out.startswith("# Quality report: Nordwind Shop, last 3 months\n")
    assert done.out.splitlines()[-1].startswith("As of ")


def test_several_products_and_all_of_them(report):
    assert len(report("shop", "skyforge", "--json").parsed["report"]["products"]) == 2
    whole = report("--period", "all", "--no-compare", "--json").parsed["report"]
    assert len(whole["products"]) == 4
    assert "comparison" not in whole
    assert report("--sections", "rates,trend", "--json").parsed["report"].keys() & {
        *("tests", "bugs", "rates", "trend"),
    } == {"rates", "trend"}


def test_json_is_the_same_by_both_names(report):
    one, other = report("shop", "--json").parsed, report("shop", "--format", "json").parsed
    for both in (one, other):
        both["report"].pop("generated_at")
    assert one == other
    assert one.keys() == {"report", "notes", "freshness"}


def test_a_file_is_written_where_it_was_asked_for(report, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    done = report("shop", "-o", "out.xlsx")
    assert (done.code, done.out, done.err) == (ExitCode.OK, "Saved as ~/out.xlsx\n", "")
    assert "Rates" in openpyxl.load_workbook("out.xlsx").sheetnames
    done = report("shop", "--format", "html", "--output", str(tmp_path / "page"), "--json")
    assert done.parsed["report"]["file"]["path"] == "~/page"
    assert (tmp_path / "page").read_text().startswith("<!doctype html>")
    assert not folder.exists()


def test_nothing_is_replaced_unasked(report, tmp_path):
    out = tmp_path / "out.md"
    out.write_text("precious")
    done = report("shop", "-o", str(out))
    assert done.code == ExitCode.USAGE
    assert say_one_line(done)
    assert done.err.endswith("exists already. Choose another name, or add --overwrite.\n")
    assert out.read_text() == "precious"
    assert report("shop", "-o", str(out), "--overwrite").code == ExitCode.OK
    assert out.read_text().startswith("# Quality report: ")


def test_what_is_no_text_goes_into_the_reports_folder(report, folder):
    done = report("shop", "--format", "html", "--period", "2026-Q3")
    name = "quality-report-nordwind-shop-2026-Q3.html"
    assert done.out == f"Saved as ~/.testio-mcp/reports/{name}\n"
    assert os.listdir(folder) == [name]


@pytest.mark.parametrize(
    ("format", "begins"), [("html", "<!doctype html>"), ("csv", "\ufeffsection,"), ("json", "{")]
)
def test_a_dash_is_the_standard_output(report, folder, format, begins):
    done = report("shop", "--format", format, "-o", "-")
    assert (done.code, done.err) == (ExitCode.OK, "")
    assert done.out.startswith(begins)
    assert not folder.exists()


def test_what_is_missing_is_said_by_the_exit_code(report, path):
    change(path, "DELETE FROM stamps WHERE kind = 'bugs' AND id = (SELECT max(test_id) FROM bugs)")
    done = report()
    assert done.code == ExitCode.INCOMPLETE
    assert "\nIncomplete: " in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shoop"], "No product is called 'shoop'"),
        (["7"], "Product 7 is not known"),
        (["shop", "--period", "some day"], "The period 'some day' is not understood"),
        (["shop", "-o", "no/such/folder.html"], "There is no folder"),
        (["shop", "-o", "out.pdf"], "No report ends in .pdf. End FILE in one of: .md (markdown), "),
        (["shop", "-o", "out.pdf", "--format", "html"], "No report ends in .pdf."),
        (["shop", "-o", "out.csv", "--format", "html"], "but --format says html. End FILE in one"),
    ],
)
def test_what_means_nothing_is_one_line(report, arguments, words):
    done = report(*arguments)
    assert done.code == ExitCode.USAGE
    assert say_one_line(done)
    assert words in done.err


@pytest.mark.parametrize("arguments", [["--sections", "bug"], ["--format", "pdf"]])
def test_wrong_words_are_answered_with_those_that_there_are(report, arguments):
    done = report(*arguments)
    assert done.code == ExitCode.USAGE
    assert "critical_bugs" in done.err or "xlsx" in done.err
    assert "ReportFormat" not in done.err


def test_an_empty_copy_says_what_to_do(run):
    done = run("report", "shop")
    assert done.code == ExitCode.USAGE
    assert say_one_line(done)
    assert done.err.endswith("The local copy holds no products yet. Run testio-mcp sync first.\n")


def test_a_product_outside_the_settings_is_refused(report, monkeypatch):
    monkeypatch.setenv("TESTIO_PRODUCT_IDS", str(SHOP))
    done = report(str(GAME))
    assert done.code == ExitCode.USAGE
    assert "outside TESTIO_PRODUCT_IDS" in done.err
    assert json.loads(report("--json").out)["report"]["scope"]["product_count"] == 1


def test_it_needs_no_server(path):
    """A command that needs none starts without its framework."""
    source = (
        "import sys, testio_mcp.cli.report; "
        "print({'fastmcp', 'mcp', 'matplotlib', 'jinja2', 'xlsxwriter'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_character_that_an_encoding_lacks_ends_no_command(path, report, encoding):
    """As on Windows, where a pipe has the code page of the console."""
    name = "日本 shop"
    change(path, "UPDATE products SET name = ? WHERE id = ?", name, SHOP)
    environment = ENVIRONMENT | os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "testio_mcp", "report", str(SHOP)]
    text, data = (
        subprocess.run([*command, *form], env=environment, capture_output=True, check=True).stdout
        for form in ([], ["--json"])
    )
    assert text.decode(encoding).startswith("# Quality report: ?? ")
    assert json.loads(data.decode(encoding))["report"]["scope"]["products"][0]["name"] == name
