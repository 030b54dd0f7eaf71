"""Questions about figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from testio_mcp.analytics.dimensions import DIMENSIONS, Named, are_of_bugs
from testio_mcp.analytics.metrics import (
    METRICS,
    READ,
    TESTS_IN_SCOPE,
    TESTS_READ,
    is_known,
    is_of_bugs,
)
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.metrics import MOST_DIMENSIONS, NONE, UNKNOWN, Chart, MetricsQuestion
from testio_mcp.domain.text import closest, one_line
from testio_mcp.errors import InvalidRequest
from testio_mcp.reports.chart_choice import Figures, Unsuitable
from testio_mcp.services.metric_notes import about_of, notes_on
from testio_mcp.services.metric_rows import Names, Row, Rows
from testio_mcp.services.metric_times import Calendar
from testio_mcp.services.pages import resolved
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import (
    refuse_tests_of_others,
    refuse_unknown_features,
    refuse_unknown_products,
    refuse_unknown_tests,
)
from testio_mcp.views.metrics import MetricRow, MetricsAnswer

if TYPE_CHECKING:
    from testio_mcp.repositories.features import FeatureRepository
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.tests import TestRepository
    from testio_mcp.sync.freshness import FreshnessReader

# More could not be told apart in a picture.
MOST_DRAWN = 1_000


class MetricsService:
    def __init__(
        self,
        figures: FigureRepository,
        products: ProductRepository,
        tests: TestRepository,
        features: FeatureRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._figures = figures
        self._products = products
        self._tests = tests
        self._features = features
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def query(self, question: MetricsQuestion) -> MetricsAnswer:
        question = _checked(replace(question, scope=replace(question.scope, zone=self._zone)))
        scope, now = question.scope, datetime.now(UTC)
        await self._refuse_unknown(scope)
        freshness = await self._freshness.of(_basis(question), now)
        calendar = Calendar(self._zone, scope.period, now)
        measured = await self._measured(question, question.by)
        filled = calendar.filled(measured)
        rows = filled or measured
        rows = rows.in_order(
            question.sort, await self._names(rows, [question.sort.removeprefix("-")])
        )
        shown = replace(rows, rows=rows.rows[: question.limit])
        names = await self._names(shown, question.by)
        totals = await self._measured(question, ()) if question.by else None
        notes = notes_on(question, shown, is_filled=filled is not None)
        chart = None
        if question.chart:
            try:
                chart = await self._chart(question, rows, calendar)
            except Unsuitable as reason:
                notes.append(str(reason))
        return MetricsAnswer(
            items=[_view(row, shown, names, calendar) for row in shown.rows],
            total=len(rows.rows),
            returned=len(shown.rows),
            page=1,
            page_size=question.limit,
            has_more=len(rows.rows) > len(shown.rows),
            period=resolved(scope.period, "end_at", self._zone.key),
            notes=notes,
            freshness=freshness,
            metrics=[*question.metrics],
            by=[*question.by],
            totals=dict(zip(totals.metrics, totals.rows[0], strict=True)) if totals else None,
            chart=chart,
        )

    async def _chart(self, question: MetricsQuestion, rows: Rows, calendar: Calendar) -> Chart:
        """Of all rows along time or two dimensions, else of those that are told."""
        along_time = bool(rows.times) or len(rows.by) > 1
        drawn = replace(rows, rows=rows.rows[: MOST_DRAWN if along_time else question.limit])
        names = await self._names(drawn, question.by)
        products = await self._figures.names(Named.PRODUCT, question.scope.product_ids)
        views = [_view(row, drawn, names, calendar) for row in drawn.rows]
        about = about_of(question, [products[id] for id in question.scope.product_ids])
        return Figures(question.metrics, question.by, views, about).chart(question.chart)

    async def _measured(self, question: MetricsQuestion, by: tuple[str, ...]) -> Rows:
        """The figures, those null that rest on what was never read."""
        scope, metrics = question.scope, question.metrics
        unknown = [name for name in metrics if _rests_on_bugs(name, by, scope)]
        # Where only bugs make rows there is none that lacks them.
        told = READ if unknown and not are_of_bugs(by) else ()
        told = told if by else (*told, TESTS_IN_SCOPE)
        names = [*dict.fromkeys((*metrics, *told))]
        found = await self._figures.measure(names, scope, by=by)
        width = len(by) + len(metrics)
        rows = [tuple(row)[:width] for row in found]
        if TESTS_READ in told:
            blank = {len(by) + metrics.index(name): name for name in unknown}
            rows = [_without_unread(row, of, blank) for row, of in zip(rows, found, strict=True)]
        if not by and not found[0].tests_in_scope:
            listed = await self._products.lists_read()
            if listed.isdisjoint(scope.product_ids or listed):
                rows = [(None,) * width]
        return Rows(by, metrics, rows)

    async def _names(self, rows: Rows, dimensions: Iterable[str]) -> Names:
        """What the keys of these dimensions are called."""
        keys: dict[Named, set[Any]] = {}
        for name in rows.by:
            named = DIMENSIONS[name].named
            if named and name in dimensions:
                keys.setdefault(named, set()).update(rows.keys_of(name))
        return {named: await self._figures.names(named, of) for named, of in keys.items()}

    async def _refuse_unknown(self, scope: Scope) -> None:
        """An id that nothing has would look like an empty result."""
        await refuse_unknown_products(self._products, scope.product_ids)
        await refuse_unknown_tests(self._tests, scope.test_ids)
        await refuse_tests_of_others(self._tests, scope.test_ids, scope.product_ids)
        await refuse_unknown_features(self._features, scope.feature_ids)


def _checked(question: MetricsQuestion) -> MetricsQuestion:
    """Each name once; raises InvalidRequest for names that mean nothing."""
    metrics = tuple(dict.fromkeys(question.metrics))
    by = tuple(dict.fromkeys(question.by))
    if not metrics:
        raise InvalidRequest("No metric is named.", hint=f"Name some of {', '.join(METRICS)}.")
    _refuse_words("metric", metrics, METRICS)
    _refuse_words("dimension", by, DIMENSIONS)
    if len(by) > MOST_DIMENSIONS:
        raise InvalidRequest(
            f"{len(by)} dimensions are too many.", hint=f"Name at most {MOST_DIMENSIONS}."
        )
    if question.sort:
        _refuse_words("order", [question.sort.removeprefix("-")], (*metrics, *by))
    return replace(question, metrics=metrics, by=by)


def _refuse_words(kind: str, words: Iterable[str], allowed: Iterable[str]) -> None:
    names = [*allowed]
    for word in words:
        if word not in names:
            near = closest(word, names)
            meant = f"Closest: {', '.join(near)}. " if near else ""
            raise InvalidRequest(
                f"No {kind} is called {one_line(word, 60)!r}.",
                hint=f"{meant}Allowed: {', '.join(names)}.",
            )


def _basis(question: MetricsQuestion) -> Basis:
    scope = question.scope
    with_bugs = any(_rests_on_bugs(name, question.by, scope) for name in question.metrics)
    return Basis(
        product_ids=scope.product_ids,
        test_ids=scope.test_ids or None,
        lists=not scope.test_ids,
        bugs=with_bugs or are_of_bugs(question.by),
    )


def _rests_on_bugs(name: str, by: tuple[str, ...], scope: Scope) -> bool:
    return is_of_bugs(name) or are_of_bugs(by) or scope.names_bugs


def _without_unread(row: Row, counted: Any, blank: Mapping[int, str]) -> Row:
    """Null where there may be bugs that were never read."""
    return tuple(
        None if place in blank and not is_known(blank[place], counted) else value
        for place, value in enumerate(row)
    )


def _view(row: Row, rows: Rows, names: Names, calendar: Calendar) -> MetricRow:
    told: dict[str, Any] = {}
    partial = False
    for name, key in zip(rows.by, row, strict=False):
        told |= _labelled(name, key, names)
        if name in rows.times and key is not None:
            partial = partial or calendar.is_partial(key, name)
    if partial:
        told["partial"] = True
    return MetricRow(**told, **dict(zip(rows.metrics, row[len(rows.by) :], strict=True)))


def _labelled(name: str, key: Any, names: Names) -> dict[str, Any]:
    """A key by the name of its dimension; things also by their id."""
    named = DIMENSIONS[name].named
    if named is None:
        return {name: NONE if key is None else key}
    if key is None:
        label = NONE
    elif key == UNKNOWN:
        label = key
    else:
        label = names[named].get(key, str(key))
    id = f"{name}_key" if named is Named.REASON else f"{name}_id"
    return {id: None if key == UNKNOWN else key, name: label}
