"""The official conformance suite: what it is asked to run, and what counts as passed."""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from programs import PACKAGES, run_node, serving

NO_SESSION = (
    "A server over HTTP without sessions cannot ask a client while a call runs. "
    "None of our tools asks. Passes where the same server has sessions."
)
NO_SUBSCRIPTION = (
    "The server offers no subscriptions and announces none: FastMCP has none. "
    "Every answer says how current it is."
)
NO_TASKS = "An optional extension, which the server does not announce: no call takes over 20 s."
# Scenarios that fail, and why that is meant.
REASONS = {
    "tools-call-sampling": NO_SESSION,
    "tools-call-elicitation": NO_SESSION,
    "elicitation-sep1034-defaults": NO_SESSION,
    "elicitation-sep1330-enums": NO_SESSION,
    "resources-subscribe": NO_SUBSCRIPTION,
    "resources-unsubscribe": NO_SUBSCRIPTION,
    "server-sse-polling": "Not required (pending in the suite). It needs sessions whose streams "
    "are stored.",
    "json-schema-2020-12": "Not required (pending in the suite). It needs a tool whose schema "
    "holds `$ref` and `$defs`; our schemas hold neither, because some clients reject them.",
    "http-custom-header-server-validation": "Not required (pending in the suite). It needs a tool "
    "with a parameter that is mirrored into a header; we have none.",
    **{
        f"tasks-{name}": NO_TASKS
        for name in (
            "lifecycle",
            "capability-negotiation",
            "wire-fields",
            "request-state-removal",
            "mrtr-input",
            "request-headers",
            "dispatch-and-envelope",
            "required-task-error",
            "mrtr-composition",
        )
    },
}
# What a server shows without the components of the suite; elsewhere it would pass by saying
# that there is no such tool.
OF_ANY_SERVER = frozenset(
    {
        "server-initialize",
        "logging-set-level",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "dns-rebinding-protection",
        "server-stateless",
        "caching",
        "sep-2164-resource-not-found",
        "http-header-validation",
        "input-required-result-unsupported-methods",
    }
)
# The checks of `server-stateless` that call a component of the suite.
OF_COMPONENTS = frozenset(
    {
        "sep-2575-server-rejects-undeclared-capability",
        "sep-2575-missing-capability-http-400",
        "sep-2575-http-server-no-independent-requests-on-stream",
        "sep-2575-server-no-log-without-loglevel",
    }
)
# The suite looks at the form of all messages beside each scenario.
OF_THE_WIRE = frozenset({"wire-schema-valid", "wire-schema-harness-error"})
NOT_SCORED = re.compile(
    r"^\s+\S (\S+) \((?:extension|pending|added-after-release)\)$", re.MULTILINE
)
FAILURE, SUCCESS = "FAILURE", "SUCCESS"


@dataclass(frozen=True)
class Suite:
    title: str
    package: str
    arguments: tuple[str, ...]


SUITES = (
    Suite("active", "conformance", ("--suite", "active")),
    Suite("2025-11-25", "conformance-next", ("--requirements", "2025-11-25")),
    Suite("2026-07-28", "conformance-next", ("--requirements", "2026-07-28")),
)


@dataclass(frozen=True)
class Subject:
    """A server that is asked; without `scenarios` it is asked everything."""

    title: str
    arguments: tuple[str, ...]
    suites: tuple[Suite, ...] = SUITES
    scenarios: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    without_sessions: bool = True


DEMO = ("testio_mcp", "serve", "--demo", "--transport", "http", "--port", "0")
COMPONENTS = "tests.e2e.conformance_components"
SUBJECTS = (
    Subject("the server with the components of the suite", (COMPONENTS,)),
    Subject(
        "the same with sessions",
        (COMPONENTS, "--with-sessions"),
        SUITES[:2],
        without_sessions=False,
    ),
    Subject("`serve --demo --transport http`", DEMO, SUITES, OF_ANY_SERVER, OF_COMPONENTS),
)


@dataclass
class Outcome:
    """Scenarios by what came of them, and their checks that passed."""

    subject: Subject
    suite: Suite
    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    # No check of their own was made.
    empty: set[str] = field(default_factory=set)
    not_scored: set[str] = field(default_factory=set)
    checks: int = 0

    @property
    def expected(self) -> set[str]:
        """The scenarios that fail for a reason."""
        reasons = REASONS.items()
        return {
            name
            for name, reason in reasons
            if self.subject.without_sessions or reason is not NO_SESSION
        }

    @property
    def surprises(self) -> set[str]:
        """What fails without a reason, and what passes in spite of one."""
        return (self.failed - self.expected) | (self.passed & self.expected)


def outcomes(home: Path) -> Iterator[Outcome]:
    for subject in SUBJECTS:
        with serving(subject.arguments, home) as url:
            for suite in subject.suites:
                folder = home / f"{SUBJECTS.index(subject)}-{suite.title}"
                yield _run(subject, suite, url, folder, home)


def _run(subject: Subject, suite: Suite, url: str, folder: Path, home: Path) -> Outcome:
    done = run_node(
        f"{suite.package}/dist/index.js",
        *("server", "--url", url, "--output-dir", str(folder), *suite.arguments),
        home=home,
    )
    if "=== SUMMARY ===" not in done.stdout:
        raise SystemExit(f"The suite did not run:\n{done.stdout}\n{done.stderr}")
    outcome = Outcome(subject, suite, not_scored=set(NOT_SCORED.findall(done.stdout)))
    for name, checks in _checks(folder):
        if not subject.scenarios or name in subject.scenarios:
            _count(outcome, name, checks, subject.ignored)
    return outcome


def _checks(folder: Path) -> Iterator[tuple[str, Sequence[dict[str, Any]]]]:
    """Of each scenario; the name of its folder ends with the time."""
    for path in sorted(folder.glob("server-*/checks.json")):
        name = re.sub(r"-\d{4}-\d\d-\d\dT[\w-]+$", "", path.parent.name.removeprefix("server-"))
        yield name, json.loads(path.read_text(encoding="utf-8"))


def _count(
    outcome: Outcome, name: str, checks: Sequence[dict[str, Any]], ignored: Collection[str]
) -> None:
    made = [check for check in checks if check["id"] not in ignored]
    own = [check["status"] for check in made if check["id"] not in OF_THE_WIRE]
    outcome.checks += sum(check["status"] == SUCCESS for check in made)
    if FAILURE in [check["status"] for check in made]:
        outcome.failed.add(name)
    elif SUCCESS in own:
        outcome.passed.add(name)
    else:
        outcome.empty.add(name)


def versions() -> str:
    return f"{PACKAGES['conformance']} and {PACKAGES['conformance-next']}"
