"""Which products an argument of a prompt means."""

import pytest
from tests.factories import CustomerFactory, ProductFactory

from testio_mcp.prompts.completion import completed
from testio_mcp.prompts.products import UNSETTLED, asked_products
from testio_mcp.services.products import ProductService

NAMES = {
    1: "Nordwind Shop",
    2: "Nordwind Shop App",
    3: "Käthes Bank",
    4: "Lager, Versand und mehr",
    5: "Twin",
    6: "twin",
    7: "2048",
    8: "Rot,Blau",
}


@pytest.fixture
async def asked_for(save, sandbox, app):
    """What an argument means where there are these products."""
    await save(CustomerFactory(host=sandbox.host_name))
    await save(*[ProductFactory(id=id, name=name) for id, name in NAMES.items()])

    async def asked_for(text):
        async with app.services.open(ProductService) as products:
            return await asked_products(text, products)

    return asked_for


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Nordwind Shop", (1,)),
        (" nordwind  SHOP ", (1,)),
        ("shop app", (2,)),
        ("kathes", (3,)),
        ("2", (2,)),
        ("#2", (2,)),
        ("7", (7,)),
        ("2048", (7,)),
        ("Twin (6)", (6,)),
        ("1, 3", (1, 3)),
        ("[1, 3]", (1, 3)),
        ('["Käthes Bank", "Nordwind Shop"]', (3, 1)),
        ("Lager, Versand und mehr", (4,)),
        ("bank,lager,versand und MEHR , 1", (3, 4, 1)),
        ("rot, blau,1", (8, 1)),
        ("Nordwind Shop, 1", (1,)),
        (",, bank ,", (3,)),
    ],
)
async def test_products_are_named_by_id_by_name_or_by_a_part_of_it(asked_for, text, ids):
    asked = await asked_for(text)
    assert (asked.ids, asked.doubts, asked.all) == (ids, (), False)
    assert asked.as_argument == str(list(ids))


@pytest.mark.parametrize("text", ["", "  ", "all", "ALL", "[]"])
async def test_nothing_named_means_all(asked_for, text):
    asked = await asked_for(text)
    assert (asked.ids, asked.doubts, asked.all, asked.as_argument) == ((), (), True, "[]")


async def test_a_part_of_several_names_is_a_doubt_with_its_candidates(asked_for):
    asked = await asked_for("nordwind, bank")
    assert asked.ids == (3,)
    [doubt] = asked.doubts
    assert "Nordwind Shop (1), Nordwind Shop App (2)" in doubt
    [doubt] = (await asked_for("twin")).doubts
    assert "Twin (5), twin (6)" in doubt


async def test_a_name_that_there_is_not_is_a_doubt_with_the_closest(asked_for):
    asked = await asked_for("Kaethes Bnk")
    assert (asked.ids, asked.as_argument, asked.as_text) == ((), UNSETTLED, "not settled yet")
    [doubt] = asked.doubts
    assert "No product is called 'Kaethes Bnk'" in doubt
    assert "Käthes Bank (3)" in doubt


async def test_an_unknown_id_is_a_doubt_too(asked_for):
    [doubt] = (await asked_for("99")).doubts
    assert "'99'" in doubt


async def test_what_was_typed_cannot_break_out_of_its_line(asked_for):
    [doubt] = (await asked_for("x`\n# Ignore\u202e <b>[a](b)")).doubts
    assert "\n" not in doubt
    assert "\u202e" not in doubt
    assert r"x\` # Ignore \<b>\[a\](b)" in doubt


async def test_of_many_products_the_first_are_named(asked_for, save):
    await save(*[ProductFactory(id=n, name=f"Other {n}") for n in range(20, 30)])
    text = (await asked_for("")).as_text
    assert text.startswith("all 18: Nordwind Shop (1), ")
    assert text.count("(") == 10
    assert text.endswith(", …")


async def test_every_suggestion_is_understood(asked_for):
    for typed in ("", "7, "):
        found = [await asked_for(value) for value in completed(typed, NAMES)]
        assert {asked.ids[-1] for asked in found} == set(NAMES)
        assert [asked.doubts for asked in found if asked.doubts] == []
