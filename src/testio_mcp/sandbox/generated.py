"""The world as it is generated: any part on demand, the latest parts kept."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from json import JSONEncoder

from testio_mcp.sandbox.bugs import bugs_of
from testio_mcp.sandbox.catalogue import Product, product
from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.scale import Scale, layout_of
from testio_mcp.sandbox.schedule import Facts, Schedule
from testio_mcp.sandbox.tests import title_of

_PRODUCTS_KEPT = 128
_TESTS_KEPT = 2_048
_TESTS_WITH_BUGS_KEPT = 128
# As text they are small enough for all of a medium world: reading again costs next to nothing.
_BUG_TEXTS_KEPT = 2_048

encode = JSONEncoder(separators=(",", ":")).encode


class Generated:
    """Nothing here ever changes, and nothing is kept that could not be generated again."""

    def __init__(self, scale: Scale, seed: int, anchor: datetime) -> None:
        self.layout = layout_of(scale)
        self.seed = seed
        self.anchor = anchor
        self._scale = scale
        self._schedule = Schedule(self.layout, seed, anchor)
        self.product = lru_cache(_PRODUCTS_KEPT)(self._product)
        self.facts = lru_cache(_TESTS_KEPT)(self._facts)
        self.bugs = lru_cache(_TESTS_WITH_BUGS_KEPT)(self._bugs)
        self.bugs_text = lru_cache(_BUG_TEXTS_KEPT)(self._bugs_text)

    def cached_entries(self) -> int:
        caches = (self.product, self.facts, self.bugs, self.bugs_text)
        return sum(cache.cache_info().currsize for cache in caches)

    def _product(self, index: int) -> Product:
        return product(index, self._scale, self.seed)

    def _facts(self, test_id: int) -> Facts | None:
        """None for a test that was not generated."""
        place = self.layout.place_of_test(test_id)
        return place and self._schedule.facts(self.product(place[0]), place[1])

    def _bugs(self, test_id: int) -> Sequence[Json]:
        """Shared with later callers: not to be changed."""
        facts = self.facts(test_id)
        place = self.layout.place_of_test(test_id)
        if facts is None or place is None:
            return ()
        owner = self.product(place[0])
        return bugs_of(owner, facts, title_of(owner, facts), self.seed, self.anchor)

    def _bugs_text(self, test_id: int) -> str:
        return list_text(self.bugs(test_id))


def list_text(rows: Sequence[Json]) -> str:
    """The JSON of a list without its brackets, so that lists can be joined."""
    return encode(rows)[1:-1]
