"""A small TestIO where anything may happen between two syncs, and what it said at some time."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.caches import BANK, GAME, SHOP
from tests.conftest import ANCHOR
from tests.e2e.reference import visible
from tests.watching import watch_requests

from testio_mcp.sandbox import Fault, FaultKind, Sandbox, Scale

THIRD = 1003
PRODUCTS = (GAME, BANK)
# A few tests of each kind are enough; with smaller pages they make several.
KEPT_TESTS, OLD_TESTS, PAGE = 6, 12, 3
FINAL = ("archived", "cancelled")
STATUSES = ("running", "locked", "archived", "cancelled", "waiting")
PATHS = (
    "products",
    "products/*/exploratory_tests",
    f"products/{GAME}/exploratory_tests",
    f"products/{GAME}/features",
    f"products/{BANK}/sections/*",
    "products/*/user_stories",
    "exploratory_tests/*",
    "bugs",
    "bugs/1*",
    "bugs/reject_reasons",
    "*",
)
FAULTS = (
    {"kind": FaultKind.STATUS, "status": 500},
    {"kind": FaultKind.STATUS, "status": 503, "html": True},
    {"kind": FaultKind.STATUS, "status": 524},
    {"kind": FaultKind.STATUS, "status": 403},
    {"kind": FaultKind.STATUS, "status": 422},
    {"kind": FaultKind.RATE_LIMITED, "retry_after": 0},
    {"kind": FaultKind.TRUNCATED_JSON},
    {"kind": FaultKind.HTML_BODY},
    {"kind": FaultKind.DROPPED_CONNECTION},
    {"kind": FaultKind.DROPPED_CONNECTION, "midway": True},
    {"kind": FaultKind.IGNORE_PAGING},
    {"kind": FaultKind.SECTIONS_500},
)
picks = st.integers(min_value=0, max_value=1_000)


def small_world(sandbox):
    world = sandbox.world
    for product in (SHOP, THIRD):
        world.delete_product(product)
    for product in PRODUCTS:
        for id in world.test_ids(product)[KEPT_TESTS:]:
            world.delete_test(id)
    for day in range(OLD_TESTS):
        world.add_test(GAME, status="archived", end_at=ANCHOR - timedelta(days=100 + 5 * day))
    return world


def bug_upstream(bug):
    status = "auto_accepted" if bug.get("auto_accepted") else bug["status"]
    title, known = visible(bug.get("title")), {"forwarded": "open"}
    return bug["id"], bug["test"]["id"], title, bug["severity"], known.get(status, status)


class ChangingWorld(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.sandbox = Sandbox(Scale.SMALL, seed=1, anchor=ANCHOR)
        self.watched = watch_requests(self.sandbox)
        self.world = small_world(self.sandbox)
        self.poisoned, self.lost_features, self.faults_are_on = set(), set(), False
        # What broken fields of tests and bugs were: by kind, id and name.
        self.whole = {}
        # What TestIO said of each test and bug at some time.
        self.said = {"tests": set(), "bugs": set()}
        # Tests that nothing tells an incremental sync of.
        self.unannounced = set()
        for product in self.world.product_ids():
            for id in self.world.test_ids(product):
                self.note_test(id)
        self.pages_are_small()

    def pages_are_small(self):
        fault = Fault("products/*/exploratory_tests", FaultKind.CAP_PER_PAGE, cap=PAGE)
        self.sandbox.faults.add(fault)

    def tests(self):
        return [id for product in self.world.product_ids() for id in self.world.test_ids(product)]

    def bugs(self):
        return [(test, bug) for test in self.tests() for bug in self.world.bug_ids(test)]

    def note_test(self, id):
        self.said["tests"].add(self.test_upstream(id))
        self.said["bugs"] |= self.bugs_upstream(id)

    def test_upstream(self, id):
        test = self.world.test_row(id)
        title = visible(test.get("title") or test.get("test_title"))
        features = sorted(feature["feature_id"] for feature in self.features_of(test))
        return id, test["product"]["id"], title, test["status"], tuple(features)

    def features_of(self, test):
        return test["features"] if isinstance(test["features"], list) else []

    def bugs_upstream(self, test):
        return {bug_upstream(bug) for bug in self.world.bugs(test)}

    @rule(pick=picks, age=st.sampled_from([0, 30, 130, 180]), bugs=st.integers(0, 2))
    def a_test_is_added(self, pick, age, bugs):
        products = self.world.product_ids()
        is_over = {"status": "archived", "end_at": ANCHOR - timedelta(days=age)}
        fields = is_over if age else {}
        id = self.world.add_test(products[pick % len(products)], **fields)
        for _ in range(bugs):
            self.world.add_bug(id)
        if age:
            self.unannounced.add(id)
        self.note_test(id)

    @rule(pick=picks, status=st.sampled_from(STATUSES))
    def a_test_moves(self, pick, status):
        id = self.one_of(self.tests(), pick)
        if self.world.status(id) in FINAL:
            self.unannounced.add(id)
        self.world.move_test(id, status)
        self.note_test(id)

    @rule(pick=picks, age=st.integers(0, 200))
    def a_test_ends_at_another_time(self, pick, age):
        id = self.one_of(self.tests(), pick)
        if self.world.status(id) in FINAL:
            self.unannounced.add(id)
        self.world.set_field("test", id, "end_at", ANCHOR - timedelta(days=age))
        self.note_test(id)

    @rule(pick=picks)
    def a_test_is_deleted(self, pick):
        if len(self.tests()) > 6:
            id = self.one_of(self.tests(), pick)
            self.mend([id])
            self.world.delete_test(id)

    @rule(pick=picks)
    def a_test_comes_back(self, pick):
        every = {id for id, *_ in self.said["tests"]} - set(self.tests())
        gone = sorted(id for id in every if self.product_of(id) in self.world.product_ids())
        if gone:
            id = self.one_of(gone, pick)
            self.world.restore_test(id)
            self.unannounced.add(id)

    def product_of(self, id):
        return next(product for test, product, *_ in self.said["tests"] if test == id)

    @rule(pick=picks, severity=st.sampled_from(["low", "critical", "cosmic"]))
    def a_bug_is_reported(self, pick, severity):
        id = self.one_of(self.tests(), pick)
        self.world.add_bug(id, severity=severity)
        self.note_test(id)

    @rule(pick=picks, status=st.sampled_from(["accepted", "rejected", "forwarded", "parked"]))
    def a_bug_moves(self, pick, status):
        if self.bugs():
            test, bug = self.one_of(self.bugs(), pick)
            self.world.move_bug(bug, status)
            self.note_test(test)

    @rule(pick=picks)
    def a_bug_is_deleted(self, pick):
        if self.bugs():
            _, bug = self.one_of(self.bugs(), pick)
            self.whole.pop(("bug", bug, "title"), None)
            self.world.delete_bug(bug)

    @rule(pick=picks)
    def a_feature_leaves_the_catalogue(self, pick):
        features = [
            f.id for product in self.world.product_ids() for f in self.world.features(product)
        ]
        if len(features) > 4:
            id = self.one_of(features, pick)
            self.world.delete_feature(id)
            self.lost_features.add(id)

    @precondition(lambda self: self.lost_features)
    @rule()
    def features_come_back(self):
        for id in self.lost_features:
            self.world.restore_feature(id)
        self.lost_features.clear()

    @precondition(lambda self: BANK in self.world.product_ids())
    @rule()
    def a_product_goes(self):
        self.mend(self.world.test_ids(BANK))
        self.world.delete_product(BANK)

    @precondition(lambda self: BANK not in self.world.product_ids())
    @rule()
    def a_product_comes_back(self):
        self.world.restore_product(BANK)

    @rule(pick=picks, single_ok=st.booleans())
    def a_test_goes_bad(self, pick, single_ok):
        id = self.one_of(self.tests(), pick)
        self.world.poison_test(id, single_ok=single_ok)
        self.poisoned.add(id)

    @rule(pick=picks)
    def a_bug_makes_no_sense(self, pick):
        if self.bugs():
            self.spoil("bug", self.one_of(self.bugs(), pick)[1], "title")

    @rule(pick=picks)
    def a_test_makes_no_sense(self, pick):
        self.spoil("test", self.one_of(self.tests(), pick), "features")

    def spoil(self, kind, id, field):
        row = self.world.test(id) if kind == "test" else self.world.bug(id)
        self.whole.setdefault((kind, id, field), row.get(field))
        self.world.set_field(kind, id, field, "none" if kind == "test" else None)

    @precondition(lambda self: self.whole or self.poisoned)
    @rule()
    def everything_makes_sense_again(self):
        self.mend(self.tests())

    def mend(self, tests):
        for test in tests:
            self.world.heal_test(test)
            self.poisoned.discard(test)
            for place in (("test", test, "features"), *self.titles_of(test)):
                if place in self.whole:
                    self.world.set_field(*place, self.whole.pop(place))

    def titles_of(self, test):
        return [("bug", bug, "title") for bug in self.world.bug_ids(test)]

    @rule(
        path=st.sampled_from(PATHS),
        fault=st.sampled_from(FAULTS),
        times=st.sampled_from([None, None, 1, 3, 9]),
    )
    def something_fails(self, path, fault, times):
        self.sandbox.faults.add(Fault(path, times=times, **fault))
        self.faults_are_on = True

    @precondition(lambda self: self.faults_are_on)
    @rule()
    def nothing_fails(self):
        self.sandbox.faults.clear()
        self.pages_are_small()
        self.faults_are_on = False

    @staticmethod
    def one_of(things, pick):
        return things[pick % len(things)]
