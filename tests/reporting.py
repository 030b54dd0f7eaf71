"""A quality report made up for tests of how it is written."""

from datetime import UTC, datetime

from testio_mcp.domain.freshness import State
from testio_mcp.domain.health import Health
from testio_mcp.domain.reports import Direction
from testio_mcp.views.base import Freshness, ResolvedPeriod
from testio_mcp.views.reports import (
    CriticalBugs,
    NamedThing,
    QualityReport,
    ReportAnswer,
    ReportBug,
    ReportBugs,
    ReportChange,
    ReportFeature,
    ReportFeatures,
    ReportMonth,
    ReportPlatform,
    ReportProduct,
    ReportRate,
    ReportReason,
    ReportScope,
    ReportTests,
)

NOW = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
RATES = {
    "acceptance_rate": 0.7,
    "active_acceptance_rate": 0.5,
    "auto_acceptance_rate": 0.2 / 0.7,
    "rejection_rate": 0.2,
    "review_rate": 0.7,
}


def report(words="Plain", **changes):
    """With `words` wherever a stranger may have written something."""
    return QualityReport(
        title=f"Quality report: {words}",
        customer=words,
        generated_at=NOW,
        scope=ReportScope(
            products=[NamedThing(id=1, name=words)],
            product_count=2,
            test_ids=[],
            excluded_test_ids=[7],
            features=[NamedThing(id=5, name=words)],
            testing_types=["rapid"],
            period="2026-Q3",
        ),
        previous_period=bounds(4, 7),
        **{"period": bounds(7, 10), **sections(words), **changes},
    )


def sections(words):
    return {
        "tests": ReportTests(
            total=1_234,
            executed=1_000,
            by_status={"archived": 1_000, words: 234},
            by_testing_type={words: 1_234},
        ),
        "bugs": ReportBugs(
            total=20_000,
            open=20,
            known=3,
            per_test=20.0,
            severity_score=31_000,
            by_severity={"critical": 1_000, words: 19_000},
            by_status={"open": 20, "other": 19_980},
        ),
        "rates": [rate(name, value) for name, value in RATES.items()],
        "comparison": [change("bug_count", 20_000, 18_000, Direction.HIGHER), *judged()],
        "critical_bugs": CriticalBugs(total=3, items=[bug(words, 4), bug(words, -1)]),
        "products": [product(1, words, 0.2), product(2, words, None)],
        "trend": [month("2026-07"), month("2026-08"), month("2026-09", partial=True)],
        "features": ReportFeatures(
            total=45,
            fragile_total=1,
            bugs_without_feature=6,
            most_bugs=[feature(words)],
            most_fragile=[feature(words)],
        ),
        "rejection_reasons": [ReportReason(key="out_of_scope", name=words, bugs=9)],
        "platforms": [ReportPlatform(operating_system=words, bugs=7, rejection_rate=0.125)],
    }


def answer(words="Plain", notes=(), incomplete=(), **changes):
    freshness = Freshness(as_of=NOW, state=State.FRESH, incomplete=list(incomplete))
    return ReportAnswer(report=report(words, **changes), freshness=freshness, notes=list(notes))


def bounds(first, after):
    return ResolvedPeriod(
        start=datetime(2026, first, 1, tzinfo=UTC),
        end=datetime(2026, after, 1, tzinfo=UTC),
        by="end_at",
        timezone="UTC",
    )


def rate(name, value):
    if name == "acceptance_rate":
        return ReportRate(metric=name, value=value, health=None, warning=None, critical=None)
    health = Health.WARNING if name == "rejection_rate" else Health.OK
    return ReportRate(metric=name, value=value, health=health, warning=0.2, critical=0.35)


def change(name, value, previous, direction):
    return ReportChange(
        metric=name,
        value=value,
        previous=previous,
        change=None if previous is None else value - previous,
        direction=direction,
    )


def judged():
    return [
        change("rejection_rate", 0.2, 0.25, Direction.BETTER),
        change("review_rate", 0.7, None, Direction.UNKNOWN),
    ]


def bug(words, due):
    return ReportBug(
        id=1_000_001,
        title=words,
        link="https://app.test.io/bugs/1000001",
        known=False,
        product_id=1,
        product=words,
        test_id=2,
        test=words,
        feature=words,
        reported_at=NOW,
        age_days=6,
        days_to_auto_acceptance=due,
    )


def product(id, words, rejected):
    return ReportProduct(
        id=id,
        name=words,
        tests=4,
        executed=3,
        bugs=9,
        open_bugs=0,
        bugs_per_test=3.0,
        severity_score=12,
        **{**RATES, "rejection_rate": rejected},
        health=Health.OK,
    )


def month(name, *, partial=False):
    return ReportMonth(month=name, partial=partial, tests=2, bugs=9, bugs_per_test=4.5, **RATES)


def feature(words):
    return ReportFeature(
        id=5,
        title=words,
        product_id=1,
        tests=1,
        bugs=9,
        bugs_per_test=9.0,
        severity_score=21,
        fragility=None,
    )
