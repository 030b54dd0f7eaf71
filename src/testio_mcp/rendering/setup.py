"""The setup as text."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import paragraphs
from testio_mcp.rendering.markdown import bullets, inline, table
from testio_mcp.rendering.syncs import sync_report
from testio_mcp.views.setup import SetupReport, VisibleProduct

NAMED = 10
NO_PRODUCTS = "none: ask TestIO which products this token is for"


def setup_report(report: SetupReport, zone: ZoneInfo) -> str:
    rows = [(change.client, change.file, change.change, change.backup) for change in report.clients]
    return paragraphs(
        bullets([("token", report.token), ("products", _products(report.products))]),
        table(("client", "file", "entry", "backup"), rows),
        # A cell would cut what to do.
        bullets((change.client, change.reason) for change in report.clients),
        sync_report(report.sync, zone) if report.sync else None,
        *map(inline, report.notes),
    )


def to_paste(files: Sequence[tuple[str, str]], snippet: str) -> str:
    """What belongs into the files, each with the name of its client."""

    def names() -> Iterator[str]:
        for client, file in files:
            yield f"- {client}: `{file}`"

    where = "\n".join(names()) or "- the configuration of your MCP client"
    return paragraphs(
        "This belongs into", where, f"```json\n{snippet}\n```", "Nothing was changed."
    )


def questions_to_try(products: Sequence[VisibleProduct]) -> str:
    name = f" of {products[0].name}" if products else ""
    questions = (
        "What runs right now?",
        f"Which critical bugs{name} are still open?",
        "Why was so much rejected last month, and of what?",
    )
    lines = "\n".join(f"- {inline(question)}" for question in questions)
    return paragraphs("**Three questions to try**", lines)


def _products(products: Sequence[VisibleProduct] | None) -> str | None:
    if products is None:
        return None
    named = ", ".join(f"{product.name} ({product.id})" for product in products[:NAMED])
    more = f" and {len(products) - NAMED} more" if len(products) > NAMED else ""
    return f"{len(products)}: {named}{more}" if products else NO_PRODUCTS
