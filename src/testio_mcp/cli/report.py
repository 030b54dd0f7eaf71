"""Write a quality report of products, from the local copy.

Asks TestIO nothing: what the copy holds is as current as its last sync, and the report says so.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from testio_mcp.app import App, open_app
from testio_mcp.cli.exit_codes import ExitCode
from testio_mcp.cli.options import add_json, positive_id, usable_settings
from testio_mcp.cli.output import show
from testio_mcp.domain.figures import Scope
from testio_mcp.domain.periods import parse_period
from testio_mcp.domain.reports import (
    DEFAULT_PERIOD,
    SUFFIXES,
    Output,
    ReportFormat,
    ReportQuestion,
    Section,
)
from testio_mcp.errors import InvalidRequest
from testio_mcp.reports.files import save_anywhere
from testio_mcp.reports.markdown import report_markdown
from testio_mcp.services.products import ProductService
from testio_mcp.services.reports import ReportService
from testio_mcp.settings import Loaded, shown
from testio_mcp.views.reports import ReportAnswer, ReportFile

STDOUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "products", metavar="PRODUCT", nargs="*", help="id or name of a product; none means all"
    )
    parser.add_argument(
        "--period",
        default=DEFAULT_PERIOD,
        help='when the tests ended, such as 2026-Q3, "this month" or all (default: %(default)s)',
    )
    parser.add_argument(
        "--compare",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with the period before (the default), or without",
    )
    parser.add_argument(
        "--sections",
        type=_sections,
        default=(),
        metavar="NAME,NAME",
        help=f"only these: {', '.join(Section)}",
    )
    parser.add_argument(
        "--format",
        choices=[format.value for format in ReportFormat],
        help="by default that of FILE's ending, else markdown; html, xlsx and csv are saved in "
        "the reports folder unless -o says where",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where to write it; - is the standard output",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    return asyncio.run(_report(usable_settings(options), options))


async def _report(loaded: Loaded, options: argparse.Namespace) -> int:
    zone, format = loaded.settings.zone, _format(options)
    asked = parse_period(options.period, now=datetime.now(UTC), zone=zone)
    period = asked if asked.start or asked.end else None
    async with open_app(loaded, online=False) as app:
        scope = Scope(product_ids=await _product_ids(app, options.products), period=period)
        question = ReportQuestion(scope, options.compare, options.sections)
        async with app.services.open(ReportService) as reports:
            if options.output:
                answer = await reports.read(question)
                answer = _with_file(answer, format, await reports.content(answer, format), options)
            else:
                answer = await reports.generate(question, Output(format))
    if options.output != STDOUT:
        file = answer.report.file
        text = f"Saved as {file.path}" if file else report_markdown(answer, zone)
        as_json = options.json or (format is ReportFormat.JSON and file is None)
        show(text, answer.model_dump(mode="json"), as_json=as_json)
    is_complete = answer.freshness.as_of and not answer.freshness.incomplete
    return ExitCode.OK if is_complete else ExitCode.INCOMPLETE


def _with_file(
    answer: ReportAnswer, format: ReportFormat, content: bytes, options: argparse.Namespace
) -> ReportAnswer:
    """The answer, once its content is where it belongs."""
    if options.output == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return answer
    path = save_anywhere(Path(options.output), content, overwrite=options.overwrite)
    file = ReportFile(path=shown(path), format=format, bytes=len(content))
    return answer.model_copy(update={"report": answer.report.model_copy(update={"file": file})})


def _format(options: argparse.Namespace) -> ReportFormat:
    """As asked, or as the file is called; raises InvalidRequest where the two contradict."""
    file = Path(options.output or "")
    asked = ReportFormat(options.format) if options.format else None
    if not file.suffix:
        return asked or ReportFormat.MARKDOWN
    named = {suffix: format for format, suffix in SUFFIXES.items()}.get(file.suffix.lower())
    if named is None:
        problem = f"No report ends in {file.suffix}"
    elif asked not in (None, named):
        problem = f"{file.name} would be {named.value}, but --format says {asked}"
    else:
        return named
    every = ", ".join(f"{suffix} ({format.value})" for format, suffix in SUFFIXES.items())
    raise InvalidRequest(f"{problem}.", hint=f"End FILE in one of: {every}.")


async def _product_ids(app: App, words: list[str]) -> tuple[int, ...]:
    """Of ids as they are, of names as they are found."""
    names = [word for word in words if not _is_id(word)]
    async with app.services.open(ProductService) as products:
        if not await products.names():
            raise InvalidRequest(
                "The local copy holds no products yet.", hint="Run testio-mcp sync first."
            )
        found = await products.resolve(names)
    ids = tuple(dict.fromkeys(found.get(word) or positive_id(word) for word in words))
    app.refuse_outside(ids)
    return ids


def _is_id(word: str) -> bool:
    return word.strip().removeprefix("#").isdecimal()


def _sections(text: str) -> tuple[Section, ...]:
    words = [word.strip().lower().replace("-", "_") for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in set(Section)]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} is no section; there are {', '.join(Section)}"
        )
    return tuple(map(Section, words))
