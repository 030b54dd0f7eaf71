"""Show what could not be read, and help to find it.

A page of tests that TestIO cannot send is read row by row, so that only the bad rows are missing.
Who knows which tests those are maps them to the problem; then they can be asked for one by one.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from testio_mcp.app import open_app
from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.options import (
    add_global_options,
    add_json,
    add_product_ids,
    positive_id,
    usable_settings,
)
from testio_mcp.cli.output import show
from testio_mcp.cli.progress import retry_with_progress
from testio_mcp.errors import InvalidRequest
from testio_mcp.rendering.problems import (
    clear_question,
    clear_report,
    mapping_report,
    problem_page,
    retry_report,
)
from testio_mcp.services.problems import ProblemService
from testio_mcp.settings import Loaded
from testio_mcp.views.problems import ProblemCount

ACTIONS = {
    "list": "show what could not be read, why, and what to do",
    "map-tests": "say which tests a problem is about; needs no network",
    "retry": "ask TestIO for the mapped tests of a product, one by one",
    "clear": "forget problems; what still cannot be read is recorded again by the next sync",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", dest="action", required=True)
    for name, purpose in ACTIONS.items():
        action = actions.add_parser(
            name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}."
        )
        add_global_options(action)
        _ARGUMENTS[name](action)
        add_json(action)


def _add_event_and_tests(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "event", metavar="EVENT", help="id of the problem, or its first 8 or more characters"
    )
    parser.add_argument(
        "test_ids", metavar="ID", type=positive_id, nargs="+", help="id of a missing test"
    )


def _add_product(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", type=positive_id, help="id of the product")


def _add_consent(parser: argparse.ArgumentParser) -> None:
    add_product_ids(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> int:
    loaded = usable_settings(options)
    if options.action == "clear" and not options.yes:
        # Nothing is kept open while a person thinks.
        found = asyncio.run(_count(loaded, options))
        if found.ranges and not _agreed(found):
            print("Nothing was cleared.", file=sys.stderr)
            return ExitCode.OK
    return asyncio.run(_RUNS[options.action](loaded, options))


async def _list(loaded: Loaded, options: argparse.Namespace) -> int:
    async with _opened(loaded, options.product_ids) as problems:
        page = await problems.list(options.product_ids)
    text = problem_page(page, loaded.settings.zone)
    show(text, page.model_dump(mode="json"), as_json=options.json)
    return ExitCode.OK


async def _map_tests(loaded: Loaded, options: argparse.Namespace) -> int:
    async with _opened(loaded) as problems:
        report = await problems.map_tests(options.event, options.test_ids)
    data = {"mapping": report.model_dump(mode="json")}
    show(mapping_report(report), data, as_json=options.json)
    return ExitCode.OK


async def _retry(loaded: Loaded, options: argparse.Namespace) -> int:
    async with open_app(loaded) as app:
        app.refuse_outside((options.product,))
        quiet = options.quiet or options.json
        report = await retry_with_progress(app, options.product, quiet=quiet)
    show(retry_report(report), {"retry": report.model_dump(mode="json")}, as_json=options.json)
    return ExitCode.OK if report.is_complete else ExitCode.INCOMPLETE


async def _clear(loaded: Loaded, options: argparse.Namespace) -> int:
    async with _opened(loaded, options.product_ids) as problems:
        cleared = await problems.clear(options.product_ids)
    data = {"cleared": cleared.model_dump(mode="json")}
    show(clear_report(cleared), data, as_json=options.json)
    return ExitCode.OK


async def _count(loaded: Loaded, options: argparse.Namespace) -> ProblemCount:
    async with _opened(loaded, options.product_ids) as problems:
        return await problems.count(options.product_ids)


@asynccontextmanager
async def _opened(
    loaded: Loaded, product_ids: tuple[int, ...] = ()
) -> AsyncIterator[ProblemService]:
    """The problems, without asking TestIO anything."""
    async with open_app(loaded, online=False) as app:
        app.refuse_outside(product_ids)
        async with app.services.open(ProblemService) as problems:
            yield problems


def _agreed(found: ProblemCount) -> bool:
    question = clear_question(found)
    if not sys.stdin.isatty():
        raise InvalidRequest(question, hint="Pass --yes: there is no terminal to answer on.")
    # input() would print the question on stdout.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "list": add_product_ids,
    "map-tests": _add_event_and_tests,
    "retry": _add_product,
    "clear": _add_consent,
}
_RUNS: dict[str, Callable[[Loaded, argparse.Namespace], Coroutine[Any, Any, int]]] = {
    "list": _list,
    "map-tests": _map_tests,
    "retry": _retry,
    "clear": _clear,
}
