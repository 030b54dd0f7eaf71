"""What is found is what a plain reading of TestIO's answers finds, word by word."""

import re
import unicodedata
from datetime import datetime

import pytest
from tests.e2e import counting
from tests.e2e.test_figures import PERIODS
from tests.e2e.upstream import ODD_TEST

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = ("product", "feature", "test", "bug")
QUESTIONS = (
    *("checkout", "coupon", "umlauts", "gift card", "login page", "the", "DARK mode", "lab"),
    *("Rally", "apples", "sign-in", '"gift card" balance', "austria invoice refused", "usability"),
    # Words that nothing has.
    *("crash", "quokka"),
)


def words_of(*texts):
    """In lower case and without accents, each with its neighbours."""
    found = []
    for text in texts:
        letters = unicodedata.normalize("NFD", text or "")
        plain = "".join(c for c in letters if not unicodedata.combining(c)).lower()
        # Words of two texts are no neighbours.
        found += [*re.findall(r"[^\W_]+", plain), None]
    return found


def has(words, part):
    return any(words[at : at + len(part)] == part for at in range(len(words)))


def answers(question, *texts):
    """Whether all its words, and its phrases as such, stand in the texts."""
    parts = [phrase or word for phrase, word in re.findall(r'"([^"]+)"|(\S+)', question)]
    found = words_of(*texts)
    return all(has(found, words_of(part)[:-1]) for part in parts)


def texts(server, kind):
    """By id, all that may be found of things of a kind; the product of each; its date."""
    world = server.world
    for product in world["products"]:
        if kind == "product":
            yield product["id"], product["id"], None, (product["name"], product.get("description"))
        for id, feature in world["features"][product["id"]].items():
            if kind == "feature":
                said = [feature.get(name) for name in ("title", "description", "howtofind")]
                yield id, product["id"], None, said
    for test in world["tests"] if kind == "test" else ():
        said = [test[name] for name in ("title", "environment", "goal", "instructions")]
        yield test["id"], test["product_id"], test["end_at"], [*said, test["out_of_scope"]]
    for bug in world["bugs"] if kind == "bug" else ():
        details = bug["details"]
        said = [details[name] for name in ("expected_result", "actual_result", "location")]
        every = [bug["title"], "\n".join(details["steps"]), *said]
        yield bug["id"], bug["product_id"], bug["reported_at"], every


def expected(server, question, kind, is_wanted=lambda product, at: True):
    return {
        id
        for id, product, at, said in texts(server, kind)
        if is_wanted(product, at) and answers(question, *map(visible, said))
    }


def visible(text):
    return "".join(c for c in text or "" if unicodedata.category(c) not in {"Cf"})


async def searched(server, question, **narrowed):
    """All that has all of the words; nothing where that is nothing."""
    page = await server.answer("search", query=question, limit=50, **narrowed)
    # Else it is what has any of them.
    has_all = not any("some of them" in note for note in page.get("notes", []))
    return page if has_all else {**page, "items": [], "total": 0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_all_that_has_the_words_is_found(server, question, kind):
    page = await searched(server, question, kinds=[kind])
    wanted = expected(server, question, kind)
    found = {hit["id"] for hit in page["items"]}
    assert page["total"] == len(wanted)
    assert found <= wanted
    assert len(found) == min(50, len(wanted))
    assert {hit["kind"] for hit in page["items"]} <= {kind}


async def test_most_questions_have_answers_of_some_kind(server):
    """Or the comparison would prove little."""
    for kind in KINDS[1:]:
        assert sum(bool(expected(server, question, kind)) for question in QUESTIONS) >= 4


@pytest.mark.parametrize("question", QUESTIONS)
async def test_all_kinds_together_are_the_sum_of_each(server, question):
    page = await searched(server, question)
    wanted = [(kind, id) for kind in KINDS for id in expected(server, question, kind)]
    assert page["total"] == len(wanted)
    assert {(hit["kind"], hit["id"]) for hit in page["items"]} <= set(wanted)


@pytest.mark.parametrize("kind", KINDS)
async def test_hits_are_narrowed_to_products(server, kind):
    page = await searched(server, "checkout", kinds=[kind], product_ids=[1001, 1003])
    wanted = expected(server, "checkout", kind, lambda product, _: product in {1001, 1003})
    assert page["total"] == len(wanted)
    assert {hit["product_id"] for hit in page["items"]} <= {1001, 1003}


@pytest.mark.parametrize("kind", ["test", "bug"])
@pytest.mark.parametrize("period", ["last month", "last 30 days", "2026-Q3", "since 2026-11-01"])
async def test_hits_are_narrowed_to_a_period(server, kind, period):
    start, end = counting.bounds(PERIODS[period], server.now, server.zone)
    page = await searched(server, "the", kinds=[kind], period=period)
    wanted = expected(server, "the", kind, lambda _, at: counting.is_within(at, start, end))
    assert wanted
    assert page["total"] == len(wanted)


async def test_a_hit_says_what_its_list_says(server):
    page = await searched(server, "checkout", kinds=["bug"])
    bugs = {bug["id"]: bug for bug in server.world["bugs"]}
    shared = ("title", "severity", "status", "known", "product_id", "product", "test_id", "test")
    for hit in page["items"]:
        bug = bugs[hit["id"]]
        assert {name: hit[name] for name in shared} == {name: bug[name] for name in shared}
        assert datetime.fromisoformat(hit["date"]) == datetime.fromisoformat(bug["reported_at"])
        assert "**checkout**" in hit["snippet"].lower()


async def test_a_question_in_a_persons_words_finds_the_bug(server):
    page = await server.answer("search", query="checkout crashes after coupon", kinds=["bug"])
    assert page["items"][0]["title"].startswith("Checkout crashes after applying a coupon code")
    asked = "does the checkout crash when I use a coupon?"
    page = await server.answer("search", query=asked, kinds=["bug"])
    assert "some of them" in page["notes"][0]
    assert any("oupon" in hit["title"] for hit in page["items"])


async def test_a_strangers_markup_stays_harmless(server):
    page, text = await server.said("search", query="apples pears")
    assert ODD_TEST in {hit.get("test_id") for hit in page["items"]}
    assert "**apples** \\| **pears**" in text
