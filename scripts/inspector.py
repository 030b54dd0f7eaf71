"""The Inspector's command line: strict about schemas, and a call of every tool."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import DEMO

from programs import run_node, serving

SCRIPT = "inspector/clients/launcher/build/index.js"
STDIO = (sys.executable, "-m", "testio_mcp", "serve", "--demo")
LOAD = ("--load", "--load-concurrency", "8", "--load-requests", "500")

type Seen = Mapping[str, Any]


def _first(seen: Seen, tool: str) -> Any:
    return seen[tool]["items"][0]["id"]


def _busiest(seen: Seen) -> Any:
    return max(seen["list_tests"]["items"], key=lambda test: test["bugs"]["total"] or 0)["id"]


# Arguments for every tool, with ids from earlier answers.
CALLS: Mapping[str, Callable[[Seen], dict[str, Any]]] = {
    "list_products": lambda seen: {},
    "get_product_summary": lambda seen: {"product_id": _first(seen, "list_products")},
    "list_tests": lambda seen: {"page_size": 100},
    "get_test_summary": lambda seen: {"test_id": _busiest(seen)},
    "list_features": lambda seen: {"product_id": _first(seen, "list_products")},
    "get_feature_summary": lambda seen: {"feature_id": _first(seen, "list_features")},
    "list_user_stories": lambda seen: {"test_id": _busiest(seen)},
    "list_users": lambda seen: {"type": "tester"},
    "get_user_summary": lambda seen: {"user": str(_first(seen, "list_users"))},
    "list_bugs": lambda seen: {"severities": ["critical"], "period": "last 90 days"},
    "get_bug_summary": lambda seen: {"bug_id": _first(seen, "list_bugs")},
    "search": lambda seen: {"query": "login"},
    "query_metrics": lambda seen: {"metrics": ["bug_count"], "by": ["month"], "chart": "bar"},
    "generate_quality_report": lambda seen: {"period": "last quarter"},
    "sync_data": lambda seen: {"wait_seconds": 15},
    "get_server_diagnostics": lambda seen: {},
    "get_problematic_tests": lambda seen: {},
}


@dataclass(frozen=True)
class Visit:
    """What came of asking for everything in one way."""

    title: str
    tools: int
    called: int
    prompts: int
    resources: int
    complaints: tuple[str, ...]


class Inspector:
    def __init__(self, target: tuple[str, ...], era: str, home: Path) -> None:
        self._target = target
        self._era = era
        self._home = home

    def ask(self, method: str, *options: str) -> dict[str, Any]:
        """The `result`, and what the Inspector says beside it."""
        done = run_node(
            SCRIPT,
            *("--cli", *self._target, "--method", method, *options),
            *("--format", "json", "--protocol-era", self._era),
            home=self._home,
        )
        if done.returncode:
            raise SystemExit(f"{method} {options}: {done.returncode}\n{done.stdout}{done.stderr}")
        return dict(json.loads(done.stdout))

    def visit(self, title: str) -> Visit:
        listed = self.ask("tools/list", "--strict")
        tools = [tool["name"] for tool in listed["result"]["tools"]]
        seen: dict[str, Any] = {}
        for name in tools:
            seen[name] = self._called(name, json.dumps(CALLS[name](seen)))
        return Visit(
            title,
            len(tools),
            len(seen),
            self._prompts(),
            self._resources(),
            tuple(str(finding) for finding in listed.get("schemaFindings", ())),
        )

    def _called(self, name: str, arguments: str) -> dict[str, Any]:
        options = ("--tool-name", name, "--tool-args-json", arguments)
        answer = self.ask("tools/call", *options)["result"]
        said = answer["content"][0].get("text", "")
        if answer.get("isError") or "freshness" not in answer["structuredContent"]:
            raise SystemExit(f"{name}({arguments}) failed: {said}")
        return dict(answer["structuredContent"])

    def _prompts(self) -> int:
        names = [prompt["name"] for prompt in self.ask("prompts/list")["result"]["prompts"]]
        got = [
            self.ask("prompts/get", "--prompt-name", name)["result"]["messages"] for name in names
        ]
        return sum(bool(messages) for messages in got)

    def _resources(self) -> int:
        uris = [resource["uri"] for resource in self.ask("resources/list")["result"]["resources"]]
        read = [self.ask("resources/read", "--uri", uri)["result"]["contents"] for uri in uris]
        return sum(bool(contents[0]["text"]) for contents in read)


def visits(home: Path) -> Iterator[Visit]:
    """Every way that a client of ours may come."""
    yield Inspector(STDIO, "legacy", home).visit("stdio, handshake")
    yield Inspector(STDIO, "modern", home).visit("stdio, 2026-07-28")
    with _http(home) as target:
        yield Inspector(target, "legacy", home).visit("HTTP, handshake")
        yield Inspector(target, "modern", home).visit("HTTP, 2026-07-28")


def load(home: Path) -> dict[str, Any]:
    """What the Inspector sums up of many calls at the same time."""
    with _http(home) as target:
        options = ("--tool-name", "list_products", *LOAD)
        return dict(Inspector(target, "modern", home).ask("tools/call", *options)["result"])


@contextmanager
def _http(home: Path) -> Iterator[tuple[str, ...]]:
    with serving(DEMO, home) as url:
        yield ("--server-url", url)
