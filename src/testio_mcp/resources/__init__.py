"""What a client may read beside the tools: how figures are read, what they mean, what is stored."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

from fastmcp.resources import FunctionResource, Resource

from testio_mcp.domain.health import Thresholds
from testio_mcp.rendering.health import thresholds_table

MARKDOWN = "text/markdown"
PLAYBOOK = Path(__file__).with_name("playbook.md")

# The app, loosely typed: its module imports SQLAlchemy, for which the first reply does not wait.
type GetApp = Callable[[], Awaitable[Any]]


def create_resources(get_app: GetApp) -> list[Resource]:
    async def playbook() -> str:
        thresholds = Thresholds((await get_app()).settings.limits)
        return Template(PLAYBOOK.read_text("utf-8")).substitute(
            thresholds=thresholds_table(thresholds)
        )

    return [
        _resource(
            playbook,
            "playbook",
            "How to read the figures",
            "What figures, rates and words mean, from where on to worry, and what patterns tell.",
        ),
        _resource(
            _metrics,
            "metrics",
            "Metrics and dimensions",
            "Every metric and dimension of query_metrics with its definition.",
        ),
        _resource(
            _schema,
            "schema",
            "Schema of the local copy",
            "Tables and columns of the SQLite file that answers come from.",
        ),
    ]


def _resource(read: Callable[[], Any], name: str, title: str, description: str) -> Resource:
    return FunctionResource.from_function(
        read,
        uri=f"testio://{name}",
        name=name,
        title=title,
        description=description,
        mime_type=MARKDOWN,
    )


# Both are run in a thread, where the import of SQLAlchemy keeps no other request waiting.


def _metrics() -> str:
    page: str = import_module("testio_mcp.resources.metrics").metrics_page()
    return page


def _schema() -> str:
    page: str = import_module("testio_mcp.resources.schema").schema_page()
    return page
