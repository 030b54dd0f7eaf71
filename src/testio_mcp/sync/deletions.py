"""Marks what TestIO no longer has. Whoever calls has proof: a 404 for the very id."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlmodel import SQLModel, col

from testio_mcp.database.engine import WriteSession, fetch
from testio_mcp.domain.freshness import OF_A_PRODUCT, OF_A_TEST, Unit
from testio_mcp.domain.problems import Subject
from testio_mcp.domain.syncs import Kind, Outcome
from testio_mcp.sync.context import SyncContext
from testio_mcp.sync.problems import close, close_bugs, end, open_problems
from testio_mcp.sync.stamps import forget_stamps, read_later
from testio_mcp.sync.statements import table_of
from testio_mcp.tables import Bug, Feature, Problem, Product, Test, UserStory


async def delete_product(sync: SyncContext, product_id: int, began: datetime) -> None:
    """With everything that is its own; a list of products from after `began` wins."""
    ours: dict[Kind, tuple[type[SQLModel], ColumnElement[bool]]] = {
        Kind.PRODUCTS: (Product, col(Product.id) == product_id),
        Kind.FEATURES: (Feature, col(Feature.product_id) == product_id),
        Kind.USER_STORIES: (UserStory, col(UserStory.product_id) == product_id),
        Kind.TESTS: (Test, col(Test.product_id) == product_id),
        Kind.BUGS: (Bug, col(Bug.product_id) == product_id),
    }
    async with sync.database.write() as session:
        if await read_later(session, sync.customer_id, Unit.PRODUCTS, [0], began):
            return
        query = select(col(Test.id)).where(
            col(Test.customer_id) == sync.customer_id, col(Test.product_id) == product_id
        )
        tests = [id for (id,) in await fetch(session, query)]
        for kind, (model, condition) in ours.items():
            await _mark(session, sync, kind, model, condition)
        await forget_stamps(session, sync.customer_id, OF_A_TEST, tests)
        await forget_stamps(session, sync.customer_id, OF_A_PRODUCT, [product_id])
        of_product = col(Problem.product_id) == product_id
        problems = await open_problems(session, sync.customer_id, of_product)
        await end(session, [problem.event_id for problem in problems])


async def delete_test(sync: SyncContext, test_id: int, began: datetime) -> None:
    """With its bugs; an answer about the test from after `began` wins."""
    async with sync.database.write() as session:
        if await read_later(session, sync.customer_id, Unit.TEST, [test_id], began):
            return
        await _mark(session, sync, Kind.TESTS, Test, col(Test.id) == test_id)
        await _mark(session, sync, Kind.BUGS, Bug, col(Bug.test_id) == test_id)
        # Should it come back, it and its bugs are read as if never before.
        await forget_stamps(session, sync.customer_id, OF_A_TEST, [test_id])
        await close(session, sync.customer_id, Subject.TEST, items=[test_id])
        await close_bugs(session, sync.customer_id, [test_id], but=())


async def delete_bug(sync: SyncContext, bug_id: int, test_id: int, began: datetime) -> None:
    """An answer about the bugs of its test from after `began` wins."""
    async with sync.database.write() as session:
        if await read_later(session, sync.customer_id, Unit.BUGS, [test_id], began):
            return
        await _mark(session, sync, Kind.BUGS, Bug, col(Bug.id) == bug_id)
        await close(session, sync.customer_id, Subject.BUG, items=[bug_id])


async def _mark(
    session: WriteSession,
    sync: SyncContext,
    kind: Kind,
    model: type[SQLModel],
    condition: ColumnElement[bool],
) -> None:
    columns = table_of(model).c
    present = (columns.customer_id == sync.customer_id, columns.deleted_at.is_(None), condition)
    ((number,),) = await fetch(session, select(func.count(columns.id)).where(*present))
    await session.exec(update(model).where(*present).values(deleted_at=datetime.now(UTC)))
    sync.tally.add(kind, Outcome.DELETED, number)
