"""Figures in texts, and those about a sync and the cache, are the same ones."""

import pytest
from tests.e2e import counting
from tests.e2e.upstream import ODD_TEST

pytestmark = pytest.mark.asyncio(loop_scope="session")

COLUMNS = {
    "list_products": {
        "tests": lambda row: row["tests"]["total"],
        "running": lambda row: row["tests"]["running"],
        "last 30 d": lambda row: row["tests"]["last_30_days"],
        "last 90 d": lambda row: row["tests"]["last_90_days"],
        "bugs": lambda row: row["bugs"],
        "features": lambda row: row["features"],
    },
    "list_tests": {
        "status": lambda row: row["status"],
        "bugs": lambda row: row["bugs"]["total"],
        "open": lambda row: row["bugs"]["open"],
        "critical (any status)": lambda row: row["bugs"]["critical"],
    },
    "list_bugs": {
        "severity": lambda row: row["severity"],
        "status": lambda row: row["status"],
        "age": lambda row: f"{row['age_days']} d" if row["age_days"] is not None else "",
    },
}
RATES = ("acceptance", "active_acceptance", "auto_acceptance", "rejection", "review")
KINDS = {
    "products": lambda world: world["products"],
    "features": lambda world: [id for found in world["features"].values() for id in found],
    "user_stories": lambda world: [id for found in world["stories"].values() for id in found],
    "tests": lambda world: world["tests"],
    "bugs": lambda world: world["bugs"],
}


def table(text):
    """The rows of a table, by header."""
    lines = [line for line in text.replace("\\|", "").splitlines() if line.startswith("| ")]
    head, _, *body = ([cell.strip() for cell in line[1:-1].split("|")] for line in lines)
    return [dict(zip(head, row, strict=True)) for row in body]


@pytest.mark.parametrize("tool", COLUMNS)
async def test_tables_show_the_rows(server, tool):
    answer, text = await server.said(tool, page_size=100)
    shown = table(text)
    assert [row["id"] for row in shown] == [str(row["id"]) for row in answer["items"]]
    for name, value in COLUMNS[tool].items():
        assert [row[name] for row in shown] == [str(value(row)) for row in answer["items"]]
    assert f"{answer['total']} {tool.removeprefix('list_')}" in text


@pytest.mark.parametrize(
    ("noun", "id"), [("product", 1001), ("product", 1004), ("test", ODD_TEST), ("test", 100_084)]
)
async def test_summaries_show_the_figures(server, noun, id):
    answer, text = await server.said(f"get_{noun}_summary", **{f"{noun}_id": id})
    bugs = answer[noun]["bugs"]
    by_status = answer[noun].get("tests_by_status", {})
    for counts in (bugs["by_status"], bugs["by_severity"], by_status):
        assert [word for word, n in counts.items() if f"{word} {n}" not in text] == []
    assert (f"{bugs['total']} bugs" if bugs["total"] else "No bugs") in text
    rates = [bugs[f"{name}_rate"] for name in RATES]
    # Without bugs there is no rate, and nothing about rates is said.
    shown = [f"{rate * 100:.1f} %" for rate in rates if rate is not None]
    lines = [line for line in text.splitlines() if line.startswith("- rates")]
    assert (len(lines), len(shown)) == ((1, 5) if bugs["total"] else (0, 0))
    assert [rate for rate in shown if rate not in lines[0]] == []
    environments = answer[noun].get("environments", [])
    said = ", ".join(f"{one['title']} ({one['tests']})" for one in environments)
    plain = text.replace("\\", "")
    assert not said or f"- environments (tests of all statuses that name one): {said}" in plain


@pytest.mark.parametrize("tool", COLUMNS)
async def test_a_page_after_the_last_is_empty(server, tool):
    whole = await server.answer(tool)
    beyond = await server.answer(tool, page=1_000)
    assert (beyond["items"], beyond["returned"], beyond["has_more"]) == ([], 0, False)
    assert beyond["total"] == whole["total"] > 0


async def test_a_sync_counts_what_it_read(server):
    world = server.worlds[0]
    first = {kind: {"new": len(rows(world))} for kind, rows in KINDS.items()}
    expected = [first, *(counts_between(*server.worlds) for _ in server.syncs[1:])]
    assert [sync["counts"] for sync in server.syncs] == expected
    assert {(sync["state"], *sync["incomplete"]) for sync in server.syncs} == {("ok",)}


def counts_between(then, now):
    counts = {kind: {"unchanged": len(rows(now))} for kind, rows in KINDS.items()}
    pairs = [("tests", test) for test in now["tests"]]
    pairs += [("bugs", bug) for bug in now["bugs"] if is_read_again(bug, then, now)]
    outcomes = counting.counted((kind, outcome(kind, row, then, now)) for kind, row in pairs)
    for kind in ("tests", "bugs"):
        counts[kind] = {result: n for (of, result), n in outcomes.items() if of == kind}
    return counts


def outcome(kind, row, then, now):
    raw = kind.removesuffix("s"), row["id"]
    if raw not in then["raw"]:
        return "new"
    # A bug that stayed as it was can have got the feature that it names.
    is_same = then["raw"][raw] == now["raw"][raw]
    is_as_listed = then["listed"].get(raw) == now["listed"].get(raw)
    return "unchanged" if is_same and is_as_listed else "changed"


def is_read_again(bug, then, now):
    """Unless its test was final at the first sync, an hour ago, already."""
    before, after = (
        {test["id"]: test["status"] for test in world["tests"]}.get(bug["test_id"])
        for world in (then, now)
    )
    return after not in {"archived", "cancelled"} or before != after


async def test_diagnostics_count_the_rows(server):
    world = server.world
    found = (await server.answer("get_server_diagnostics"))["diagnostics"]
    people = [person for person in world["people"] if person[1]]
    expected = {kind: len(rows(world)) for kind, rows in KINDS.items()} | {"users": len(people)}
    assert found["database"]["rows"] == expected
    units = {stamp["kind"]: stamp["units"] for stamp in found["stamps"]}
    # Only of the tests that somebody asked for.
    units.pop("execution", None)
    products, tests = len(world["products"]), len(world["tests"])
    lists = dict.fromkeys(("features", "tests", "all_tests"), products)
    assert units == lists | {"products": 1, "reject_reasons": 1, "test": tests, "bugs": tests}
    assert {stamp["stale_share"] for stamp in found["stamps"]} == {0.0}
    unknown = {value["value"]: value["count"] for value in found["unknown_values"]}
    assert unknown == dict.fromkeys(("paused", "pilot", "reopened", "blocker"), 1)
    assert found["problematic_count"] == 0
    assert [sync["counts"] for sync in found["syncs"]] == [
        sync["counts"] for sync in reversed(server.syncs)
    ]
