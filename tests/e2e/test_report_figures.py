"""Every figure of a quality report equals what plain loops count over TestIO's answers."""

import json
from datetime import datetime

import pytest
import pytest_asyncio
from tests.e2e import counting, measuring
from tests.e2e.reference import written

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATES = (
    *("acceptance_rate", "active_acceptance_rate", "auto_acceptance_rate"),
    *("rejection_rate", "review_rate"),
)
COMPARED = (
    *("test_count", "features_tested", "active_testers"),
    *("bug_count", "bugs_per_test", "severity_score", *RATES),
)
# By name: the days of the period, and of the one that it is compared with; None for now.
PERIODS = {
    "last 3 months": (("2026-08-01", "2026-11-01"), ("2026-05-01", "2026-08-01")),
    "2026-Q3": (("2026-07-01", "2026-10-01"), ("2026-04-01", "2026-07-01")),
    "2026-10-18..2026-10-31": (("2026-10-18", "2026-11-01"), ("2026-10-04", "2026-10-18")),
    "2026-Q4": (("2026-10-01", "2027-01-01"), ("2026-07-01", "16 August")),
    "this month": (("2026-11-01", "now"), ("2026-10-01", "16 October")),
    "ytd": (("2026-01-01", "now"), ("2025-01-01", "16 November 2025")),
    "all": None,
}
SCOPES = {
    "everything": {},
    "one product": {"product_ids": [1001]},
    "products": {"product_ids": [1002, 1004]},
    "tests": {"test_ids": [100_068, 100_072, 100_092]},
    "without tests": {"exclude_test_ids": [100_068, 100_072, 100_092]},
    "features": {"feature_ids": [40_001, 40_999]},
    "types": {"testing_types": ["custom", "rapid"]},
}
CASES = [
    *(("everything", period) for period in PERIODS),
    *((scope, "all") for scope in SCOPES if scope != "everything"),
    ("one product", "last 3 months"),
    ("products", "ytd"),
    ("without tests", "this month"),
]


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
def case(request):
    return request.param


class Expected:
    """The reference for one report."""

    def __init__(self, server, scope, period):
        self.server = server
        self.arguments = dict(SCOPES[scope])
        left_out = self.arguments.pop("exclude_test_ids", [])
        tests = [test for test in server.world["tests"] if test["id"] not in left_out]
        self.world = {**server.world, "tests": tests}
        self.now, self.before = self.bounds(PERIODS[period])

    def bounds(self, days):
        if days is None:
            return None, None
        (start, end), (first, until) = days
        here = self.server.now.astimezone(self.server.zone)
        elapsed = {
            "16 August": here.replace(month=8),
            "16 October": here.replace(month=10),
            "16 November 2025": here.replace(year=2025),
        }
        now = (*counting.bounds((start, end), self.server.now, self.server.zone), end == "now")
        if until in elapsed:
            bound = counting.bounds((first, None), self.server.now, self.server.zone)[0]
            return now, (bound, written(elapsed[until]), False)
        return now, (*counting.bounds((first, until), self.server.now, self.server.zone), False)

    @property
    def so_far(self):
        """What is compared of the period: what ended before now, whatever still runs."""
        start, end, keeps_running = self.now
        now = written(self.server.now)
        return (start, min(end, now), False) if end > now or keeps_running else self.now

    def measured(self, names, by=(), *, bounds=..., **more):
        within = self.now if bounds is ... else bounds
        wanted = {**self.arguments, **more, **({"bounds": within} if within else {})}
        return measuring.measured(self.world, self.server.zone, names, by, wanted)

    def numbers(self, name, dimension, **more):
        """The metric by the dimension, without zeros."""
        found = self.measured((name,), (dimension,), **more)
        return {key: values[name] for (key,), values in found.items() if values[name]}

    def total(self, names, **more):
        return self.measured(names, **more)[()]

    @property
    def products(self):
        """All that the report is about, by id."""
        names = {product["id"]: product["name"] for product in self.world["products"]}
        if "product_ids" in self.arguments:
            return {id: names[id] for id in self.arguments["product_ids"]}
        if {"test_ids", "feature_ids"} & self.arguments.keys():
            every = {"statuses": counting.TEST_STATUSES, "bounds": None}
            wanted = {**self.arguments, **every}
            found = measuring.tests_in(self.world, wanted, ())
            return {test["product_id"]: names[test["product_id"]] for test in found}
        return names


@pytest.fixture
def expected(server, case):
    return Expected(server, *case)


@pytest_asyncio.fixture(loop_scope="session")
async def report(server, case):
    """The whole of it, from the file."""
    scope, period = case
    answer = await server.answer(
        "generate_quality_report",
        **SCOPES[scope],
        period=period,
        format="json",
        output_file="figures.json",
        overwrite=True,
    )
    assert answer["report"]["file"]["path"].endswith("reports/figures.json")
    saved = json.loads((server.home / "reports" / "figures.json").read_text())
    assert saved["freshness"] == answer["freshness"]
    assert saved["freshness"]["state"] == "fresh"
    return saved["report"]


def close(found, wanted):
    assert found == pytest.approx(wanted, abs=1e-9), (found, wanted)


async def test_every_section_is_what_testio_said(server, report, expected):
    expect_tests(report["tests"], expected)
    expect_bugs(report["bugs"], expected)
    expect_comparison(report, expected)
    expect_trend(report["trend"], expected)
    expect_products(report, expected)
    expect_features(report["features"], expected)
    expect_reasons(report["rejection_reasons"], expected, server.world["reasons"])
    expect_platforms(report["platforms"], expected)
    expect_critical_bugs(report["critical_bugs"], expected)


def expect_tests(tests, expected):
    every = {test["status"] for test in expected.world["tests"]}
    by_status = expected.numbers("test_count", "test_status", statuses=every)
    by_type = expected.numbers("test_count", "testing_type", statuses=every)
    assert tests["by_status"] == by_status
    assert list(tests["by_status"]) == list(counting.ordered(by_status, counting.TEST_STATUSES))
    assert tests["by_testing_type"] == {key or "(none)": value for key, value in by_type.items()}
    assert tests["total"] == sum(by_status.values()) == sum(by_type.values())
    assert tests["executed"] == expected.total(("test_count",))["test_count"]


def expect_bugs(bugs, expected):
    names = ("bug_count", "open_bugs", "known_bugs", "bugs_per_test", "severity_score")
    total = expected.total(names)
    found = [bugs[name] for name in ("total", "open", "known", "per_test", "severity_score")]
    assert found == [total[name] for name in names]
    assert bugs["by_severity"] == expected.numbers("bug_count", "severity")
    assert bugs["by_status"] == expected.numbers("bug_count", "bug_status")
    assert sum(bugs["by_status"].values()) == bugs["total"]


def expect_comparison(report, expected):
    rates = expected.total(RATES)
    assert {rate["metric"]: rate["value"] for rate in report["rates"]} == rates
    for rate in report["rates"]:
        assert rate["health"] == health(rate["metric"], rate["value"])
    if expected.before is None:
        assert "comparison" not in report
        assert "previous_period" not in report
        return
    now = expected.total(COMPARED, bounds=expected.so_far)
    if expected.so_far != expected.now and not expected.arguments:
        assert now["test_count"] < expected.total(("test_count",))["test_count"]
    before = expected.total(COMPARED, bounds=expected.before)
    assert [row["metric"] for row in report["comparison"]] == list(COMPARED)
    for row in report["comparison"]:
        name = row["metric"]
        close(row["value"], now[name])
        close(row["previous"], before[name])
        is_known = None not in (now[name], before[name])
        close(row["change"], now[name] - before[name] if is_known else None)
    start, end, _ = expected.before
    found = [report["previous_period"][name][:19] for name in ("from", "to")]
    assert found[0] == start[:19]
    # The instant of the report is some moments after that of the server.
    assert found[1][:16] == end[:16]


# From where on a rate is a warning, from where on it is critical.
BAD_WHEN_HIGH = {"rejection_rate": (0.2, 0.35), "auto_acceptance_rate": (0.2, 0.4)}
BAD_WHEN_LOW = {"active_acceptance_rate": (0.35, 0.2), "review_rate": (0.8, 0.6)}


def health(metric, value):
    if metric == "acceptance_rate":
        return None
    if value is None:
        return "unknown"
    if metric in BAD_WHEN_HIGH:
        warning, critical = BAD_WHEN_HIGH[metric]
        return "critical" if value >= critical else "warning" if value >= warning else "ok"
    warning, critical = BAD_WHEN_LOW[metric]
    return "critical" if value <= critical else "warning" if value <= warning else "ok"


def expect_trend(trend, expected):
    names = ("test_count", "bug_count", "bugs_per_test", *RATES)
    found = {key: values for (key,), values in expected.measured(names, ("month",)).items()}
    shown = [month["month"] for month in trend]
    assert set(shown) >= {key or "(none)" for key in found}
    assert shown == sorted(shown, key=lambda name: (name == "(none)", name))
    for month in trend:
        values = found.get(month["month"] if month["month"] != "(none)" else None)
        values = values or {**dict.fromkeys(names), "test_count": 0, "bug_count": 0}
        assert (month["tests"], month["bugs"]) == (values["test_count"], values["bug_count"])
        for name in names[2:]:
            close(month[name], values[name])
    if expected.now:
        start, end, _ = expected.now
        last = min(instant(end), expected.server.now)
        assert shown[0] == instant(start).astimezone(expected.server.zone).strftime("%Y-%m")
        assert shown[-1] >= last.astimezone(expected.server.zone).strftime("%Y-%m")[:7] or (
            end[8:10] == "01"
        )


def instant(text):
    return datetime.fromisoformat(text)


def expect_products(report, expected):
    products = expected.products
    assert report["scope"]["product_count"] == len(products)
    if len(products) == 1:
        assert "products" not in report
        return
    names = ("test_count", "bug_count", "open_bugs", "bugs_per_test", "severity_score", *RATES)
    nothing = {name: None if name in ("bugs_per_test", *RATES) else 0 for name in names}
    found = {key: values for (key,), values in expected.measured(names, ("product",)).items()}
    every = {test["status"] for test in expected.world["tests"]}
    tests = expected.numbers("test_count", "product", statuses=every)
    assert {row["id"]: row["name"] for row in report["products"]} == products
    for row in report["products"]:
        values = found.get(row["id"], nothing)
        keys = ("executed", "bugs", "open_bugs", "bugs_per_test", "severity_score", *RATES)
        for key, name in zip(keys, names, strict=True):
            close(row[key], values[name])
        assert row["tests"] == tests.get(row["id"], 0)
        found_health = {health(rate, row[rate]) for rate in RATES}
        assert row["health"] == next(
            word for word in ("critical", "warning", "ok", "unknown") if word in found_health
        )


def expect_features(features, expected):
    names = ("test_count", "bug_count", "bugs_per_test", "severity_score")
    rows = {key: values for (key,), values in expected.measured(names, ("feature",)).items()}
    assert features["bugs_without_feature"] == rows.pop(None, {"bug_count": 0})["bug_count"]
    with_bugs = {id: row for id, row in rows.items() if row["bug_count"]}
    assert features["total"] == len(with_bugs)
    by_bugs = sorted(with_bugs, key=lambda id: (-with_bugs[id]["bug_count"], id))
    assert [row["id"] for row in features["most_bugs"]] == by_bugs[:20]
    fragility = {
        id: row["severity_score"] / row["test_count"]
        for id, row in with_bugs.items()
        if row["test_count"] >= 2
    }
    assert features["fragile_total"] == len(fragility)
    by_fragility = sorted(fragility, key=lambda id: (-fragility[id], id))
    assert [row["id"] for row in features["most_fragile"]] == by_fragility[:20]
    for row in (*features["most_bugs"], *features["most_fragile"]):
        values = with_bugs[row["id"]]
        keys = ("tests", "bugs", "bugs_per_test", "severity_score")
        assert [row[key] for key in keys] == [values[name] for name in names]
        close(row["fragility"], fragility.get(row["id"]))


def expect_reasons(reasons, expected, known):
    names = {reason["key"]: reason["name"] for reason in known}
    rejected = {"bug_statuses": ["rejected"]}
    counted = expected.numbers("bug_count", "rejection_reason", **rejected)
    assert {row["key"]: row["bugs"] for row in reasons} == counted
    assert all(row["name"] == names.get(row["key"], "(unknown)") for row in reasons)


def expect_platforms(platforms, expected):
    counted = expected.numbers("bug_count", "operating_system")
    found = {row["operating_system"]: row["bugs"] for row in platforms}
    assert found == {key or "(none)": value for key, value in counted.items()}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    rates = expected.measured(("rejection_rate",), ("operating_system",))
    for row in platforms:
        name = row["operating_system"]
        wanted = rates[None if name == "(none)" else name,]["rejection_rate"]
        close(row["rejection_rate"], wanted)


def expect_critical_bugs(critical, expected):
    wanted = {**expected.arguments, "bug_statuses": ["open"], "severities": ["critical"]}
    if expected.now:
        wanted["bounds"] = expected.now
    now = expected.server.now
    bugs = [counting.bug_row(bug, now) for _, bug in measuring.bugs_in(expected.world, wanted)]
    in_order = counting.in_order(bugs, lambda bug: bug["auto_accept_at"], descending=False)
    assert critical["total"] == len(bugs) == len(critical["items"])
    names = ("id", "title", "known", "product_id", "product", "test_id", "test", "feature")
    names += ("reported_at", "age_days", "days_to_auto_acceptance")
    for row, bug in zip(critical["items"], in_order, strict=True):
        assert {name: row[name] for name in names} == {name: bug[name] for name in names}
        assert row["link"] == f"https://app.test.io/bugs/{bug['id']}"


async def test_the_answer_in_a_conversation_is_short_and_agrees_with_the_whole(
    server, case, report
):
    scope, period = case
    answer, text = await server.said("generate_quality_report", **SCOPES[scope], period=period)
    data = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) <= 12_000
    assert len(data.encode()) <= 12_000
    short = answer["report"]
    assert short.keys() == report.keys() - {"file"}
    for name in ("tests", "bugs", "rates", "comparison"):
        assert short.get(name) == report.get(name)
    assert short["critical_bugs"]["total"] == report["critical_bugs"]["total"]
    for name in ("trend", "products", "platforms", "rejection_reasons"):
        kept, whole = short.get(name, []), report.get(name, [])
        left_out = len(whole) - len(kept)
        assert kept == (whole[left_out:] if name == "trend" else whole[: len(kept)])
        assert (f"{name} ({left_out} left out)" in text) == bool(left_out)
    assert text.splitlines()[-1].startswith("As of ")
