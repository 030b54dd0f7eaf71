"""No row of another customer, and none that TestIO deleted, leaves the database."""

import pytest
from sqlalchemy import exists, func, select, union_all
from sqlalchemy.orm import aliased
from sqlmodel import col
from tests.factories import (
    NOON,
    BugDetailsFactory,
    BugDeviceFactory,
    BugFactory,
    FeatureFactory,
    PayloadFactory,
    ProblemFactory,
    ProblemTestFactory,
    ProductFactory,
    RejectReasonFactory,
    StampFactory,
    SyncRunFactory,
    TestDetailsFactory,
    TestFactory,
    TestFeatureFactory,
    UserFactory,
    UserStoryFactory,
)

from testio_mcp.database.engine import Database
from testio_mcp.tables import TABLES, Bug, Customer, Product, Test, fence

SHOP, BANK, FOREIGN, GONE = 1, 2, 3, 4
SHOP_TEST, BANK_TEST, FOREIGN_TEST, GONE_TEST = 11, 12, 13, 14


@pytest.fixture
async def planted(save):
    """Two products of ours, one of a stranger and one that TestIO deleted, each with a test."""
    await save(
        ProductFactory(id=SHOP),
        ProductFactory(id=BANK),
        ProductFactory(id=FOREIGN, customer_id=9),
        ProductFactory(id=GONE, deleted_at=NOON),
    )
    await save(
        TestFactory(id=SHOP_TEST, product_id=SHOP),
        TestFactory(id=BANK_TEST, product_id=BANK),
        TestFactory(id=FOREIGN_TEST, product_id=FOREIGN, customer_id=9),
        TestFactory(id=GONE_TEST, product_id=SHOP, deleted_at=NOON),
    )
    await save(
        BugFactory(id=21, product_id=SHOP, test_id=SHOP_TEST),
        BugFactory(id=22, product_id=BANK, test_id=BANK_TEST),
        BugFactory(id=23, product_id=FOREIGN, test_id=FOREIGN_TEST, customer_id=9),
        BugFactory(id=24, product_id=SHOP, test_id=SHOP_TEST, deleted_at=NOON),
        BugFactory(id=25, product_id=SHOP, test_id=SHOP_TEST, customer_id=9),
    )


def reads():
    """One statement of each form that a repository may write, by the name of its form."""
    other, tests = aliased(Test), select(col(Test.id))
    of_product = col(Test.product_id) == col(Product.id)
    bugs_of_product = select(func.count(col(Bug.id))).where(col(Bug.product_id) == col(Product.id))
    return {
        "columns": tests,
        "count of rows": select(func.count()).select_from(Test),
        "count of a column": select(func.count(col(Test.id))),
        "join": select(col(Product.id), col(Test.id)).join(Test, of_product),
        "outer join": select(col(Product.id), col(Test.id)).join(Test, of_product, isouter=True),
        "two joins": select(col(Bug.id))
        .join(Test, col(Test.id) == col(Bug.test_id))
        .join(Product, of_product),
        "subquery": select(tests.subquery().c.id),
        "common table": select(tests.cte().c.id),
        "exists": select(col(Product.id)).where(exists().where(of_product)),
        "exists alone": select(tests.where(col(Test.id) == FOREIGN_TEST).exists()),
        "in": select(col(Product.id)).where(col(Product.id).in_(select(col(Test.product_id)))),
        "alias": select(col(other.id)),
        "self join": select(col(Test.id), col(other.id)).join(other, col(other.id) != col(Test.id)),
        "union": union_all(tests, select(col(Product.id))),
        "scalar subquery": select(col(Product.id), bugs_of_product.scalar_subquery()),
        "grouped": select(col(Bug.status), func.count()).group_by(col(Bug.status)),
    }


SHOP_ONLY = {
    "columns": [(11,)],
    "count of rows": [(1,)],
    "count of a column": [(1,)],
    "join": [(1, 11)],
    "outer join": [(1, 11)],
    "two joins": [(21,)],
    "subquery": [(11,)],
    "common table": [(11,)],
    "exists": [(1,)],
    "exists alone": [(False,)],
    "in": [(1,)],
    "alias": [(11,)],
    "self join": [],
    "union": [(1,), (11,)],
    "scalar subquery": [(1, 1)],
    "grouped": [("open", 1)],
}
OURS = {
    "columns": [(11,), (12,)],
    "count of rows": [(2,)],
    "count of a column": [(2,)],
    "join": [(1, 11), (2, 12)],
    "outer join": [(1, 11), (2, 12)],
    "two joins": [(21,), (22,)],
    "subquery": [(11,), (12,)],
    "common table": [(11,), (12,)],
    "exists": [(1,), (2,)],
    "exists alone": [(False,)],
    "in": [(1,), (2,)],
    "alias": [(11,), (12,)],
    "self join": [(11, 12), (12, 11)],
    "union": [(1,), (2,), (11,), (12,)],
    "scalar subquery": [(1, 1), (2, 1)],
    "grouped": [("open", 2)],
}
THEIRS = {
    "columns": [(13,)],
    "join": [(3, 13)],
    "exists alone": [(True,)],
    "scalar subquery": [(3, 1)],
}


async def answers(database):
    async with database.read() as session:
        return {
            form: sorted(map(tuple, (await session.exec(query)).all()))
            for form, query in reads().items()
        }


@pytest.mark.usefixtures("planted")
async def test_only_rows_of_the_customer_that_testio_still_has_are_read_in_any_form(database):
    assert await answers(database) == OURS


@pytest.mark.usefixtures("planted")
async def test_a_limit_to_products_holds_in_any_form(path):
    limited = Database(path, fence(0, (SHOP,)))
    assert await answers(limited) == SHOP_ONLY
    await limited.close()


@pytest.mark.usefixtures("planted")
async def test_two_fences_in_one_process_keep_their_own_values(database, path):
    theirs = Database(path, fence(9))
    for _ in range(2):
        assert await answers(database) == OURS
        found = await answers(theirs)
        assert {form: found[form] for form in THEIRS} == THEIRS
    await theirs.close()


@pytest.mark.usefixtures("planted")
async def test_get_finds_neither_foreign_nor_deleted_rows(database):
    async with database.read() as session:
        found = [await session.get(Test, id) for id in (SHOP_TEST, FOREIGN_TEST, GONE_TEST)]
    assert [test and test.id for test in found] == [SHOP_TEST, None, None]


@pytest.mark.usefixtures("planted")
async def test_deleted_rows_are_read_on_request_and_foreign_ones_never(database):
    query = select(col(Test.id)).execution_options(with_deleted=True)
    async with database.read() as session:
        found = {id for (id,) in (await session.exec(query)).all()}
    assert found == {SHOP_TEST, BANK_TEST, GONE_TEST}


async def test_the_fence_stands_around_every_table_with_a_customer(database, save):
    foreign = {"customer_id": 9}
    await save(ProductFactory(id=1), UserFactory(), RejectReasonFactory(**foreign))
    await save(
        TestFactory(id=1),
        FeatureFactory(id=1, **foreign),
        ProblemFactory(event_id="event", **foreign),
    )
    await save(BugFactory(id=1), UserStoryFactory(**foreign), ProblemTestFactory(**foreign))
    await save(
        TestDetailsFactory(test_id=1, **foreign),
        TestFeatureFactory(**foreign),
        BugDetailsFactory(**foreign),
        BugDeviceFactory(**foreign),
        StampFactory(**foreign),
        PayloadFactory(**foreign),
        SyncRunFactory(**foreign),
    )
    await save(
        ProductFactory(id=7, **foreign),
        UserFactory(**foreign),
        TestFactory(id=7, **foreign),
        BugFactory(id=7, **foreign),
    )
    leaky = []
    async with database.read() as session:
        for table in TABLES:
            rows = (await session.exec(select(table))).scalars().all()
            leaky += [table for row in rows if row.customer_id != 0]
    assert leaky == []


def test_every_table_but_the_customers_own_names_a_customer():
    assert [table for table in TABLES if "customer_id" not in table.model_fields] == [Customer]
