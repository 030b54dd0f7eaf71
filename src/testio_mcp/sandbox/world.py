"""Changes to the data, and bad data, as they happen upstream between two reads."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from testio_mcp.sandbox.bugs import BugWriter
from testio_mcp.sandbox.chance import Purpose, chance
from testio_mcp.sandbox.plots import SEVERITIES
from testio_mcp.sandbox.records import DROPPED, Records, UnknownId
from testio_mcp.sandbox.reviews import comment as written_comment
from testio_mcp.sandbox.rounds import Round, play_round
from testio_mcp.sandbox.scale import Scale
from testio_mcp.sandbox.schedule import Facts
from testio_mcp.sandbox.timestamps import written

KINDS = ("product", "test", "bug")


class World(Records):
    """Changes last as long as the sandbox; the same calls give the same world."""

    def __init__(self, scale: Scale, seed: int, anchor: datetime) -> None:
        super().__init__(scale, seed, anchor)
        self._poisoned: dict[int, bool] = {}
        self._next_test_id = self._layout.first_free_test_id
        self._next_bug_id = self._layout.first_free_bug_id
        self._rounds = 0
        # The instant that changes happen at.
        self._now = anchor

    def add_test(self, product_id: int, **fields: object) -> int:
        """A test that runs for another three days, unless `fields` say otherwise.

        It is listed where its end puts it: before what has ended, after what ends later.
        """
        product = self.product(product_id)
        id_ = self._next_test_id
        self._next_test_id += 1
        facts = Facts(
            id=id_,
            status="running",
            start=self._now - timedelta(days=1),
            end=self._now + timedelta(days=3),
            testing_type="coverage",
            features=tuple(self.features(product_id)[:3]),
            section=product.sections[0] if product.sections else None,
            bugs=0,
            plot=None,
            past=-1,
        )
        self._overlay.tests[id_] = (product.index, facts)
        self._set("test", id_, fields)
        self._put_in_order(product.index, id_)
        return id_

    def add_bug(self, test_id: int, **fields: object) -> int:
        """An open bug, reported now."""
        product, facts = self._place(test_id)
        id_ = self._next_bug_id
        self._next_bug_id += 1
        rng = chance(self.seed, Purpose.NEW_BUG, id_)
        writer = BugWriter(product, facts, self._title(test_id), self._now, rng)
        severity = fields.get("severity")
        wanted = str(severity) if severity in SEVERITIES else ""
        row = writer.bug(id_, self._now, severity=wanted, is_open=True)
        self._overlay.bugs.setdefault(test_id, {})[id_] = row
        self._overlay.tests_of_bugs[id_] = test_id
        self._overlay.touched_tests.add(test_id)
        self._set("bug", id_, fields)
        return id_

    def move_test(self, test_id: int, status: str) -> None:
        """With the dates that go with the status: what is over has ended, what runs has begun."""
        fields: dict[str, object] = {"status": status}
        facts = self.facts(test_id)
        if status == "running":
            start, end = facts.start or self._now, facts.end or self._now
            fields["start_at"] = min(start, self._now)
            fields["end_at"] = max(end, self._now + timedelta(days=3))
            fields["review_status"] = "review_successful"
        elif status in {"locked", "archived", "cancelled"}:
            fields["end_at"] = min(facts.end or self._now, self._now)
        self._change("test", test_id, fields)

    def move_bug(
        self, bug_id: int, status: str, auto_accepted: bool = False, comment: str | None = None
    ) -> None:
        row = self.bug_row(bug_id)
        fields: dict[str, object] = {"status": status, "auto_accepted": auto_accepted}
        if comment is not None:
            author = self._place(self._test_of_bug(bug_id))[0].customers[0]
            comments = list(row["comments"])
            fields["comments"] = [
                *comments,
                written_comment(bug_id, len(comments), comment, author),
            ]
        self._change("bug", bug_id, fields)

    def delete_product(self, product_id: int) -> None:
        """Everything of it goes with it."""
        self._index(product_id)
        self._overlay.deleted_products.add(product_id)

    def restore_product(self, product_id: int) -> None:
        """Bring a deleted product back, with everything of it."""
        if product_id not in self._overlay.deleted_products:
            raise UnknownId("deleted product", product_id)
        self._overlay.deleted_products.remove(product_id)

    def delete_test(self, test_id: int) -> None:
        """Its bugs go with it."""
        product, _ = self._place(test_id)
        self._own_order(product.index).remove(test_id)
        self._overlay.deleted_tests.add(test_id)

    def restore_test(self, test_id: int) -> None:
        """Bring a deleted test back, with its bugs."""
        if test_id not in self._overlay.deleted_tests:
            raise UnknownId("deleted test", test_id)
        self._overlay.deleted_tests.remove(test_id)
        self._put_in_order(self._place(test_id)[0].index, test_id)

    def delete_bug(self, bug_id: int) -> None:
        self.bug_row(bug_id)
        self._overlay.deleted_bugs.add(bug_id)
        self._overlay.touched_tests.add(self._test_of_bug(bug_id))

    def delete_feature(self, feature_id: int) -> None:
        """It leaves the catalogue; tests and bugs go on naming it."""
        every = (feature for id_ in self.product_ids() for feature in self.features(id_))
        if all(feature.id != feature_id for feature in every):
            raise UnknownId("feature", feature_id)
        self._overlay.deleted_features.add(feature_id)

    def restore_feature(self, feature_id: int) -> None:
        """Bring a deleted feature back into the catalogue."""
        if feature_id not in self._overlay.deleted_features:
            raise UnknownId("deleted feature", feature_id)
        self._overlay.deleted_features.remove(feature_id)

    def move_on(self, at: datetime | None = None) -> Round:
        """One round of believable changes, the same for the same seed, anchor and turn.

        They happen at `at`, or at the anchor: pass the present to see them as new.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError("at needs a time zone")
        self._now = at or self.anchor
        self._rounds += 1
        return play_round(self, self._rounds)

    def set_field(self, kind: str, id_: int, field: str, value: object) -> None:
        """Put any value in a field of one of `KINDS`: an unknown word, a wrong type."""
        self._change(kind, id_, {field: value})

    def drop_field(self, kind: str, id_: int, field: str) -> None:
        """Leave a field of one of `KINDS` out."""
        self._change(kind, id_, {field: DROPPED})

    def poison_test(self, test_id: int, single_ok: bool = False) -> None:
        """Every page with this test answers 500, and so does the call for it alone."""
        self._place(test_id)
        self._poisoned[test_id] = single_ok

    def heal_test(self, test_id: int) -> None:
        self._poisoned.pop(test_id, None)

    def breaks_list(self, test_ids: Iterable[int]) -> bool:
        return not self._poisoned.keys().isdisjoint(test_ids)

    def breaks_alone(self, test_id: int) -> bool:
        return not self._poisoned.get(test_id, True)

    def _change(self, kind: str, id_: int, fields: dict[str, object]) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        if kind == "product":
            self._index(id_)
            self._set(kind, id_, fields)
        elif kind == "bug":
            self.bug_row(id_)
            self._overlay.touched_tests.add(self._test_of_bug(id_))
            self._set(kind, id_, fields)
        else:
            product, _ = self._place(id_)
            self._set(kind, id_, fields)
            if "end_at" in fields:
                self._put_in_order(product.index, id_)

    def _set(self, kind: str, id_: int, fields: dict[str, object]) -> None:
        known = self._overlay.fields.setdefault((kind, id_), {})
        known |= {
            name: written(value) if isinstance(value, datetime) else value
            for name, value in fields.items()
        }
