"""The bugs of one test, as the API serves them; generated together, in the order of report."""

from bisect import bisect
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from testio_mcp.sandbox.catalogue import Product
from testio_mcp.sandbox.chance import Purpose, chance, happens, one_of
from testio_mcp.sandbox.devices import SPIKE, Json
from testio_mcp.sandbox.oddities import custom_report, inject, make_odd
from testio_mcp.sandbox.plots import (
    AFTER_RELEASE,
    BROKEN_FEATURE,
    FRAGILE,
    FRAGILE_FEATURE,
    NOISY_REJECTION,
    NOISY_SHARE,
    NOISY_TESTER,
    SEVERITIES,
    SPIKE_SHARE,
    USUAL,
    Plot,
)
from testio_mcp.sandbox.reviews import comments
from testio_mcp.sandbox.scale import Layout
from testio_mcp.sandbox.schedule import Facts
from testio_mcp.sandbox.timestamps import written

_REVIEW_DAYS = 10
_OPEN_SHARE = 0.5
_KNOWN_SHARE = 0.06
_UNEXPORTED_SHARE = 0.5
_QUALIFIERS = (
    "",
    "",
    "",
    "",
    " in dark mode",
    " with a slow connection",
    " after switching the language",
    " with large fonts",
    " on the second visit",
    " for a new account",
)
_LANGUAGES = ("en", "en", "en", "en", "de", "fr")


def _cumulative(shares: Sequence[float]) -> list[float]:
    return list(accumulate(shares))[:-1]


_USUAL, _AFTER_RELEASE, _FRAGILE = map(_cumulative, (USUAL, AFTER_RELEASE, FRAGILE))


class BugWriter:
    """Writes bugs of one test; every draw comes from `rng`, so order is part of the result."""

    def __init__(
        self, product: Product, facts: Facts, title: str, anchor: datetime, rng: Random
    ) -> None:
        self._product = product
        self._facts = facts
        self._anchor = anchor
        self._rng = rng
        self._noisy = product.index == 0
        self._testers = rng.sample(product.testers, 10)
        self._customer = one_of(product.customers, rng)
        self._test = {"id": facts.id, "title": title}
        self._own_product = {"id": product.id}
        self._features = [
            (
                feature,
                {"id": feature.id, "title": feature.title},
                {"id": id_, "feature_id": feature.id},
            )
            for feature, id_ in zip(facts.features, facts.test_feature_ids, strict=True)
        ]
        self._weights = self._feature_weights()

    def bug(
        self, bug_id: int, reported: datetime, *, severity: str = "", is_open: bool = False
    ) -> Json:
        """Of any severity when none is given; an open one is never odd."""
        rng = self._rng
        turn = bisect(self._weights, rng.random())
        feature, catalogue_entry, test_feature = self._features[turn]
        severity = severity or self._severity(feature.title)
        text = one_of(feature.bug_texts[severity], rng)
        author = self._author()
        status, auto_accepted = "forwarded", False
        if not is_open:
            status, auto_accepted = self._verdict(author, (self._anchor - reported).days)
        known = happens(_KNOWN_SHARE, rng)
        row: Json = {
            "id": bug_id,
            "title": text.title + one_of(_QUALIFIERS, rng),
            "severity": severity,
            "status": status,
            "known": known,
            "language": one_of(_LANGUAGES, rng),
            "location": feature.title,
            "expected_result": text.expected,
            "actual_result": text.actual,
            "steps": text.steps,
            "author": {"name": author},
            "test": self._test,
            "product": self._own_product,
            "feature": catalogue_entry,
            "test_feature": test_feature,
            "comments": comments(bug_id, status, known, self._customer, rng),
            "devices": [self._device()],
            "attachments": _attachments(bug_id),
            "reported_at": written(reported, self._product.offset, short=bug_id % 5 == 0),
            "exported_at": self._exported_at(status, reported),
            "reproductions": [],
        }
        # Optional: where nothing was accepted, some deployments leave it out.
        if status == "accepted" or bug_id % 3:
            row["auto_accepted"] = auto_accepted
        if severity == "custom":
            row["report"] = custom_report(bug_id)
        if not is_open:
            make_odd(row, rng)
        return row

    def _feature_weights(self) -> list[float]:
        shares = [self._feature_weight(feature.title) for feature, _, _ in self._features]
        return _cumulative([share / sum(shares) for share in shares])

    def _feature_weight(self, title: str) -> float:
        if self._facts.plot is Plot.REGRESSION and title == BROKEN_FEATURE:
            return 10
        return 1.5 if title == FRAGILE_FEATURE else 1

    def _severity(self, title: str) -> str:
        broken = self._facts.plot is Plot.REGRESSION and title == BROKEN_FEATURE
        shares = _AFTER_RELEASE if broken else _FRAGILE if title == FRAGILE_FEATURE else _USUAL
        return SEVERITIES[bisect(shares, self._rng.random())]

    def _author(self) -> str:
        if self._noisy and happens(NOISY_SHARE, self._rng):
            return NOISY_TESTER
        return one_of(self._testers, self._rng)

    def _verdict(self, author: str, age: int) -> tuple[str, bool]:
        """Status, and whether it came by time alone."""
        rng = self._rng
        if age < _REVIEW_DAYS and happens(_OPEN_SHARE, rng):
            return "forwarded", False
        if happens(self._rejection(author), rng):
            return "rejected", False
        late = happens(self._product.auto_acceptance, rng)
        return "accepted", late and age >= _REVIEW_DAYS

    def _rejection(self, author: str) -> float:
        if self._facts.plot is Plot.REGRESSION:
            return 0.02
        return NOISY_REJECTION if author == NOISY_TESTER else self._product.rejection

    def _device(self) -> Json:
        if self._facts.plot is Plot.SPIKE and happens(SPIKE_SHARE, self._rng):
            return SPIKE
        return one_of(self._product.devices, self._rng)

    def _exported_at(self, status: str, reported: datetime) -> str | None:
        if status != "accepted" or happens(_UNEXPORTED_SHARE, self._rng):
            return None
        exported = reported + timedelta(days=1 + self._rng.random() * 20)
        return written(min(exported, self._anchor))


def _attachments(bug_id: int) -> list[Json]:
    count = 1 + (bug_id % 3 == 0) if bug_id % 7 else 0
    return [
        {"id": bug_id * 10 + turn, "url": f"https://files.example/bugs/{bug_id}/{turn}.png"}
        for turn in range(count)
    ]


def bugs_of(product: Product, facts: Facts, title: str, seed: int, anchor: datetime) -> list[Json]:
    """What testers reported between the test's start and its end, or the anchor."""
    if facts.start is None or facts.end is None or not facts.bugs:
        return []
    rng = chance(seed, Purpose.BUGS, facts.id)
    start = facts.start.astimezone(product.offset)
    lasted = (min(facts.end, anchor) - start).total_seconds()
    # More at the beginning, when nobody has reported the obvious yet.
    moments = sorted(rng.random() ** 1.4 for _ in range(facts.bugs))
    reported = [start + timedelta(seconds=int(lasted * moment)) for moment in moments]
    writer = BugWriter(product, facts, title, anchor, rng)
    ids = [Layout.bug_id(facts.id, turn) for turn in range(facts.bugs)]
    rows = [writer.bug(id_, instant) for id_, instant in zip(ids, reported, strict=True)]
    if facts.status == "running":
        # So that there is always something urgent to find.
        rows[0] = writer.bug(ids[0], reported[0], severity="critical", is_open=True)
    if product.index == 0 and facts.past == 0:
        inject(rows[1])
    return rows
