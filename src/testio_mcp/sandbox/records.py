"""What the API serves: the generated world with all changes and faults laid over it."""

from bisect import insort
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime

from testio_mcp.sandbox.catalogue import Feature, Product
from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.figures import FeatureExecution, add_figures, executions
from testio_mcp.sandbox.generated import Generated, list_text
from testio_mcp.sandbox.scale import FIRST_PRODUCT_ID, Scale
from testio_mcp.sandbox.schedule import EXECUTED, Facts
from testio_mcp.sandbox.tests import test_row, title_of
from testio_mcp.sandbox.timestamps import read

# In the place of a value: the field is missing.
DROPPED = object()


class UnknownId(LookupError):
    """Nothing of this kind has this id, or it was deleted."""

    def __init__(self, kind: str, id_: int) -> None:
        super().__init__(f"{kind} {id_}")


@dataclass
class Overlay:
    """Everything that differs from what was generated; small, whatever the scale."""

    fields: dict[tuple[str, int], dict[str, object]] = field(default_factory=dict)
    tests: dict[int, tuple[int, Facts]] = field(default_factory=dict)
    bugs: dict[int, dict[int, Json]] = field(default_factory=dict)
    tests_of_bugs: dict[int, int] = field(default_factory=dict)
    # Tests whose bugs are not as generated.
    touched_tests: set[int] = field(default_factory=set)
    deleted_products: set[int] = field(default_factory=set)
    deleted_tests: set[int] = field(default_factory=set)
    deleted_bugs: set[int] = field(default_factory=set)
    deleted_features: set[int] = field(default_factory=set)
    # By product: the ids of its tests in order, once the order is not as generated.
    order: dict[int, list[int]] = field(default_factory=dict)


class Records:
    """Readers. Ids that are unknown or deleted raise `UnknownId`."""

    def __init__(self, scale: Scale, seed: int, anchor: datetime) -> None:
        self.anchor = anchor
        self.seed = seed
        self._generated = Generated(scale, seed, anchor)
        self._layout = self._generated.layout
        self._overlay = Overlay()

    def product_ids(self) -> list[int]:
        every = range(FIRST_PRODUCT_ID, FIRST_PRODUCT_ID + self._layout.products)
        return [id_ for id_ in every if id_ not in self._overlay.deleted_products]

    def test_ids(self, product_id: int) -> list[int]:
        """Newest first, by end; tests without an end before all others."""
        index = self._index(product_id)
        return list(self._overlay.order.get(index, self._layout.test_ids(index)))

    def bug_ids(self, test_id: int) -> list[int]:
        return list(self.bugs_by_id(test_id))

    def test(self, id_: int) -> Json:
        """As it stands in a list; the caller's own copy."""
        return deepcopy(self.test_row(id_))

    def bug(self, id_: int) -> Json:
        """The caller's own copy."""
        return deepcopy(self.bug_row(id_))

    def product(self, product_id: int) -> Product:
        return self._generated.product(self._index(product_id))

    def product_row(self, product_id: int) -> Json:
        return self._with_changes("product", product_id, self.product(product_id).row())

    def features(self, product_id: int, section_id: int | None = None) -> list[Feature]:
        """Those in the catalogue, of one section or of all."""
        gone = self._overlay.deleted_features
        return [
            feature
            for feature in self.product(product_id).features
            if feature.id not in gone and section_id in {None, *feature.section_ids}
        ]

    def test_row(self, id_: int, *, expanded: bool = False) -> Json:
        product, facts = self._place(id_)
        row = test_row(product, facts, self.seed, expanded=expanded)
        return self._with_changes("test", id_, row)

    def test_with_figures(self, id_: int, *, expanded: bool = False) -> Json:
        product, facts = self._place(id_)
        row = test_row(product, facts, self.seed, expanded=expanded)
        add_figures(row, facts, self.status(id_), self.bugs_by_id(id_), expanded=expanded)
        return self._with_changes("test", id_, row)

    def executions(self, test_id: int) -> list[FeatureExecution]:
        facts = self._place(test_id)[1]
        return executions(facts, self.status(test_id), self.bugs_by_id(test_id))

    def bugs(self, test_id: int) -> Sequence[Json]:
        """In the order of report; shared, not to be changed."""
        if test_id in self._overlay.touched_tests:
            return list(self.bugs_by_id(test_id).values())
        return () if self._is_deleted(test_id) else self._generated.bugs(test_id)

    def bugs_text(self, test_id: int) -> str:
        """As JSON, without brackets."""
        if test_id in self._overlay.touched_tests or self._is_deleted(test_id):
            return list_text(self.bugs(test_id))
        return self._generated.bugs_text(test_id)

    def bugs_by_id(self, test_id: int) -> dict[int, Json]:
        """By their true id, which a fault may have replaced in the bug itself."""
        overlay = self._overlay
        if self._is_deleted(test_id):
            return {}
        generated = {row["id"]: row for row in self._generated.bugs(test_id)}
        return {
            id_: self._with_changes("bug", id_, row)
            for id_, row in (generated | overlay.bugs.get(test_id, {})).items()
            if id_ not in overlay.deleted_bugs
        }

    def bug_row(self, id_: int) -> Json:
        """Shared, not to be changed."""
        try:
            return self.bugs_by_id(self._test_of_bug(id_))[id_]
        except KeyError:
            raise UnknownId("bug", id_) from None

    def status(self, test_id: int) -> str:
        """With all changes; executions follow from it."""
        changed = self._overlay.fields.get(("test", test_id), {}).get("status")
        return changed if isinstance(changed, str) else self.facts(test_id).status

    def end_of(self, test_id: int) -> float:
        """As a POSIX time; later than any other when there is none."""
        end = self.facts(test_id).end
        changes = self._overlay.fields.get(("test", test_id), {})
        if "end_at" in changes:
            end = read(changes["end_at"])
        return (end or datetime.max.replace(tzinfo=UTC)).timestamp()

    def facts(self, test_id: int) -> Facts:
        return self._place(test_id)[1]

    def is_executed(self, test_id: int) -> bool:
        return self.status(test_id) in EXECUTED

    def cached_entries(self) -> int:
        """How many generated products, tests and sets of bugs are held; bounded at any scale."""
        return self._generated.cached_entries()

    def _index(self, product_id: int) -> int:
        index = product_id - FIRST_PRODUCT_ID
        is_deleted = product_id in self._overlay.deleted_products
        if is_deleted or not 0 <= index < self._layout.products:
            raise UnknownId("product", product_id)
        return index

    def _place(self, test_id: int) -> tuple[Product, Facts]:
        if self._is_deleted(test_id):
            raise UnknownId("test", test_id)
        return self._even_deleted(test_id)

    def _is_deleted(self, test_id: int) -> bool:
        """It, or all of its product."""
        gone = self._overlay.deleted_products
        if test_id in self._overlay.deleted_tests or not gone:
            return test_id in self._overlay.deleted_tests
        place = self._overlay.tests.get(test_id) or self._layout.place_of_test(test_id)
        return place is not None and FIRST_PRODUCT_ID + place[0] in gone

    def _even_deleted(self, test_id: int) -> tuple[Product, Facts]:
        if test_id in self._overlay.tests:
            index, added = self._overlay.tests[test_id]
            return self._generated.product(index), added
        facts = self._generated.facts(test_id)
        place = self._layout.place_of_test(test_id)
        if facts is None or place is None:
            raise UnknownId("test", test_id)
        return self._generated.product(place[0]), facts

    def _title(self, test_id: int) -> str:
        changed = self._overlay.fields.get(("test", test_id), {})
        title = changed.get("title") or changed.get("test_title")
        return str(title) if title else title_of(*self._place(test_id))

    def _test_of_bug(self, bug_id: int) -> int:
        added = self._overlay.tests_of_bugs.get(bug_id)
        return self._layout.test_of_bug(bug_id) if added is None else added

    def _with_changes(self, kind: str, id_: int, row: Json) -> Json:
        changes = self._overlay.fields.get((kind, id_))
        if not changes:
            return row
        return {name: value for name, value in (row | changes).items() if value is not DROPPED}

    def _put_in_order(self, product: int, test_id: int) -> None:
        """Tests are listed by their end; one whose end changes moves."""
        order = self._own_order(product)
        if test_id in order:
            order.remove(test_id)
        insort(order, test_id, key=lambda id_: -self.end_of(id_))

    def _own_order(self, product: int) -> list[int]:
        return self._overlay.order.setdefault(product, list(self._layout.test_ids(product)))
