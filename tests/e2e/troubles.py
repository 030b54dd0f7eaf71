"""Everything that the sandbox can do wrong, and what must be said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.caches import BANK, GAME
from tests.reading import ENDLESS
from tests.twins import ARCHIVED, RUNNING, RUNNING_BUG

from testio_mcp.sandbox import Fault, FaultKind, Sandbox

PRODUCTS, REASONS, BUGS = "products", "bugs/reject_reasons", "bugs"
TESTS, STORIES = "products/*/exploratory_tests", "products/*/user_stories"
TESTS_OF_GAME = f"products/{GAME}/exploratory_tests"
FEATURES, OF_SECTIONS = "products/*/features", "products/*/sections/*/features"
# What is asked in turn. After the others little is left to read for the list of products: else a
# sync would.
OF_PRODUCT = {"product_ids": [GAME], "page_size": 100}
QUESTIONS = {
    "tests": ("list_tests", OF_PRODUCT),
    "bugs": ("list_bugs", OF_PRODUCT),
    "features": ("list_features", {"product_id": GAME}),
    "sections": ("list_features", {"product_id": BANK}),
    "products": ("list_products", {}),
}
OF_GAME = ("products", "tests", "bugs", "features")
OF_FEATURES = ("products", "features", "sections")
# Tables without some rows after a first sync.
OF_A_BUG = ("bugs", "bug_details", "bug_devices", "users", "payloads")
OF_A_TEST = ("features", "tests", "test_details", "test_features", *OF_A_BUG)
OF_A_CATALOGUE = ("features", "user_stories", "payloads")
OF_A_PRODUCT = ("products", "user_stories", *OF_A_TEST)
# Shown where a catalogue was never read: what the tests say of it.
PLACEHOLDER = {"features": {"deleted_at", "description", "howtofind", "section_ids"}}


@dataclass(frozen=True)
class Trouble:
    """`state` is that of a sync, `later` where it differs of one that is not the first.

    `said` stands in a sync's report, and in each of the `answers` that are read through; where
    those say it in other words it is `answered`.
    """

    faults: tuple[Fault, ...] = ()
    # Kind, id and name of a field that makes no sense.
    spoiled: tuple[str, int, str] | None = None
    # A test that no page with it can be read for, and whether it can be read alone.
    poisoned: tuple[int, bool] | None = None
    state: str = "ok"
    later: str = ""
    said: str = ""
    answered: str = ""
    answers: tuple[str, ...] = ()
    # Tables that a first sync cannot fill.
    lacks: tuple[str, ...] = ()
    # By table, columns that are unknown until it is over.
    unknown: Mapping[str, set[str]] = field(default_factory=dict)
    # Answers alone do not find out that it is over.
    needs_sync: bool = False

    def begin(self, sandbox: Sandbox) -> None:
        for fault in self.faults:
            sandbox.faults.add(fault)
        if self.spoiled:
            sandbox.world.drop_field(*self.spoiled)
        if self.poisoned:
            sandbox.world.poison_test(*self.poisoned)

    def end(self, sandbox: Sandbox, whole: Mapping[str, Any]) -> None:
        """`whole` is the row that was spoiled, as it was."""
        sandbox.faults.clear()
        if self.spoiled:
            sandbox.world.set_field(*self.spoiled, whole[self.spoiled[2]])
        if self.poisoned:
            sandbox.world.heal_test(self.poisoned[0])

    def row(self, sandbox: Sandbox) -> Mapping[str, Any]:
        kind, id = self.spoiled[:2] if self.spoiled else ("", 0)
        rows = {
            "product": sandbox.world.product_row,
            "test": sandbox.world.test_row,
            "bug": sandbox.world.bug_row,
        }
        return rows[kind](id) if kind else {}


def outage(said, kind=FaultKind.STATUS, **more):
    """Nothing can be asked at all."""
    needs_sync = more.pop("needs_sync", False)
    return Trouble(
        (Fault("*", kind, **more),),
        state="failed",
        said=said,
        answers=tuple(QUESTIONS),
        needs_sync=needs_sync,
    )


def once(path, kind=FaultKind.STATUS, **more):
    """Over before anybody notices."""
    return Trouble((Fault(path, kind, times=1, **more),))


def part(path, said, answers, kind=FaultKind.STATUS, **more):
    """Something is missing, the rest is there."""
    mine = {name: more.pop(name) for name in Trouble.__dataclass_fields__ if name in more}
    fault = Fault(path, kind, **more)
    return Trouble((fault,), state="partial", said=said, answers=answers, **mine)


def quirk(path, kind, **more):
    return Trouble((Fault(path, kind, **more),))


TROUBLES = {
    "401": outage("Check TESTIO_CUSTOMER_API_TOKEN", status=401, needs_sync=True),
    "403": outage("may not list products", status=403, needs_sync=True),
    "404": outage("does not know the products", status=404),
    "500": outage("TestIO answered 500", status=500),
    "524 in HTML": outage("TestIO answered 524", status=524, html=True),
    "429": outage("too many requests", FaultKind.RATE_LIMITED, retry_after=0),
    "no answer in time": outage("did not answer in time", FaultKind.DELAY, seconds=ENDLESS),
    "half of the JSON": outage("is not JSON", FaultKind.TRUNCATED_JSON),
    "a page of HTML": outage("is not JSON", FaultKind.HTML_BODY),
    "connection dropped": outage("connection dropped", FaultKind.DROPPED_CONNECTION),
    "once 429 for products": once(PRODUCTS, FaultKind.RATE_LIMITED, retry_after=0),
    "once 500 for tests": once(TESTS),
    "once tests are late": once(TESTS, FaultKind.DELAY, seconds=ENDLESS),
    "once half of the bugs": once(BUGS, FaultKind.TRUNCATED_JSON),
    "once features are dropped": once(FEATURES, FaultKind.DROPPED_CONNECTION),
    "once HTML for reasons": once(REASONS, FaultKind.HTML_BODY),
    "503 for tests": part(
        TESTS_OF_GAME, "TestIO answered 503", OF_GAME, status=503, lacks=OF_A_TEST
    ),
    "500 for bugs": part(BUGS, "TestIO answered 500", tuple(QUESTIONS), lacks=OF_A_BUG),
    "524 for bugs": part(
        BUGS, "TestIO answered 524", tuple(QUESTIONS), status=524, html=True, lacks=OF_A_BUG
    ),
    "404 for features": part(
        FEATURES,
        "does not know the features",
        OF_FEATURES,
        status=404,
        lacks=OF_A_CATALOGUE,
        unknown=PLACEHOLDER,
    ),
    "500 for sections": part(
        OF_SECTIONS,
        "TestIO answered 500",
        ("products", "sections"),
        lacks=OF_A_CATALOGUE,
        unknown=PLACEHOLDER,
    ),
    "user stories dropped": part(
        STORIES,
        "connection dropped",
        OF_FEATURES,
        FaultKind.DROPPED_CONNECTION,
        midway=True,
        lacks=OF_A_CATALOGUE,
        unknown=PLACEHOLDER,
    ),
    "500 for reasons": part(
        REASONS,
        "list of rejection reasons could not be read",
        # They read none.
        (),
        lacks=("reject_reasons",),
        unknown={"bugs": {"rejection_reason"}},
    ),
    "pages are ignored": quirk(TESTS, FaultKind.IGNORE_PAGING),
    "pages are short": quirk(TESTS, FaultKind.CAP_PER_PAGE, cap=2),
    "sections are asked for with 500": quirk("*", FaultKind.SECTIONS_500),
    "a bad test": Trouble(
        poisoned=(RUNNING, True),
        state="partial",
        lacks=OF_A_TEST,
        later="ok",
        said="The test at position 1 of product Skyforge Arena",
        answered="TestIO answered 500",
        # The next question has a sync find out which test it is, and read it alone.
        answers=("tests",),
    ),
    "a test bad by itself": Trouble(
        poisoned=(ARCHIVED, False),
        state="partial",
        lacks=OF_A_TEST,
        said="The test at position 5 of product Skyforge Arena",
        answered="TestIO answered 500",
        answers=OF_GAME,
        needs_sync=True,
    ),
    "a test without status": Trouble(
        spoiled=("test", RUNNING, "status"),
        state="partial",
        lacks=OF_A_TEST,
        said=f"Test {RUNNING} could not be read: status: Field required",
        answered="1 test of product Skyforge Arena",
        answers=OF_GAME,
    ),
    "a bug without severity": Trouble(
        spoiled=("bug", RUNNING_BUG, "severity"),
        state="partial",
        lacks=OF_A_BUG,
        said=f"Bug {RUNNING_BUG} could not be read: severity: Field required",
        answered="1 bug of product Skyforge Arena",
        answers=OF_GAME,
    ),
    "a product without name": Trouble(
        spoiled=("product", GAME, "name"),
        state="partial",
        lacks=OF_A_PRODUCT,
        said=f"Product {GAME} could not be read: name: Field required",
        answered="product",
        answers=("products", "features"),
    ),
}
