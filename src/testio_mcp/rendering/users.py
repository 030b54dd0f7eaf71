"""People as text."""

from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import closing, footer, heading, paragraphs
from testio_mcp.rendering.figures import figures
from testio_mcp.rendering.markdown import (
    Cell,
    bullets,
    count,
    counted,
    date,
    inline,
    moment,
    rate,
    table,
)
from testio_mcp.views.base import Page
from testio_mcp.views.users import (
    CustomerDetail,
    CustomerSummary,
    TesterDetail,
    TesterSummary,
    UserAnswer,
    UserSummary,
)

NOUNS = {"tester": "tester", "customer": "customer user"}


def user_page(page: Page[UserSummary], zone: ZoneInfo) -> str:
    headers = ["id", "name", "tests", "bugs", "accepted", "auto-accepted", "rejected"]
    headers += ["acceptance", "critical", "tests created", "tests submitted"]
    headers += [f"last activity ({zone.key})"]
    rows = [_row(user, zone) for user in page.items]
    return paragraphs(heading(page, _noun(page)), table(headers, rows), footer(page, zone))


def _noun(page: Page[UserSummary]) -> str:
    return NOUNS.get(page.items[0].type, "user") if page.items else "user"


def _row(user: UserSummary, zone: ZoneInfo) -> list[Cell]:
    if isinstance(user, TesterSummary):
        own: list[Cell] = [
            count(user.tests),
            count(user.bugs),
            count(user.accepted),
            count(user.auto_accepted),
            count(user.rejected),
            rate(user.acceptance_rate),
            count(user.critical),
            None,
            None,
            date(user.last_activity, zone),
        ]
    else:
        assert isinstance(user, CustomerSummary)
        own = [None] * 7
        own += [count(user.tests_created), count(user.tests_submitted)]
        own += [date(user.last_activity, zone)]
    return [str(user.id), user.name, *own]


def user_answer(answer: UserAnswer, zone: ZoneInfo) -> str:
    user = answer.user
    facts = [
        ("id", str(user.id)),
        ("first activity", moment(user.first_activity, zone)),
        ("last activity", moment(user.last_activity, zone)),
    ]
    own = _tester(user) if isinstance(user, TesterDetail) else _customer(user)
    return paragraphs(
        f"**{NOUNS[user.type].capitalize()} {inline(user.name)}**",
        bullets(facts),
        *own,
        closing(answer, zone),
    )


def _tester(user: TesterDetail) -> list[str]:
    rows = [
        (str(product.id), product.name, count(product.bugs), count(product.tests))
        for product in user.products
    ]
    tests = counted(user.tests, "executed test")
    return [figures(user.bugs, f"in {tests}"), table(("id", "product", "bugs", "tests"), rows)]


def _customer(user: CustomerDetail) -> list[str]:
    rows = [
        (
            str(product.id),
            product.name,
            count(product.tests_created),
            count(product.tests_submitted),
        )
        for product in user.products
    ]
    return [
        f"**{count(user.tests_created)} tests created**, {count(user.tests_submitted)} submitted",
        table(("id", "product", "tests created", "tests submitted"), rows),
    ]
