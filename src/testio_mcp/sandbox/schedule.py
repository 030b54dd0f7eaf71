"""When the tests of a product run, and what is in them; any test without those before it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from testio_mcp.sandbox.catalogue import Feature, Product, Section
from testio_mcp.sandbox.chance import Purpose, chance, falls_on, happens
from testio_mcp.sandbox.plots import BROKEN_FEATURE, FRAGILE_FEATURE, Plot, plot_of
from testio_mcp.sandbox.scale import BUG_IDS_PER_TEST, SIZES, Layout

TESTING_TYPES = (
    "coverage",
    "focused",
    "rapid",
    "usability",
    "coverage",
    "external",
    None,
    "focused",
    "coverage",
    "rapid",
    "focused",
)
EXECUTED = frozenset({"running", "locked", "archived"})

_DAYS = 547
# How long a test that has not begun is meant to run.
_SET_UP = timedelta(days=3)
# More tests lately than a year ago, as with a customer who comes to like it.
_GROWTH = 1.25
_RUNNING_SHARE = 0.45
_REGRESSION_FACTOR = 2.2
# Tests that find nothing; the latest always find something.
_EMPTY_SHARE = 0.04
_RECENT = 2
_TRIAGE_DAYS = 35
_LONGEST_TRIAGE_DAYS = 42


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides everything else about a test."""

    id: int
    status: str
    start: datetime | None
    end: datetime | None
    testing_type: str | None
    features: tuple[Feature, ...]
    section: Section | None
    bugs: int
    plot: Plot | None
    # How many ended tests of the product are newer; negative when it has not ended.
    past: int

    @property
    def test_feature_ids(self) -> tuple[int, ...]:
        """Ids of the features as they stood in this test."""
        return tuple(self.id * 10 + turn for turn in range(len(self.features)))


class Schedule:
    """Positions count from the newest test: drafts, set-ups, running tests, then the past."""

    def __init__(self, layout: Layout, seed: int, anchor: datetime) -> None:
        self._layout = layout
        self._seed = seed
        self._anchor = anchor
        self._usual_bugs = SIZES[layout.scale].bugs / sum(map(_bug_weight, enumerate(layout.tests)))

    def facts(self, product: Product, position: int) -> Facts:
        tests = self._layout.tests[product.index]
        rng = chance(self._seed, Purpose.SCHEDULE, product.index, position)
        past = position - not_ended(tests)
        plot = plot_of(product.index, past, tests - not_ended(tests))
        if past >= 0:
            status, start, end = self._ended(past, tests, rng)
        else:
            status, start, end = self._ahead(product.index, position, tests, rng)
        bugs = self._bugs(status, past, plot, rng)
        if status == "locked" and not bugs:
            status = "archived"
        return Facts(
            id=self._layout.test_ids(product.index)[position],
            status=status,
            start=start,
            end=end,
            testing_type=TESTING_TYPES[(position + 3 * product.index) % len(TESTING_TYPES)],
            features=_features(product, past, plot, rng),
            section=_section(product, position),
            bugs=bugs,
            plot=plot,
            past=past,
        )

    def _ended(
        self, past: int, tests: int, rng: Random
    ) -> tuple[str, datetime | None, datetime | None]:
        # The last test to end did so not long ago, whatever the seed.
        jitter = rng.random() * (0.3 if past == 0 else 1)
        share = (past + jitter) / (tests - not_ended(tests))
        age = 0.25 + _DAYS * share**_GROWTH
        end = _whole(self._anchor - timedelta(days=age))
        start = _whole(end - timedelta(days=2 + 5 * rng.random()))
        if is_cancelled(past):
            return "cancelled", start, end
        longest = _TRIAGE_DAYS if happens(0.5, rng) else _LONGEST_TRIAGE_DAYS
        return ("locked" if age <= longest else "archived"), start, end

    def _ahead(
        self, product: int, position: int, tests: int, rng: Random
    ) -> tuple[str, datetime | None, datetime | None]:
        ahead = not_ended(tests) - position
        end = _whole(self._anchor + timedelta(days=ahead * 2.5 - rng.random()))
        if position == 0:
            # A draft without dates, or one that the team lead returned.
            returned = falls_on(product, 1, of=2)
            return ("initialized", end - _SET_UP, end) if returned else ("initialized", None, None)
        if position < not_ended(tests) - running(tests):
            status = ("customer_finalized", "waiting")[(product + position) % 2]
            return status, end - _SET_UP, end
        start = self._anchor - timedelta(days=0.5 + 4 * rng.random())
        return "running", _whole(start), end

    def _bugs(self, status: str, past: int, plot: Plot | None, rng: Random) -> int:
        if status not in EXECUTED:
            return 0
        if plot is Plot.REGRESSION:
            much = self._usual_bugs * _REGRESSION_FACTOR * (0.9 + 0.2 * rng.random())
            return min(round(much), BUG_IDS_PER_TEST - 1)
        usual = self._usual_bugs * (0.35 + 1.3 * rng.random())
        if status == "running":
            return max(3, round(usual * _RUNNING_SHARE))
        if past < _RECENT:
            return max(3, round(usual))
        return 0 if happens(_EMPTY_SHARE, rng) else min(round(usual), BUG_IDS_PER_TEST - 1)


def not_ended(tests: int) -> int:
    return 3 + min(3, tests // 10)


def running(tests: int) -> int:
    """How many of a product's tests run at the anchor."""
    return not_ended(tests) - 1 - max(1, not_ended(tests) // 3)


def is_cancelled(past: int) -> bool:
    return falls_on(past, 2, of=23)


def _bug_weight(numbered: tuple[int, int]) -> float:
    """How many usual tests the bugs of a product amount to."""
    product, tests = numbered
    past = tests - not_ended(tests)
    ended = [turn for turn in range(past) if not is_cancelled(turn)]
    worse = [turn for turn in ended if plot_of(product, turn, past) is Plot.REGRESSION]
    extra = len(worse) * (_REGRESSION_FACTOR - 1)
    return (1 - _EMPTY_SHARE) * (len(ended) + extra) + _RUNNING_SHARE * running(tests)


def _features(product: Product, past: int, plot: Plot | None, rng: Random) -> tuple[Feature, ...]:
    chosen = rng.sample(product.features, 3 + int(rng.random() * 4))
    planted = []
    if product.index == 0 and falls_on(past, 0, of=2):
        planted.append(FRAGILE_FEATURE)
    if plot is Plot.REGRESSION:
        planted.insert(0, BROKEN_FEATURE)
    if planted:
        # First, because a test's title names its first features.
        ahead = [feature for feature in product.features if feature.title in planted]
        chosen = ahead + [feature for feature in chosen if feature not in ahead]
    if falls_on(past, 9, of=40):
        chosen.append(product.retired)
    return tuple(chosen)


def _section(product: Product, position: int) -> Section | None:
    if not product.sections:
        return None
    return (*product.sections, None)[position % (len(product.sections) + 1)]


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
