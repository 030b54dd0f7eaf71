"""What is found, in which order, and what is said where nothing is."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.caches import BANK, GAME, SHOP
from tests.factories import (
    NOON,
    BugDetailsFactory,
    BugFactory,
    FeatureFactory,
    ProductFactory,
    TestDetailsFactory,
    TestFactory,
)

from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.search import ANY_WORD, FOUND, FOUND_END, SearchFilter, SearchKind
from testio_mcp.errors import InvalidRequest, NotFound
from testio_mcp.rendering.search import hit_page
from testio_mcp.services.search import CUT, NOTHING, UNDATED, SearchService

KINDS = tuple(SearchKind)
PRODUCT, FEATURE, TEST, BUG = KINDS


@pytest.fixture
def search(synced):
    async def search(text, limit=50, **wanted):
        async with synced.services.open(SearchService) as service:
            return await service.find(text, SearchFilter(**wanted), limit)

    return search


@pytest.fixture
def bugs(save, synced):
    """Store bugs by their titles, with what stands in them."""

    async def bugs(titles, first=1, **fields):
        given = {"product_id": GAME, "test_id": TESTS[GAME], **fields}
        rows = [BugFactory(id=id, title=title, **given) for id, title in enumerate(titles, first)]
        await save(*rows)
        texts = titles.values() if isinstance(titles, dict) else [""] * len(rows)
        await save(
            *(
                BugDetailsFactory(bug_id=row.id, steps=text)
                for row, text in zip(rows, texts, strict=True)
            )
        )

    return bugs


# The newest test of each product of the sandbox.
TESTS = {SHOP: 100_092, GAME: 100_071}


@pytest.fixture(autouse=True)
def _known_tests(sandbox):
    TESTS.update({product: sandbox.world.test_ids(product)[0] for product in (SHOP, GAME, BANK)})


def ids(page):
    return [hit.id for hit in page.items]


async def test_all_words_must_be_there(search, bugs):
    await bugs(["quokka wombat", "quokka", "wombat", "wombat and quokka"])
    page = await search("quokka wombat")
    assert (sorted(ids(page)), page.total, page.notes) == ([1, 4], 2, [])


async def test_where_nothing_has_all_words_those_with_most_come_first(search, bugs):
    await bugs(["quokka here", "wombat quokka quoll", "quoll", "wombat quokka", "none"])
    page = await search("quokka wombat quoll numbat")
    assert ids(page)[0] == 2
    assert ids(page)[1] == 4
    assert sorted(ids(page)[2:]) == [1, 3]
    assert page.notes == [ANY_WORD]
    text = hit_page(page, ZoneInfo("UTC"))
    assert text.startswith(f"{ANY_WORD} **4 hits**")
    assert text.count(ANY_WORD) == 1


async def test_a_title_weighs_more_than_the_text_below_it(search, bugs):
    await bugs({"A": "quokka " * 20, "B quokka in a rather long title that says much": "x"})
    assert ids(await search("quokka")) == [2, 1]


async def test_who_is_called_that_comes_first_of_whatever_kind(search, bugs, save):
    await bugs(["Quokka", "Quokka quokka", "Quokka pen"])
    await save(FeatureFactory(id=5, product_id=GAME, title="Quokka pen"))
    await save(ProductFactory(id=6, name="quokka pen"))
    page = await search("quokka pen")
    assert [(hit.kind, hit.id) for hit in page.items] == [(PRODUCT, 6), (FEATURE, 5), (BUG, 3)]
    assert ids(await search('"QUOKKA"'))[0] == 1


async def test_kinds_take_turns(search, bugs, save):
    await bugs(["quokka one", "quokka two", "quokka three"])
    await save(*(FeatureFactory(id=id, product_id=GAME, title=f"a quokka {id}") for id in (7, 8)))
    page = await search("quokka")
    assert [hit.kind for hit in page.items] == [FEATURE, BUG, FEATURE, BUG, BUG]
    assert [hit.kind for hit in (await search("quokka", limit=2)).items] == [FEATURE, BUG]


@pytest.mark.parametrize("text", ["Uberblick", "\u00dcBERBLICK", "u\u0308berblick", "uberbl*"])
async def test_accents_and_case_make_no_difference(search, bugs, text):
    await bugs(["Kein \u00dcberblick"])
    assert ids(await search(text)) == [1]


async def test_a_phrase_is_words_beside_each_other(search, bugs):
    await bugs(["red quokka pen", "red pen, quokka"])
    assert ids(await search('"quokka pen"')) == [1]
    assert sorted(ids(await search("quokka pen"))) == [1, 2]


async def test_a_beginning_finds_longer_words(search, bugs):
    await bugs(["quokkas", "quoll"])
    assert ids(await search("quokk*")) == [1]
    assert sorted(ids(await search("quo*"))) == [1, 2]


@pytest.mark.parametrize("text", ["quok-ka", '"QUOK ka"', "quok_ka", "quok/ka"])
async def test_a_hyphenated_word_is_its_parts_in_their_order(search, bugs, text):
    await bugs(["The quok-ka", "ka quok"])
    assert ids(await search(text))[0] == 1


async def test_the_text_around_the_words_is_shown(search, bugs):
    await bugs({"A": f"{'far ' * 40}the quokka \nsleeps{' away' * 40}", "A quokka": "x"})
    title, text = (await search("quokka")).items
    assert title.snippet == f"A {FOUND}quokka{FOUND_END}"
    assert f"the {FOUND}quokka{FOUND_END} \nsleeps" in text.snippet
    assert len(text.snippet) < 200
    bold = text.snippet.replace(FOUND, "**").replace(FOUND_END, "**")
    assert text.model_dump()["snippet"] == bold


async def test_a_snippet_is_short_however_long_its_words_are(search, bugs):
    await bugs({"A": f"quokka {'x' * 5000}"})
    [hit] = (await search("quokka")).items
    assert len(hit.snippet) < 400
    assert hit.snippet.count(FOUND) == hit.snippet.count(FOUND_END) == 1


async def test_a_hit_says_where_it_belongs(search, bugs, save):
    await bugs(["quokka"], severity="high", status="rejected", known=True, reported_at=NOON)
    await save(TestFactory(id=3, product_id=SHOP, title="quokka", end_at=NOON))
    await save(TestDetailsFactory(test_id=3), FeatureFactory(id=4, product_id=SHOP, title="quokka"))
    feature, test, bug = (hit.model_dump() for hit in (await search("quokka")).items)
    shop = {"product_id": SHOP, "product": feature["product"]}
    said = {"title": "quokka", "snippet": "**quokka**"}
    assert feature == {"kind": FEATURE, "id": 4, **said, **shop}
    assert test == {"kind": TEST, "id": 3, **said, **shop, "status": "locked", "date": NOON}
    assert bug.pop("product") != shop["product"]
    assert bug.pop("test")
    facts = {"severity": "high", "status": "rejected", "known": True, "date": NOON}
    assert bug == {
        "kind": BUG,
        "id": 1,
        **said,
        "product_id": GAME,
        "test_id": TESTS[GAME],
        **facts,
    }


async def test_a_list_is_cut_where_it_was_asked_to_be(search, bugs):
    await bugs([f"quokka {turn}" for turn in range(7)])
    page = await search("quokka", limit=3)
    assert (page.returned, page.total, page.page_size, page.page) == (3, 7, 3, 1)
    assert page.has_more
    whole = await search("quokka")
    assert ids(page) == ids(whole)[:3]
    assert not whole.has_more


# Narrowing


async def test_only_the_kinds_that_are_wanted(search, bugs, save):
    await bugs(["quokka"])
    await save(FeatureFactory(id=4, product_id=SHOP, title="quokka"))
    assert [hit.kind for hit in (await search("quokka", kinds=(FEATURE,))).items] == [FEATURE]
    page = await search("quokka", kinds=(BUG, BUG, FEATURE))
    assert ([hit.kind for hit in page.items], page.total) == ([FEATURE, BUG], 2)


async def test_only_the_products_that_are_wanted(search, bugs, save):
    await bugs(["quokka"])
    await save(TestFactory(id=3, product_id=SHOP, title="quokka"))
    await save(TestDetailsFactory(test_id=3), FeatureFactory(id=4, product_id=SHOP, title="quokka"))
    await save(ProductFactory(id=6, name="quokka"))
    assert ids(await search("quokka", product_ids=(GAME,))) == [1]
    assert ids(await search("quokka", product_ids=(SHOP,))) == [4, 3]
    assert ids(await search("quokka", product_ids=(6,), kinds=(PRODUCT,))) == [6]
    with pytest.raises(NotFound, match="Product 77"):
        await search("quokka", product_ids=(77,))


def period(text, now=NOON + timedelta(days=1)):
    return parse_period(text, now=now, zone=NOON.tzinfo)


async def test_only_what_is_of_the_period(search, bugs, save):
    await bugs(["quokka"], reported_at=NOON)
    await bugs(["quokka"], first=2, reported_at=NOON - timedelta(days=40))
    await bugs(["quokka"], first=3, reported_at=None)
    ends = {21: NOON, 22: NOON - timedelta(days=40), 23: NOON + timedelta(days=9), 24: None}
    for id, end_at in ends.items():
        status = "running" if id == 23 else "locked"
        row = {"id": id, "title": "quokka", "end_at": end_at, "status": status}
        await save(TestFactory(product_id=GAME, **row))
        await save(TestDetailsFactory(test_id=id))
    await save(FeatureFactory(id=31, product_id=GAME, title="quokka"))
    page = await search("quokka", period=period("2026-11-02"))
    assert sorted(ids(page)) == [1, 21]
    assert page.notes == [UNDATED]
    assert page.period.by == "test end_at, bug reported_at"
    assert sorted(ids(await search("quokka", period=period("since 2026-11-01")))) == [1, 21, 23]
    running = await search("quokka", kinds=(TEST, BUG), period=period("this month"))
    assert sorted(ids(running)) == [1, 21, 23]
    assert len(running.notes) == 1


async def test_what_has_no_date_is_not_looked_for_in_a_period(search):
    with pytest.raises(InvalidRequest, match=r"no date.*Leave out period"):
        await search("quokka", kinds=(PRODUCT, FEATURE), period=period("today"))


# Ids


async def test_an_id_names_what_has_it(search, bugs, save):
    await bugs(["wombat", "quokka 4711"], first=4711)
    await save(FeatureFactory(id=4711, product_id=GAME, title="numbat"))
    page = await search("#4711")
    assert [(hit.kind, hit.id) for hit in page.items] == [
        (FEATURE, 4711),
        (BUG, 4711),
        (BUG, 4712),
    ]
    assert (page.total, page.notes) == (3, [])
    assert [hit.snippet is None for hit in page.items] == [True, True, False]
    assert ids(await search("bug 4711")) == [4711, 4712]
    assert ids(await search("https://app.test.io/bugs/4711")) == [4711]
    assert ids(await search("4711", kinds=(FEATURE,))) == [4711]


async def test_what_has_the_id_and_the_words_is_one_hit(search, bugs):
    await bugs(["quokka 4711", "4711 again"], first=4711)
    page = await search("bug 4711")
    assert (ids(page), page.total) == ([4711, 4712], 2)


async def test_an_id_that_nothing_has_is_said(search, bugs):
    await bugs(["quokka 4711"])
    page = await search("bug 4711")
    assert ids(page) == [1]
    assert page.notes == ["No bug 4711 was found among what was searched."]
    nothing = await search("feature 4712")
    assert nothing.total == 0
    assert nothing.notes == ["No feature 4712 was found among what was searched.", NOTHING]


# Nothing


@pytest.mark.parametrize(
    "typo", ["quoka", "quokak", "uqokka", "xquokka", "qukkka", "Quo\u0308kka1"]
)
async def test_a_misspelled_word_is_put_right(search, bugs, typo):
    await bugs(["quokka"])
    page = await search(typo)
    assert (page.total, page.notes) == (0, ["Did you mean: quokka?"])
    assert ids(await search("quokka")) == [1]


async def test_only_the_misspelled_word_is_changed(search, bugs):
    await bugs(["quokka pen", "pen"])
    page = await search('quoka "pen"')
    assert page.notes == [ANY_WORD, "Did you mean: quokka pen?"]
    assert sorted(ids(page)) == [1, 2]
    assert ids(await search("quokka pen")) == [1]


async def test_no_word_is_offered_that_would_find_nothing(search, bugs, save):
    gone = {"first": 10, "deleted_at": NOON}
    await bugs(["quokka"], **gone)
    await bugs(["quokku"], first=20, product_id=SHOP, test_id=TESTS[SHOP])
    assert (await search("quokko")).notes == ["Did you mean: quokku?"]
    assert (await search("quokko", product_ids=(GAME,))).notes == [NOTHING]
    assert (await search("quokko", kinds=(FEATURE,))).notes == [NOTHING]
    assert (await search("zz9", kinds=(FEATURE,))).notes == [NOTHING]


async def test_a_long_question_is_cut_and_said_so(search, bugs):
    await bugs(["quokka"])
    page = await search("quokka " + " ".join(f"w{n}" for n in range(100)))
    assert ids(page) == [1]
    assert page.notes == [CUT, ANY_WORD]
