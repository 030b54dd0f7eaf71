"""How a quality report is written: whole, harmless, and the same in every format."""

import csv
import io
import json
import re
import zipfile
from functools import cache
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from markdown_it import MarkdownIt
from tests.reporting import NOW, answer, bounds, change, feature, month, report

from testio_mcp.domain.reports import Direction, ReportFormat, Section
from testio_mcp.reports.excerpt import excerpt
from testio_mcp.reports.formats import written
from testio_mcp.reports.harmless import harmless
from testio_mcp.reports.headline import headline
from testio_mcp.reports.markdown import report_markdown

utc, berlin = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x onerror=1>\" ' & {{ 7*7 }} | `x`"
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\n-1",
    "\uff1d1",
    "-2+3+cmd|' /C calc'!A0",
]


def page(**changes):
    return written(answer(**changes), ReportFormat.HTML, utc).decode() if changes else plain_page()


@cache
def plain_page():
    return written(answer(), ReportFormat.HTML, utc).decode()


def workbook(zone=utc, **changes):
    content = written(answer(**changes), ReportFormat.XLSX, zone)
    return openpyxl.load_workbook(io.BytesIO(content))


def rows_of(sheet):
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def tidy(**changes):
    content = written(answer(**changes), ReportFormat.CSV, utc).decode("utf-8-sig")
    return [*csv.DictReader(io.StringIO(content, newline=""))]


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, and where they lead."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.leads, self.text = [], set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in {"href", "src", "action", "data", "poster", "srcset", "xlink:href"}:
                self.leads.add(value)

    def handle_data(self, text):
        self.text += text


def test_a_page_needs_nothing_but_itself():
    text = page()
    found = Reader(text)
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & {
        *found.elements
    }
    drawn = {lead for lead in found.leads if lead.startswith("#")}
    assert found.leads - drawn == {"https://app.test.io/bugs/1000001"}
    # Beside the links of bugs only names of XML's languages look like addresses.
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert addresses == {
        "https://app.test.io/bugs/1000001",
        *("http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"),
    }
    assert "@import" not in text
    assert "url(http" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_a_page_shows_pictures_and_prints_on_paper():
    text = page()
    assert text.count("<svg") == 5
    assert "size: A4" in text
    assert "table-header-group" in text
    assert all(f'<section id="{section}">' in text for section in Section)


def test_a_picture_is_left_out_where_it_would_say_nothing():
    assert page(trend=[month("2026-07")]).count("<svg") == 3


def test_what_strangers_wrote_stays_text():
    found = Reader(page(words=HOSTILE))
    assert not {"script", "img"} & {*found.elements}
    assert found.text.count(HOSTILE) >= 8
    assert all(lead.startswith(("#", "https://app.test.io/bugs/")) for lead in found.leads)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://evil.example/app.test.io/"])
def test_nothing_else_is_ever_linked(link):
    critical = answer().report.critical_bugs
    items = [found.model_copy(update={"link": link}) for found in critical.items]
    changes = {"critical_bugs": critical.model_copy(update={"items": items})}
    assert link not in Reader(page(**changes)).leads
    [sheet] = [workbook(**changes)["Critical open bugs"]]
    assert all(cell.hyperlink is None for row in sheet.iter_rows() for cell in row)


def test_a_workbook_has_a_sheet_a_table_with_numbers_dates_and_links():
    book = workbook(berlin)
    assert book.sheetnames == [
        *("Report", "Tests by status", "Tests by type", "Bugs", "Bugs by severity"),
        *("Bugs by status", "Rates", "Comparison", "Critical open bugs", "Products", "Trend"),
        *("Features with most bugs", "Most fragile features", "Rejection reasons", "Platforms"),
    ]
    for sheet in book:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref.startswith("A1:")
    head, first, *_ = rows_of(book["Critical open bugs"])
    bug = dict(zip(head, first, strict=True))
    # By the clock of Berlin, which its first sheet names.
    assert bug["reported"] == NOW.astimezone(berlin).replace(tzinfo=None)
    assert (bug["id"], bug["age"], bug["auto-accepted in"]) == (1_000_001, 6, 4)
    [linked] = [cell for cell in book["Critical open bugs"][2] if cell.hyperlink]
    assert linked.hyperlink.target == linked.value == "https://app.test.io/bugs/1000001"
    rates = {row[0].value: row for row in book["Rates"].iter_rows(min_row=2)}
    rejection = rates["rejection"]
    assert (rejection[1].value, rejection[1].number_format) == (0.2, "0.0%")
    assert [cell.value for cell in rejection[2:]] == ["warning", "high", 0.2, 0.35]
    assert dict(rows_of(book["Bugs by severity"]))["critical"] == 1_000
    assert dict(rows_of(book["Report"]))["time zone"] == "UTC"


def test_what_is_not_known_is_never_a_number():
    book = workbook()
    rows = rows_of(book["Products"])
    assert [row[rows[0].index("rejection")] for row in rows[1:]] == [0.2, "n/a"]
    [unknown] = [row for row in tidy() if row["name"] == "2" and row["metric"] == "rejection"]
    assert unknown["value"] == ""
    changes = {row[0]: row[2:4] for row in rows_of(book["Comparison"])}
    assert changes["review (by a person)"] == ["n/a", "n/a"]
    assert "| review (by a person) | 70.0 % | n/a | n/a | unknown |" in report_markdown(
        answer(), utc
    )


@pytest.mark.parametrize("words", FORMULAS)
def test_what_looks_like_a_formula_is_text(words):
    for sheet in workbook(words=words):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                if isinstance(cell.value, str):
                    assert not cell.value.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    texts = [value for row in tidy(words=words) for name, value in row.items()]
    assert sum(text.startswith("'") and words in text for text in texts) >= 8
    for text in texts:
        is_number = re.fullmatch(r"-?[\d.e-]+", text)
        assert is_number or not text.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))


def test_ordinary_text_and_negative_numbers_stay_as_they_are():
    assert harmless("3 = 4 - 1") == "3 = 4 - 1"
    rows = tidy()
    better = [row for row in rows if row["name"] == "rejection" and row["metric"] == "change"]
    assert [float(row["value"]) for row in better] == [pytest.approx(-0.05)]


def test_a_workbook_reaches_for_nothing_outside():
    content = written(answer(), ReportFormat.XLSX, utc)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        outside = "".join(
            parts.read(name).decode() for name in parts.namelist() if name.endswith(".rels")
        )
    targets = re.findall(r'Target="([^"]+)"[^>]*TargetMode="External"', outside)
    assert set(targets) == {"https://app.test.io/bugs/1000001"}


def test_tidy_rows_name_section_group_and_metric():
    rows = tidy(notes=["Mind the gap."], incomplete=["2 tests could not be read."])
    found = {(row["section"], row["name"], row["metric"]): row["value"] for row in rows}
    assert found["bugs", "critical", "bugs"] == "1000"
    assert found["rates", "rejection", "value"] == "0.2"
    assert found["critical_bugs", "1000001", "reported"] == "2026-11-21T09:12:00Z"
    assert found["report", "incomplete", "value"] == "2 tests could not be read."
    assert found["report", "note", "value"] == "Mind the gap."
    assert found["report", "period from, by test end", "value"] == "2026-07-01T00:00:00Z"
    assert written(answer(), ReportFormat.CSV, utc).startswith(b"\xef\xbb\xbfsection,group,name,")


def test_json_is_all_there_is():
    told = answer(notes=["Mind the gap."])
    data = json.loads(written(told, ReportFormat.JSON, utc))
    assert data == told.model_dump(mode="json")
    assert data.keys() == {"report", "notes", "freshness"}
    assert {section.value for section in Section} <= data["report"].keys()
    assert "file" not in data["report"]


def test_markdown_begins_with_the_answer_and_ends_with_its_age():
    text = report_markdown(answer(incomplete=["2 tests could not be read."]), berlin)
    title, answered, *_ = text.split("\n\n")
    assert title == "# Quality report: Plain"
    assert answered.startswith(
        "20,000 bugs in 1,000 executed tests (20 per test), 20 of them open."
    )
    assert "warning: rejection 20.0 %" in answered
    assert (
        "3 critical bugs of these tests are open; the next is accepted by itself in 4 d."
        in answered
    )
    assert "Better than before: rejection." in answered
    assert "| rejection | 20.0 % | 25.0 % | \u22125.0 points | better |" in text
    assert "first 2 of 3" in text
    assert "| 1000001 | Plain | 6 days | overdue |" in text
    *_, incomplete, age = text.splitlines()
    assert incomplete == "Incomplete: 2 tests could not be read."
    assert age.startswith("As of 2026-11-21 10:12 CET")


def test_markdown_is_not_broken_by_what_strangers_wrote():
    text = report_markdown(answer(words="# a | b `c` [x](http://evil.example)\n\n## d"), utc)
    shown = MarkdownIt("commonmark").enable("table").render(text)
    assert not {"a", "code", "script"} & {*Reader(shown).elements}
    assert shown.count("<h2>") == text.count("\n## ")
    tables = [line for line in text.splitlines() if line.startswith("| 1000001")]
    assert len(tables) == 2
    assert all("\\|" in line for line in tables)


def test_an_excerpt_fits_whatever_there_is():
    features = answer().report.features
    many = {
        "critical_bugs": answer().report.critical_bugs.model_copy(
            update={"items": answer().report.critical_bugs.items * 100, "total": 200}
        ),
        "products": [
            answer().report.products[0].model_copy(update={"id": id}) for id in range(1, 101)
        ],
        "trend": [
            month(f"20{year}-{number:02}") for year in range(10, 20) for number in range(1, 13)
        ],
        "features": features.model_copy(update={"most_bugs": [feature("A" * 2_000)] * 20}),
    }
    whole = answer(words="\u00dc" * 300, **many)
    short = excerpt(whole, utc, 3_000)
    assert len(short.model_dump_json().encode()) <= 12_000
    assert len(report_markdown(short, utc).encode()) <= 12_000
    [note] = [note for note in short.notes if note.startswith("Shortened: ")]
    left = dict(re.findall(r"(\w+) \((\d+) left out\)", note))
    assert int(left["critical_bugs"]) == 200 - len(short.report.critical_bugs.items)
    assert int(left["trend"]) == 120 - len(short.report.trend)
    assert short.report.trend[-1].month == "2019-12"
    assert (short.report.rates, short.report.tests) == (whole.report.rates, whole.report.tests)
    assert len(excerpt(whole, utc, 6_000).report.critical_bugs.items) > len(
        short.report.critical_bugs.items
    )


def test_what_fits_is_not_shortened():
    whole = answer()
    assert excerpt(whole, utc, 3_000) == whole


def test_periods_without_bounds_are_all_time():
    text = report_markdown(
        answer(period=bounds(7, 10).model_copy(update={"start": None, "end": None})), utc
    )
    assert "Period: all time, by test end." in text


def test_the_moment_of_the_report_is_told():
    assert f"Made {NOW:%Y-%m-%d %H:%M} UTC" in page()


def test_a_written_change_is_the_difference_of_what_is_written_beside_it():
    changed = [
        change("acceptance_rate", 0.86046, 0.73249, Direction.BETTER),
        change("bugs_per_test", 2.996, 2.984, Direction.HIGHER),
        change("review_rate", 0.5004, 0.5066, Direction.SAME),
    ]
    text = report_markdown(answer(comparison=changed), utc)
    assert "| acceptance | 86.0 % | 73.2 % | +12.8 points | better |" in text
    assert "| bugs per test | 3 | 2.98 | +0.02 | higher |" in text
    assert "| review (by a person) | 50.0 % | 50.7 % | \u22120.7 points | about the same |" in text
    assert "+12.8 points" in Reader(page(comparison=changed)).text
    assert 'class="state about-the-same"' in page(comparison=changed)
    sheet = rows_of(workbook(comparison=changed)["Comparison"])
    assert sheet[1][1:4] == [0.86, 0.732, 0.128]
    told = {
        (row["name"], row["metric"]): row["value"]
        for row in tidy(comparison=changed)
        if row["section"] == "comparison"
    }
    found = [told["acceptance", column] for column in ("this period", "previous", "change")]
    assert found == ["0.86", "0.732", "0.128"]


def told(**changes):
    return " ".join(headline(report(**changes)))


def test_the_answer_says_which_rates_hardly_changed():
    little = [change("review_rate", 0.7, 0.706, Direction.SAME)]
    assert told(comparison=little).endswith("About the same as before: review.")
    # What is not judged is not told, not even where it is the same.
    assert "before" not in told(comparison=[change("bug_count", 4, 4, Direction.SAME)])


def test_no_open_critical_bug_is_said_of_these_tests_only():
    none = answer().report.critical_bugs.model_copy(update={"total": 0, "items": []})
    assert "No critical bug of these tests is open." in told(critical_bugs=none)
    text = report_markdown(answer(critical_bugs=none), utc)
    assert "**Critical open bugs (of these tests)**: None of these tests has one." in text
    tests = answer().report.tests.model_copy(update={"executed": 0})
    empty = {"tests": tests, "critical_bugs": none}
    assert told(**empty).startswith("No executed test ended in the period. Health")
    assert "bug" not in told(**empty)
    always = bounds(7, 10).model_copy(update={"start": None, "end": None})
    assert told(**empty, period=always).startswith("There is no executed test. ")
