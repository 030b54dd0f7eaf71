"""Lists of bugs, and all about one bug, equal what TestIO's answers say."""

import re

import pytest
from tests.e2e import counting, reference
from tests.e2e.test_figures import PERIODS
from tests.e2e.upstream import ODD_TEST

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILTERS = {
    "products": ({"product_ids": [1002, 1004]}, lambda bug: bug["product_id"] in {1002, 1004}),
    "tests": (
        {"test_ids": [100_072, ODD_TEST]},
        lambda bug: bug["test_id"] in {100_072, ODD_TEST},
    ),
    # The second is not in the catalogue any more.
    "features": (
        {"feature_ids": [40_003, 40_999]},
        lambda bug: bug["feature_id"] in {40_003, 40_999},
    ),
    "status": ({"statuses": ["open"]}, lambda bug: bug["status"] == "open"),
    "statuses": (
        {"statuses": ["auto_accepted", "rejected"]},
        lambda bug: bug["status"] in {"auto_accepted", "rejected"},
    ),
    "severities": (
        {"severities": ["critical", "visual"]},
        lambda bug: bug["severity"] in {"critical", "visual"},
    ),
    "reason": (
        {"rejection_reasons": ["out_of_scope"]},
        lambda bug: bug["reason"] == "out_of_scope",
    ),
    "reasons": (
        {"rejection_reasons": ["duplicate", "ignored_instructions"]},
        lambda bug: bug["reason"] in {"duplicate", "ignored_instructions"},
    ),
    "known": ({"known": "yes"}, lambda bug: bug["known"]),
    "not known": (
        {"known": "no", "product_ids": [1004]},
        lambda bug: not bug["known"] and bug["product_id"] == 1004,
    ),
    "testers": (
        {"reported_by": ["Rui Falc\u00e3o"]},
        lambda bug: bug["reporter"] == "Rui Falc\u00e3o",
    ),
    "systems": (
        {"operating_systems": ["Windows", "macOS"]},
        lambda bug: bug["systems"] & {"Windows", "macOS"},
    ),
    "all together": (
        {
            "product_ids": [1001, 1003],
            "statuses": ["accepted", "rejected"],
            "severities": ["low", "high", "critical"],
            "known": "no",
            "operating_systems": ["Windows", "Android"],
            "period": "2026-Q3",
        },
        lambda bug: (
            bug["product_id"] in {1001, 1003}
            and bug["status"] in {"accepted", "rejected"}
            and bug["severity"] in {"low", "high", "critical"}
            and not bug["known"]
            and bug["systems"] & {"Windows", "Android"}
            and "2026-07-01" <= (bug["reported_at"] or "") < "2026-10-01"
        ),
    ),
}
SORTS = {
    "reported_at": lambda row: row["reported_at"],
    # By gravity: the gravest is the largest.
    "severity": lambda row: -[*counting.GRAVITY, row["severity"]].index(row["severity"]),
    "status": lambda row: row["status"],
    "auto_accept_at": lambda row: row["auto_accept_at"],
    "title": lambda row: row["title"].casefold(),
    "id": lambda row: row["id"],
}


def matching_bugs(server, is_wanted):
    """In the default order."""
    rows = [counting.bug_row(bug, server.now) for bug in server.world["bugs"] if is_wanted(bug)]
    return counting.in_order(rows, lambda row: row["reported_at"], descending=True)


async def test_all_bugs_are_listed(server):
    assert await server.rows("list_bugs") == matching_bugs(server, lambda bug: True)


@pytest.mark.parametrize("name", FILTERS)
async def test_bugs_are_narrowed(server, name):
    arguments, is_wanted = FILTERS[name]
    expected = matching_bugs(server, is_wanted)
    assert expected
    assert await server.rows("list_bugs", **arguments) == expected


@pytest.mark.parametrize("period", [name for name in PERIODS if name not in {"ytd", "2026-Q3"}])
async def test_bugs_are_reported_in_a_period(server, period):
    start, end = counting.bounds(PERIODS[period], server.now, server.zone)
    expected = matching_bugs(server, lambda bug: counting.is_within(bug["reported_at"], start, end))
    assert expected
    pages = await server.pages("list_bugs", period=period)
    assert [row for page in pages for row in page["items"]] == expected
    assert pages[0]["period"]["by"] == "reported_at"


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
async def test_bugs_are_sorted(server, sort):
    test_ids = [100_068, 100_072, ODD_TEST]
    expected = matching_bugs(server, lambda bug: bug["test_id"] in test_ids)
    key = SORTS[sort.removeprefix("-")]
    rows = await server.rows("list_bugs", page_size=40, test_ids=test_ids, sort=sort)
    assert rows == counting.in_order(expected, key, descending=sort.startswith("-"))


async def test_open_bugs_are_told_in_the_order_in_which_they_are_accepted(server):
    rows = await server.rows("list_bugs", statuses="open", sort="auto_accept_at")
    assert {row["status"] for row in rows} == {"open"}
    due = [row["auto_accept_at"] for row in rows]
    known = [at for at in due if at]
    assert due == sorted(known) + [None] * (len(due) - len(known))
    for row in rows[: len(known)]:
        left = reference.instant_of(row["auto_accept_at"]) - server.now
        assert abs(left.total_seconds() / 86_400 - row["days_to_auto_acceptance"] - 0.5) <= 0.51


@pytest.mark.parametrize("detail", ["preview", "full"])
async def test_a_list_tells_as_much_of_each_bug_as_was_asked(server, detail):
    test_ids = [100_068, ODD_TEST]
    page, text = await server.said(
        "list_bugs", test_ids=test_ids, detail=detail, page_size=100, sort="id"
    )
    bugs = {bug["id"]: bug for bug in server.world["bugs"]}
    assert page["items"]
    for row in page["items"]:
        whole = counting.bug_summary(bugs[row["id"]], server.now)
        assert row["previous_status"] == server.status_before("bugs", bugs[row["id"]])
        if detail == "preview":
            assert row["comment_count"] == len(whole.pop("comments"))
            assert row["attachment_count"] == len(whole.pop("attachments"))
            happened = whole.pop("actual_result")
            assert (row["actual_result"] or "")[:50] == " ".join((happened or "").split())[:50]
        else:
            assert row.keys() >= whole.keys()
        told = {key: value for key, value in row.items() if key in whole}
        assert told == {key: whole[key] for key in told}
        assert f"**Bug {row['id']}: " in text


async def test_bugs_are_found_by_words_in_their_texts(server):
    def has_words(bug):
        texts = (bug["title"], *bug["details"]["steps"], bug["details"]["actual_result"] or "")
        words = " ".join(texts).casefold()
        return all(re.search(rf"\b{word}\b", words) for word in ("coupon", "checkout"))

    expected = [row["id"] for row in matching_bugs(server, has_words)]
    assert expected
    rows = await server.rows("list_bugs", search="Checkout coupon")
    assert [row["id"] for row in rows] == expected


async def test_bugs_are_told_in_full(server):
    hour = reference.written(server.now)[:13]
    for bug in some_bugs(server):
        answer, text = await server.said("get_bug_summary", bug_id=bug["id"])
        found = answer["bug"]
        before = server.status_before("bugs", bug)
        expected = counting.bug_summary(bug, server.now) | {"previous_status": before}
        changed_at = found.pop("status_changed_at")
        assert found == expected
        assert found["link"] in text
        assert "None" not in text
        assert (changed_at or "")[:13] == (hour if before else "")


def some_bugs(server):
    """One of each kind, and all that were made odd or changed."""
    kinds = {}
    for bug in server.world["bugs"]:
        raw, details = server.world["raw"]["bug", bug["id"]], bug["details"]
        texts = (raw["title"], raw["actual_result"], *raw["steps"])
        kinds |= {
            ("reason", bug["reason"] or bug["status"]): bug,
            ("text", any(text != reference.visible(text) for text in texts)): bug,
            ("steps", type(raw["steps"])): bug,
            ("browsers", max([0, *(len(found["browsers"]) for found in raw["devices"])])): bug,
            **{(name, bool(details[name])): bug for name in ("exported_at", "location")},
            **{
                (name, len(details[name])): bug
                for name in ("comments", "attachments", "devices", "report_answers")
            },
        }
        if bug["test_id"] == ODD_TEST or server.status_before("bugs", bug):
            kinds[bug["id"]] = bug
    return {bug["id"]: bug for bug in kinds.values()}.values()
