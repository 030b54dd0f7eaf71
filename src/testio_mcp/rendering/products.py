"""Products as text."""

from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import closing, footer, heading, paragraphs
from testio_mcp.rendering.figures import figures, known, numbers
from testio_mcp.rendering.markdown import bullets, count, date, inline, moment, table
from testio_mcp.views.base import Page
from testio_mcp.views.products import ProductAnswer, ProductSummary


def product_page(page: Page[ProductSummary], zone: ZoneInfo) -> str:
    headers = ["id", "name", "type", "tests", "running", "last 30 d", "last 90 d"]
    headers += ["bugs", "features", f"last test end ({zone.key})", f"synced ({zone.key})"]
    rows = [
        [
            str(product.id),
            product.name,
            product.type,
            known(product.tests.total),
            known(product.tests.running),
            known(product.tests.last_30_days),
            known(product.tests.last_90_days),
            known(product.bugs),
            known(product.features),
            date(product.last_test_end, zone),
            moment(product.synced_at, zone),
        ]
        for product in page.items
    ]
    legend = "Tests of all statuses, by test end; bugs of executed tests." if rows else None
    return paragraphs(heading(page, "product"), table(headers, rows), legend, footer(page, zone))


def product_answer(answer: ProductAnswer, zone: ZoneInfo) -> str:
    product, tests = answer.product, answer.product.tests
    facts = [
        ("type", product.type),
        ("description", product.description),
        ("sections", ", ".join(product.sections) or None),
        ("features", known(product.features)),
        ("user stories", known(product.user_stories)),
        ("last test end", moment(product.last_test_end, zone)),
        (
            "environments (tests of all statuses that name one)",
            ", ".join(f"{env.title} ({count(env.tests)})" for env in product.environments) or None,
        ),
    ]
    fragile = table(
        ("id", "feature", "tests", "bugs", "fragility"),
        [
            (str(feature.id), feature.title, feature.tests, feature.bugs, feature.fragility)
            for feature in product.fragile_features
        ],
    )
    ended = (
        f"{known(tests.last_30_days)} ended in the last 30 days, "
        f"{known(tests.last_90_days)} in the last 90"
    )
    return paragraphs(
        f"**Product {product.id}: {inline(product.name)}**",
        bullets(facts),
        f"**{known(tests.total)} tests** of all statuses, {known(tests.running)} running, {ended}",
        bullets([("by status", numbers(product.tests_by_status))]),
        figures(product.bugs, "in executed tests"),
        fragile and f"Most fragile features (severity score per test)\n\n{fragile}",
        closing(answer, zone),
    )
