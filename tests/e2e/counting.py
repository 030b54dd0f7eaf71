"""What is asked of a tool, worked out with plain loops over what TestIO said (reference.py)."""

from datetime import timedelta

from tests.e2e.reference import instant_of, sections_of, visible, written

EXECUTED = ("running", "locked", "archived")
TEST_STATUSES = (
    *("initialized", "customer_finalized", "waiting"),
    *("running", "locked", "archived", "cancelled"),
)
BUG_STATUSES = ("open", "accepted", "auto_accepted", "rejected")
GRAVITY = ("critical", "high", "low", "visual", "content", "custom")


def product_rows(world, now, zone):
    return [product_row(world, product, now, zone) for product in world["products"]]


def product_row(world, product, now, zone):
    tests = [test for test in world["tests"] if test["product_id"] == product["id"]]
    ends = [test["end_at"] for test in tests if test["end_at"]]
    executed = [test for test in tests if test["status"] in EXECUTED and test["end_at"]]
    return {
        "id": product["id"],
        "name": product["name"],
        "type": product["type"],
        "tests": {
            "total": len(tests),
            "running": len([test for test in tests if test["status"] == "running"]),
            "last_30_days": len([end for end in ends if in_last_days(end, 30, now, zone)]),
            "last_90_days": len([end for end in ends if in_last_days(end, 90, now, zone)]),
        },
        "bugs": len(bugs_of_executed(world, product["id"])),
        "features": len(world["features"][product["id"]]),
        "last_test_end": max(
            (test["end_at"] for test in executed if test["end_at"] <= written(now)), default=None
        ),
    }


def in_last_days(instant, days, now, zone):
    """By calendar days of the zone, today as far as it has passed."""
    if instant_of(instant) >= now:
        return False
    day = instant_of(instant).astimezone(zone).date()
    today = now.astimezone(zone).date()
    return today - timedelta(days=days - 1) <= day <= today


def bugs_of_executed(world, product_id):
    executed = [test["id"] for test in world["tests"] if test["status"] in EXECUTED]
    return [
        bug
        for bug in world["bugs"]
        if bug["product_id"] == product_id and bug["test_id"] in executed
    ]


def product_summary(world, product, now, zone):
    row = product_row(world, product, now, zone)
    tests = [test for test in world["tests"] if test["product_id"] == product["id"]]
    environments = counted(test["environment"] for test in tests if test["environment"])
    return {
        **row,
        "description": product.get("description"),
        "sections": list(sections_of(product).values()),
        "tests_by_status": ordered(counted(test["status"] for test in tests), TEST_STATUSES),
        "bugs": figures(bugs_of_executed(world, product["id"])),
        "user_stories": len(world["stories"][product["id"]]),
        "environments": [
            {"title": title, "tests": number} for title, number in largest_first(environments)
        ],
    }


def test_row(world, test):
    bugs = bugs_of_test(world, test["id"])
    names = ("id", "title", "product_id", "product", "status", "testing_type", "start_at", "end_at")
    return {
        **{name: test[name] for name in (*names, "environment")},
        "bugs": {
            "total": len(bugs),
            "open": len([bug for bug in bugs if bug["status"] == "open"]),
            "critical": len([bug for bug in bugs if bug["severity"] == "critical"]),
        },
    }


def bugs_of_test(world, test_id):
    return [bug for bug in world["bugs"] if bug["test_id"] == test_id]


def test_summary(world, test, now, alone):
    """`alone` is TestIO's answer about this test only."""
    bugs = bugs_of_test(world, test["id"])
    fared = {feature["id"]: feature for feature in alone["features"]}
    dated = in_order(bugs, lambda bug: bug["reported_at"], descending=True)
    systems = counted(system for bug in bugs for system in bug["systems"])
    return {
        **test,
        "features": [
            {
                "feature_id": feature["feature_id"],
                "test_feature_id": id,
                "title": visible(feature["title"]),
                "execution_status": fared[id].get("execution_status"),
                "testers": fared[id].get("tester_count"),
                "bugs": len([bug for bug in bugs if bug["feature_id"] == feature["feature_id"]]),
                "user_stories": len(feature["user_stories"] or []),
            }
            for id, feature in sorted(test["features"].items())
        ],
        "analytics": analytics(alone["analytics"]),
        "bugs": figures(bugs),
        "bugs_by_platform": dict(largest_first(systems)),
        "latest_bugs": [bug_row(bug, now) for bug in dated[:5]],
    }


def analytics(told):
    """TestIO's counts, but for that of bugs."""
    words = ("total", "tested", "passed", "failed", "blocked")
    return {
        "testers": told["testers_count"],
        "devices": told["devices_count"],
        **{
            noun: {word: told.get(f"{word}_{noun}") for word in words}
            for noun in ("features", "user_stories")
        },
    }


def bug_row(bug, now):
    row = {
        name: value for name, value in bug.items() if name not in {"reason", "systems", "details"}
    }
    reported = bug["reported_at"] and instant_of(bug["reported_at"])
    due = reported + timedelta(days=10) if reported and bug["status"] == "open" else None
    return {
        **row,
        "age_days": (now - reported).days if reported else None,
        "auto_accept_at": written(due) if due else None,
        "days_to_auto_acceptance": (due - now).days if due else None,
    }


def bug_summary(bug, now):
    return {**bug_row(bug, now), **bug["details"]}


def figures(bugs):
    """Counts and the five rates; a rate without a denominator is unknown."""
    total = len(bugs)
    accepted, auto_accepted, rejected = (
        len([bug for bug in bugs if bug["status"] == status])
        for status in ("accepted", "auto_accepted", "rejected")
    )
    by_status = counted(bug["status"] if bug["status"] in BUG_STATUSES else "other" for bug in bugs)
    return {
        "total": total,
        "known": len([bug for bug in bugs if bug["known"]]),
        "by_status": ordered(by_status, BUG_STATUSES),
        "by_severity": ordered(counted(bug["severity"] for bug in bugs), GRAVITY),
        "acceptance_rate": share(accepted + auto_accepted, total),
        "active_acceptance_rate": share(accepted, total),
        "auto_acceptance_rate": share(auto_accepted, accepted + auto_accepted),
        "rejection_rate": share(rejected, total),
        "review_rate": share(accepted + rejected, total),
    }


def share(part, whole):
    return part / whole if whole else None


def counted(words):
    numbers = {}
    for word in words:
        numbers[word] = numbers.get(word, 0) + 1
    return numbers


def ordered(numbers, words):
    """In the order of the words; those that nobody documented come last."""
    rest = [word for word in sorted(numbers) if word not in words]
    return {word: numbers[word] for word in (*words, *rest) if word in numbers}


def largest_first(numbers):
    return sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0]))


def in_order(rows, key, *, descending):
    """By the key, what has none last, ties by id."""
    by_id = sorted(rows, key=lambda row: row["id"])
    known = [row for row in by_id if key(row) is not None]
    known.sort(key=key, reverse=descending)
    return known + [row for row in by_id if key(row) is None]


def bounds(period, now, zone):
    """From and to of a period given as two days, the second not included, None where open."""
    return [
        written(now) if day == "now" else day and written(instant_of(day).replace(tzinfo=zone))
        for day in period
    ]


def is_within(instant, start, end):
    return bool(instant) and (not start or instant >= start) and (not end or instant < end)
