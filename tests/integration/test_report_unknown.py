"""What was never read is unknown in a report, and never nothing."""

import json

import pytest
from pydantic import SecretStr
from tests.caches import BANK, GAME, SHOP, change

from testio_mcp.app import Source, open_app
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.reports import Output, ReportFormat, ReportQuestion
from testio_mcp.errors import NotFound
from testio_mcp.reports.markdown import report_markdown
from testio_mcp.services.reports import ReportService
from testio_mcp.settings import Loaded

SHOP_ONLY = ReportQuestion(Scope(product_ids=(SHOP,)))
IN_ANSWER = Output()


@pytest.fixture
def ask(synced, settings):
    async def ask(question=SHOP_ONLY, output=IN_ANSWER):
        async with synced.services.open(ReportService) as reports:
            return await reports.generate(question, output)

    return ask


async def test_bugs_that_were_never_read_are_unknown(ask, synced_path, settings):
    change(synced_path, "DELETE FROM stamps WHERE kind = 'bugs'")
    change(synced_path, "DELETE FROM bugs")
    answer = await ask()
    report = answer.report
    assert report.tests.total > 0
    figures = (report.bugs.total, report.bugs.open, report.bugs.known, report.bugs.per_test)
    assert figures == (None,) * 4
    assert all(rate.value is None for rate in report.rates)
    assert {rate.health for rate in report.rates if rate.metric != "acceptance_rate"} == {"unknown"}
    assert report.critical_bugs.total is None
    assert (report.features.total, report.features.bugs_without_feature) == (None, None)
    assert all(month.bugs is None for month in report.trend if month.tests)
    assert answer.freshness.incomplete
    text = report_markdown(answer, settings.zone)
    assert "their bugs: not synced yet." in text
    assert (report.rejection_reasons, report.platforms) == (None, None)
    assert "Not synced yet: rejection_reasons, platforms." in text
    assert "**Critical open bugs (of these tests)**: Not synced yet." in text


async def test_what_is_divided_by_tests_needs_the_bugs_of_each(ask, synced_path):
    before = (await ask()).report
    worst = before.features.most_fragile[0]
    change(
        synced_path,
        "DELETE FROM stamps WHERE kind = 'bugs' AND id IN (SELECT min(bugs.test_id) FROM bugs JOIN "
        "test_features ON test_features.id = test_feature_id WHERE test_features.feature_id = ?)",
        worst.id,
    )
    report = (await ask()).report
    assert (report.bugs.total, report.bugs.per_test) == (before.bugs.total, None)
    assert report.features.fragile_total < before.features.fragile_total
    assert worst.id not in {feature.id for feature in report.features.most_fragile}
    found = {feature.id: feature for feature in report.features.most_bugs}
    assert (found[worst.id].bugs, found[worst.id].bugs_per_test) == (worst.bugs, None)


async def test_a_product_whose_tests_were_never_listed_is_unknown_beside_others(ask, synced_path):
    change(synced_path, "DELETE FROM stamps WHERE kind = 'tests' AND id = ?", GAME)
    for table in ("bugs", "tests"):
        change(synced_path, f"DELETE FROM {table} WHERE product_id = ?", GAME)
    answer = await ask(ReportQuestion(Scope(product_ids=(BANK, GAME))))
    found = {product.id: product for product in answer.report.products}
    unknown = found[GAME].model_dump(exclude={"id", "name", "health"})
    assert set(unknown.values()) == {None}
    assert found[GAME].health == "unknown"
    assert found[BANK].tests > 0
    assert answer.freshness.incomplete


async def test_nothing_at_all_is_known_of_an_empty_copy(app, path):
    """Neither zeros nor an error: the report says that nothing was read."""
    async with app.services.open(ReportService) as reports:
        answer = await reports.generate(ReportQuestion(), IN_ANSWER)
    report = answer.report
    assert answer.freshness.state == "never_synced"
    assert (report.tests.total, report.bugs.total, report.critical_bugs.total) == (None,) * 3
    assert report.tests.by_status == {}
    assert report.trend is None
    assert "Not synced yet: trend, rejection_reasons, platforms." in answer.notes
    async with app.services.open(ReportService) as reports:
        with pytest.raises(NotFound, match=f"Product {SHOP} is not known"):
            await reports.generate(SHOP_ONLY, IN_ANSWER)


async def test_a_product_without_tests_has_none(ask, synced_path):
    change(synced_path, "UPDATE tests SET status = 'cancelled' WHERE product_id = ?", GAME)
    report = (await ask(ReportQuestion(Scope(product_ids=(GAME,))))).report
    assert report.tests.total > 0
    assert (report.tests.executed, report.bugs.total, report.critical_bugs.total) == (0, 0, 0)
    assert report.bugs.per_test is None
    assert all(rate.value is None for rate in report.rates)


async def test_thresholds_come_from_the_settings(synced_path, settings, sandbox, api_url):
    changed = {"threshold_rejection_warning": 0.0, "threshold_rejection_critical": 0.0}
    strict = settings.model_copy(update={**changed, "customer_name": "Nordwind"})
    source = Source(api_url, SecretStr(sandbox.token), sandbox.host_name)
    async with (
        open_app(Loaded(strict, [], []), source) as app,
        app.services.open(ReportService) as reports,
    ):
        report = (await reports.generate(SHOP_ONLY, IN_ANSWER)).report
    health = {rate.metric: (rate.health, rate.warning, rate.critical) for rate in report.rates}
    assert health["rejection_rate"] == ("critical", 0, 0)
    assert health["acceptance_rate"] == (None, None, None)
    assert report.title.startswith("Quality report of Nordwind: Nordwind Shop, all time")


async def test_the_file_holds_what_was_told(ask, settings):
    output = Output(ReportFormat.JSON, "whole.json")
    answer = await ask(output=output)
    saved = json.loads((settings.home / "reports" / "whole.json").read_text())
    told = answer.model_dump(mode="json")
    file = told["report"].pop("file")
    assert saved == told
    assert (file["format"], file["path"]) == ("json", "~/.testio-mcp/reports/whole.json")
    assert file["bytes"] == (settings.home / "reports" / "whole.json").stat().st_size
