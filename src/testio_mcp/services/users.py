"""Questions about people: testers, and the users of a customer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from testio_mcp.domain.bugs import BugStatus, Severity
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.freshness import Basis
from testio_mcp.domain.ids import MAX_ID
from testio_mcp.domain.names import holds, plain
from testio_mcp.domain.slice import Paging
from testio_mcp.domain.text import closest, one_line
from testio_mcp.domain.users import CUSTOMER_KEYS, UserFilter, UserType
from testio_mcp.errors import InvalidRequest, NotFound, TestIOMcpError
from testio_mcp.services.figures import bug_figures
from testio_mcp.services.pages import in_order_of, page_of, resolved, running_kept
from testio_mcp.services.reading import read_through
from testio_mcp.services.refusals import refuse_unknown_products
from testio_mcp.views.base import Freshness, Page
from testio_mcp.views.users import (
    CustomerDetail,
    CustomerProduct,
    CustomerSummary,
    TesterDetail,
    TesterProduct,
    TesterSummary,
    UserAnswer,
    UserSummary,
)

if TYPE_CHECKING:
    from testio_mcp.repositories.figures import FigureRepository
    from testio_mcp.repositories.products import ProductRepository
    from testio_mcp.repositories.users import UserRepository
    from testio_mcp.sync.freshness import FreshnessReader
    from testio_mcp.tables import User

NAMESAKES = "TestIO tells people apart by name only: namesakes count as one."
OF_TESTERS = "Figures are of executed tests."
OF_CUSTOMERS = (
    "Tests of all statuses. When a test was created is not known: "
    "last activity is the latest start or end of one, until now."
)
WITHIN = "Last activity is that within what was asked for."
# Candidates to name where a name fits several people.
MOST_CANDIDATES = 10


@dataclass(frozen=True)
class _Refusal:
    """What to raise unless it is only that something was not read yet."""

    error: TestIOMcpError
    freshness: Freshness


class _Tester(NamedTuple):
    """What testers are sorted by."""

    id: int
    name: str
    bugs: int
    acceptance_rate: float | None
    critical: int
    tests: int
    last_activity: datetime | None


class UserService:
    def __init__(
        self,
        users: UserRepository,
        products: ProductRepository,
        figures: FigureRepository,
        freshness: FreshnessReader,
        zone: ZoneInfo,
    ) -> None:
        self._users = users
        self._products = products
        self._figures = figures
        self._freshness = freshness
        self._zone = zone

    @read_through
    async def list(self, wanted: UserFilter, paging: Paging) -> Page[UserSummary]:
        now = datetime.now(UTC)
        await refuse_unknown_products(self._products, wanted.product_ids)
        of_testers = wanted.type is UserType.TESTER
        basis = Basis(product_ids=wanted.product_ids, bugs=of_testers)
        freshness = await self._freshness.of(basis, now)
        found: Sequence[_Tester | CustomerSummary]
        if of_testers:
            found = await self._testers(wanted)
        else:
            _refuse_order(paging)
            found = await self._customers(wanted, now)
        if wanted.search:
            found = [user for user in found if holds(user.name, wanted.search)]
        # Rates are not in the rows of people, so that all are counted and then sorted.
        people: Sequence[_Tester | CustomerSummary] = in_order_of(found, _key, paging)
        notes = [OF_TESTERS if of_testers else OF_CUSTOMERS, NAMESAKES]
        if wanted.product_ids or wanted.period:
            notes.append(WITHIN)
        notes += running_kept(wanted.period)
        return page_of(
            await self._completed(paging.cut(people), wanted),
            len(people),
            paging,
            freshness,
            resolved(wanted.period, "end_at", self._zone.key),
            notes,
        )

    async def get(self, user: str) -> UserAnswer:
        """By id or by name: exact, else in any case, else the only one that holds it."""
        answer = await self._get(user)
        if isinstance(answer, _Refusal):
            raise answer.error
        return answer

    @read_through
    async def _get(self, wanted: str) -> UserAnswer | _Refusal:
        now = datetime.now(UTC)
        freshness = await self._freshness.of(Basis(bugs=True), now)
        people = await self._users.known()
        found = _matches(wanted, people)
        if len(found) != 1:
            caveat = "" if freshness.as_of else freshness.reason or ""
            return _Refusal(_refusal(wanted, found, people, caveat), freshness)
        [user] = found
        is_tester = user.type == UserType.TESTER
        return UserAnswer(
            user=await self._tester(user) if is_tester else await self._customer(user, now),
            notes=[OF_TESTERS if is_tester else OF_CUSTOMERS, NAMESAKES],
            freshness=freshness,
        )

    async def _testers(self, wanted: UserFilter) -> Sequence[_Tester]:
        every = Scope(product_ids=wanted.product_ids, period=wanted.period, statuses=())
        scope = replace(every, statuses=None)
        names = ("test_count", "bug_count", "acceptance_rate")
        # As tuples, because by name each value of a row is a call, and there are many rows.
        figures = {
            id: counted
            for id, *counted in await self._figures.measure(names, scope, by=("tester",))
        }
        grave = replace(scope, severities=(Severity.CRITICAL,))
        critical = {
            id: bugs
            for id, bugs in await self._figures.measure(("bug_count",), grave, by=("tester",))
        }
        testers = []
        for id, name, _, last_activity in await self._users.testers(every):
            tests, bugs, rate = figures.get(id, (0, 0, None))
            testers.append(_Tester(id, name, bugs, rate, critical.get(id, 0), tests, last_activity))
        return testers

    async def _completed(
        self, people: Sequence[_Tester | CustomerSummary], wanted: UserFilter
    ) -> Sequence[UserSummary]:
        """Testers with what need not be counted of all to sort them."""
        testers = [user.id for user in people if isinstance(user, _Tester)]
        statuses: defaultdict[int, Counter[str]] = defaultdict(Counter)
        if testers:
            scope = Scope(
                product_ids=wanted.product_ids, period=wanted.period, tester_ids=tuple(testers)
            )
            by = ("tester", "bug_status")
            for row in await self._figures.measure(("bug_count",), scope, by=by):
                statuses[row.tester][row.bug_status] = row.bug_count
        return [
            TesterSummary(
                **user._asdict(),
                type=UserType.TESTER,
                accepted=statuses[user.id][BugStatus.ACCEPTED],
                auto_accepted=statuses[user.id][BugStatus.AUTO_ACCEPTED],
                rejected=statuses[user.id][BugStatus.REJECTED],
            )
            if isinstance(user, _Tester)
            else user
            for user in people
        ]

    async def _customers(self, wanted: UserFilter, now: datetime) -> Sequence[CustomerSummary]:
        scope = Scope(product_ids=wanted.product_ids, period=wanted.period, statuses=())
        created = await self._figures.measure(("tests_created",), scope, by=("created_by",))
        submitted = await self._figures.measure(("tests_submitted",), scope, by=("submitted_by",))
        numbers = {row.created_by: row.tests_created for row in created}
        submissions = {row.submitted_by: row.tests_submitted for row in submitted}
        return [
            CustomerSummary(
                id=row.id,
                name=row.name,
                type=UserType.CUSTOMER,
                tests_created=numbers.get(row.id, 0),
                tests_submitted=submissions.get(row.id, 0),
                last_activity=row.last_activity,
            )
            for row in await self._users.customers(scope, now)
        ]

    async def _tester(self, user: User) -> TesterDetail:
        id = _id(user)
        (active,) = await self._users.testers(Scope(statuses=()), id)
        scope = Scope(tester_ids=(id,))
        (total,) = await self._figures.measure(("test_count",), scope)
        names = await self._products.names()
        rows = await self._figures.measure(("bug_count", "test_count"), scope, by=("product",))
        products = [
            TesterProduct(
                id=row.product,
                name=names.get(row.product, str(row.product)),
                bugs=row.bug_count,
                tests=row.test_count,
            )
            for row in rows
        ]
        return TesterDetail(
            id=id,
            name=user.name,
            type=user.type,
            first_activity=active.first_activity,
            last_activity=active.last_activity,
            tests=total.test_count,
            bugs=await bug_figures(self._figures, scope, read=True),
            products=sorted(products, key=lambda product: (-product.bugs, product.id)),
        )

    async def _customer(self, user: User, now: datetime) -> CustomerDetail:
        id, scope = _id(user), Scope(statuses=())
        (active,) = await self._users.customers(scope, now, id)
        created: Counter[int] = Counter()
        submitted: Counter[int] = Counter()
        by = ("created_by", "product")
        for row in await self._figures.measure(("tests_created",), scope, by=by):
            created[row.product] += row.tests_created * (row.created_by == id)
        by = ("submitted_by", "product")
        for row in await self._figures.measure(("tests_submitted",), scope, by=by):
            submitted[row.product] += row.tests_submitted * (row.submitted_by == id)
        names = await self._products.names()
        products = [
            CustomerProduct(
                id=product_id,
                name=names.get(product_id, str(product_id)),
                tests_created=created[product_id],
                tests_submitted=submitted[product_id],
            )
            for product_id in sorted(+created | +submitted)
        ]
        return CustomerDetail(
            id=id,
            name=user.name,
            type=user.type,
            first_activity=active.first_activity,
            last_activity=active.last_activity,
            tests_created=created.total(),
            tests_submitted=submitted.total(),
            products=sorted(products, key=lambda product: (-product.tests_created, product.id)),
        )


def _id(user: User) -> int:
    assert user.id is not None
    return user.id


def _key(user: Any, name: str) -> Any:
    """Of a customer's user the tests are those that they created."""
    match name:
        case "name":
            return plain(user.name)
        case "tests" if isinstance(user, CustomerSummary):
            return user.tests_created
        case _:
            return getattr(user, name)


def _refuse_order(paging: Paging) -> None:
    if paging.key not in CUSTOMER_KEYS:
        raise InvalidRequest(
            f"A customer's users cannot be sorted by {paging.key}.",
            hint=f"Use one of: {', '.join(CUSTOMER_KEYS)}; -name is descending.",
        )


def _matches(wanted: str, people: Sequence[User]) -> Sequence[User]:
    """The people that an id or a name stands for, by the strictest reading that fits anybody."""
    text = " ".join(wanted.split())
    readings = (
        [user for user in people if str(user.id) == text],
        [user for user in people if user.name == text],
        [user for user in people if plain(user.name) == plain(text)],
        [user for user in people if text and holds(user.name, text)],
    )
    return next((found for found in readings if found), [])


def _refusal(
    wanted: str, found: Sequence[User], people: Sequence[User], caveat: str
) -> TestIOMcpError:
    text = one_line(wanted, 60)
    if found:
        more = f" and {len(found) - MOST_CANDIDATES} more" if len(found) > MOST_CANDIDATES else ""
        return InvalidRequest(
            f"{text!r} fits {len(found)} people: {_named(found[:MOST_CANDIDATES])}{more}.",
            hint="Call get_user_summary with the id of one of them.",
        )
    if text.isdecimal() and len(text) < len(str(MAX_ID)):
        return NotFound("user", int(text), caveat=caveat or None)
    near = closest(wanted, [user.name for user in people])
    closest_people = [user for user in people if user.name in near]
    hint = f"Closest: {_named(closest_people)}." if near else "Call list_users to find people."
    return InvalidRequest(
        f"Nobody is called {text!r}.", hint=f"{caveat} {hint}" if caveat else hint
    )


def _named(people: Iterable[User]) -> str:
    return ", ".join(f"{one_line(user.name, 60)} ({user.type}, id {user.id})" for user in people)
