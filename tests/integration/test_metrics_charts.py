"""Pictures of figures: what they show, what they survive, and when there is none."""

import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from xml.etree import ElementTree

import pytest
from PIL import Image

from testio_mcp.domain.metrics import Chart, ChartChoice
from testio_mcp.reports.chart_choice import Figures, Unsuitable
from testio_mcp.reports.charts import COLOURS, chart_png, chart_svg
from testio_mcp.reports.lettering import MISSING
from testio_mcp.views.metrics import MetricRow

LARGEST = 150_000  # bytes
MONTHS = [f"2026-{number:02}" for number in range(1, 13)]
ODD = [
    *("\u5065\u592a \u4f50\u85e4", "\U0001f600 smile", "\U0001f41b bug", "_under", "$5 and $6"),
    *("\u0645\u0631\u062d\u0628\u0627", "<b>&amp;", "line\nbreak", "", "A long name " * 9),
]
DRAWN = {
    ChartChoice.LINE: {"low": [3, None, 5], "high": [0, 2, 1]},
    ChartChoice.BAR: {"low": [1_234, None, 5]},
    ChartChoice.STACKED: {"low": [3, 0, 5], "high": [0, 2, 1]},
    ChartChoice.HEATMAP: {"low": [3, None, 5], "high": [0, 2, 1]},
}


def chart(kind, categories, series, **more):
    return Chart(kind, "Bug count by month", "Executed tests", categories, series, **more)


def texts(svg):
    """What an SVG says, in its order."""
    return [
        "".join(found.itertext())
        for found in ElementTree.fromstring(svg).iter()
        if "text" in found.tag
    ]


def size(png):
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("kind", DRAWN)
def test_a_picture_is_light_and_of_a_sane_size(kind):
    png = chart_png(chart(kind, ["a", "b", "c"], DRAWN[kind]))
    assert size(png) == (900, 500)
    assert len(png) < LARGEST
    image = Image.open(BytesIO(png)).convert("RGB")
    assert image.getpixel((899, 499)) == (255, 255, 255)


@pytest.mark.parametrize("kind", [ChartChoice.LINE, ChartChoice.BAR, ChartChoice.STACKED])
def test_series_have_colours_that_most_people_can_tell_apart(kind):
    png = chart_png(chart(kind, ["a", "b", "c"], {"low": [3, 1, 5], "high": [4, 2, 1]}))
    colours = Image.open(BytesIO(png)).convert("RGB").getcolors(maxcolors=1_000_000)
    shown = {"#{:02X}{:02X}{:02X}".format(*colour) for _, colour in colours}
    assert {*COLOURS[:2]} <= shown
    assert not {*COLOURS[2:6]} & shown


@pytest.mark.parametrize("kind", DRAWN)
def test_a_vector_picture_is_one_element_with_text(kind):
    svg = chart_svg(chart(kind, ["a", "b", "c"], DRAWN[kind]))
    assert svg.startswith("<svg")
    assert "Matplotlib" not in svg
    assert "<image" not in svg
    said = texts(svg)
    assert {"Bug count by month", "Executed tests", "a", "b", "c"} <= {*said}


def test_bars_say_their_values_and_what_is_unknown():
    said = texts(chart_svg(chart(ChartChoice.BAR, ["a", "b", "c"], DRAWN[ChartChoice.BAR])))
    assert [text for text in said if text in {"1,234", "n/a", "5"}] == ["1,234", "n/a", "5"]


def test_rates_are_in_per_cent():
    said = texts(chart_svg(chart(ChartChoice.BAR, ["a", "b"], {"x": [0.256, 1.0]}, is_rate=True)))
    assert {"26 %", "100 %"} <= {*said}


def test_bars_are_as_long_as_their_values():
    svg = chart_svg(chart(ChartChoice.BAR, ["a name so long", "b"], {"x": [10, 5]}))
    widths = []
    for path in re.findall(rf'<path d="([^"]*)"[^>]*fill: {COLOURS[0].lower()}', svg, re.DOTALL):
        across = [float(x) for x in re.findall(r"[ML] ([\d.]+) [\d.]+", path)]
        widths.append(max(across) - min(across))
    assert len(widths) == 2
    assert widths[0] == pytest.approx(2 * widths[1])


@pytest.mark.parametrize("kind", DRAWN)
def test_any_name_can_be_drawn(kind):
    """Warnings about missing letters would be errors here."""
    if kind in {ChartChoice.STACKED, ChartChoice.LINE}:
        drawn = chart(kind, ODD, {name: [1] * len(ODD) for name in ODD[:8]})
    else:
        drawn = chart(kind, ODD, {name: [1] * len(ODD) for name in ODD[:3]})
    assert len(chart_png(drawn)) < LARGEST
    said = texts(chart_svg(drawn))
    # On a page there are letters for it.
    assert ODD[0] in said
    assert "$5 and $6" in said


def test_names_that_look_alike_without_their_letters_stay_as_they_are_drawn():
    one, other = "\u5065\u592a", "\u4f50\u85e4"
    said = texts(chart_svg(chart(ChartChoice.BAR, [one, other], {"x": [1, 2]})))
    assert said.count(MISSING * 2) == 2


@pytest.mark.parametrize("values", [[None, None], [0, 0], [-1.5, 2.25], [1e9, 1]])
@pytest.mark.parametrize("kind", DRAWN)
def test_any_value_can_be_drawn(kind, values):
    assert size(chart_png(chart(kind, ["a", "b"], {"x": values, "y": values})))[0] == 900


def test_a_large_heatmap_is_not_a_large_file():
    series = {f"Name {y}": [x * y for x in range(40)] for y in range(24)}
    png = chart_png(chart(ChartChoice.HEATMAP, [f"2026-W{x:02}" for x in range(40)], series))
    assert len(png) < LARGEST
    assert size(png) == (900, 900)


def test_the_same_figures_give_the_same_picture_also_at_the_same_time():
    drawn = chart(ChartChoice.BAR, ["a", "b"], {"x": [1, 2]})
    with ThreadPoolExecutor(4) as threads:
        pictures = set(threads.map(lambda _: (chart_png(drawn), chart_svg(drawn)), range(6)))
    assert len(pictures) == 1


def test_nothing_of_it_is_imported_before_it_is_needed():
    code = "import sys, testio_mcp.server; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "matplotlib.pyplot" not in sys.modules


def rows(*values):
    return [MetricRow(**value) for value in values]


def monthly(**more):
    return rows(*({"month": month, "bug_count": n, **more} for n, month in enumerate(MONTHS)))


def products(number):
    return rows(
        *({"product_id": id, "product": f"Product {id}", "bug_count": id} for id in range(number))
    )


def both(number=3):
    return rows(
        *(
            {"month": month, "tester_id": id, "tester": "Alex", "bug_count": id, "review_rate": 0.5}
            for month in reversed(MONTHS[:number])
            for id in (1, 2)
        )
    )


def severe():
    values = {"browser": "Chrome", "bug_count": 1, "test_count": 1, "active_testers": 1}
    return rows(*({"month": month, "severity": "low", **values} for month in MONTHS))


@pytest.mark.parametrize(
    ("metrics", "by", "shown", "kind"),
    [
        (["bug_count"], ["month"], monthly(), ChartChoice.LINE),
        (["bug_count"], ["product"], products(3), ChartChoice.BAR),
        (["bug_count"], ["month", "tester"], both(), ChartChoice.STACKED),
        (["review_rate"], ["tester", "month"], both(), ChartChoice.LINE),
        (["active_testers"], ["month", "severity"], severe(), ChartChoice.LINE),
        (["bug_count"], ["browser", "severity"], severe(), ChartChoice.HEATMAP),
    ],
)
def test_the_usual_picture_suits_what_is_shown(metrics, by, shown, kind):
    assert Figures(metrics, by, shown, "All").chart(ChartChoice.AUTO).kind is kind


def test_time_goes_along_and_what_is_missing_is_empty():
    drawn = Figures(["bug_count"], ["tester", "month"], both()[:-1], "All").chart(ChartChoice.AUTO)
    assert drawn.categories == MONTHS[:3]
    # Namesakes have their ids.
    assert drawn.series == {"Alex (1)": [1, 1, 1], "Alex (2)": [0, 2, 2]}
    assert drawn.title == "Bug count by tester and month"


def test_what_has_no_value_is_not_drawn_as_0():
    drawn = Figures(["review_rate"], ["tester", "month"], both()[:-1], "").chart(ChartChoice.AUTO)
    assert drawn.series["Alex (2)"] == [None, 0.5, 0.5]
    assert drawn.is_rate


def test_only_what_is_measured_alike_stands_in_one_picture():
    shown = rows(*({**row.model_dump(), "review_rate": 0.5, "open_bugs": 1} for row in products(2)))
    drawn = Figures(["bug_count", "review_rate", "open_bugs"], ["product"], shown, "").chart(
        ChartChoice.BAR
    )
    assert drawn.series == {"bug count": [0, 1], "open bugs": [1, 1]}


def test_a_month_in_part_is_marked():
    drawn = Figures(["bug_count"], ["month"], monthly(partial=True), "All").chart(ChartChoice.AUTO)
    assert drawn.categories[0] == "2026-01*"
    assert drawn.subtitle == "* in part · All"


@pytest.mark.parametrize(
    ("metric", "by", "shown", "choice", "words"),
    [
        ("bug_count", [], rows({"bug_count": 1}), "auto", "one dimension, or two"),
        ("bug_count", ["month", "tester", "test"], both(), "auto", "one dimension, or two"),
        ("bug_count", ["month"], [], "auto", "nothing to show"),
        ("bug_count", ["product"], products(2), "line", "goes through time"),
        ("bug_count", ["product"], products(2), "stacked", "two dimensions"),
        ("bug_count", ["month"], monthly(), "heatmap", "two dimensions"),
        ("bug_count", ["month", "tester"], both(), "bar", "bar takes one"),
        ("review_rate", ["month", "tester"], both(), "stacked", "do not add up"),
        ("test_count", ["month", "severity"], severe(), "stacked", "do not add up"),
        ("bug_count", ["browser", "severity"], severe(), "stacked", "do not add up"),
        ("active_testers", ["month", "severity"], severe(), "stacked", "do not add up"),
        ("bug_count", ["product"], products(31), "bar", "at most 30"),
    ],
)
def test_what_suits_no_picture_is_refused_with_the_reason(metric, by, shown, choice, words):
    with pytest.raises(Unsuitable, match=words):
        Figures([metric], by, shown, "").chart(ChartChoice(choice))


def test_a_crowd_is_refused():
    crowd = rows(
        *(
            {"month": month, "test_id": id, "test": f"Test {id}", "bug_count": 1}
            for month in MONTHS
            for id in range(30)
        )
    )
    figures = Figures(["bug_count"], ["month", "test"], crowd, "")
    for choice in (ChartChoice.AUTO, ChartChoice.STACKED, ChartChoice.HEATMAP, ChartChoice.LINE):
        with pytest.raises(Unsuitable, match="30 are too many to be told apart"):
            figures.chart(choice)
