"""The same plain loops as in counting.py, for features, user stories and people."""

from itertools import count

from tests.e2e.counting import EXECUTED, bugs_of_test, counted, figures, in_order, share
from tests.e2e.reference import _connection, _get, instant_of, sections_of, visible, written

WEIGHTS = {"critical": 5, "high": 3}


async def read_catalogue(url, token, product):
    """Each feature with its user stories expanded, and the names of the sections it stands in."""
    path, found = f"products/{product['id']}", {}
    sections = sections_of(product)
    async with _connection(url, token) as api:
        for section in list(sections) or [None]:
            part = f"{path}/sections/{section}" if section else path
            query = {"includes[]": "user_stories"}
            for feature in await _get(api, f"{part}/features", "features", **query):
                row = found.setdefault(feature["id"], {**feature, "sections": []})
                row["sections"] += [sections[section]] if section else []
    return found


def executed_with(world, feature_id):
    return [
        test
        for test in world["tests"]
        if test["status"] in EXECUTED
        and any(feature["feature_id"] == feature_id for feature in test["features"].values())
    ]


def executed_ids(world):
    return {test["id"] for test in world["tests"] if test["status"] in EXECUTED}


def bugs_of_feature(world, feature_id):
    executed = executed_ids(world)
    return [
        bug
        for bug in world["bugs"]
        if bug["feature_id"] == feature_id and bug["test_id"] in executed
    ]


def gravity(bugs):
    return sum(WEIGHTS.get(bug["severity"], 1) for bug in bugs)


def feature_row(world, feature):
    tests, bugs = executed_with(world, feature["id"]), bugs_of_feature(world, feature["id"])
    return {
        "id": feature["id"],
        "title": visible(feature["title"]),
        "user_stories": len(feature["user_stories"] or []),
        "tests": len(tests),
        "bugs": len(bugs),
        "bugs_per_test": share(len(bugs), len(tests)),
        "fragility": gravity(bugs) / len(tests) if len(tests) > 1 else None,
    }


def fragile_features(world, product_id):
    """Id, tests, bugs and gravity per test of the five worst."""
    tests = [test for test in world["tests"] if test["product_id"] == product_id]
    ids = {found["feature_id"] for test in tests for found in test["features"].values()}
    rows = []
    for id in ids:
        known, bugs = executed_with(world, id), bugs_of_feature(world, id)
        if len(known) > 1 and bugs:
            rows.append((id, len(known), len(bugs), gravity(bugs) / len(known)))
    return sorted(rows, key=lambda row: (-row[3], row[0]))[:5]


def feature_summary(world, product, feature, now, zone):
    row = feature_row(world, feature)
    stories = sorted(feature["user_stories"] or [], key=lambda story: story["id"])
    return {
        **row,
        "product_id": product["id"],
        "product": product["name"],
        "in_catalogue": True,
        "description": visible(feature["description"]),
        "how_to_find": visible(feature["howtofind"]),
        "sections": sorted(feature["sections"]),
        "user_stories": [
            {"id": story["id"], "title": visible(story["title"]), "path": visible(story["path"])}
            for story in stories
        ],
        "bugs": figures(bugs_of_feature(world, feature["id"])),
        "trend": trend(world, feature["id"], now, zone),
        "latest_tests": latest_tests(world, feature["id"]),
    }


def trend(world, feature_id, now, zone):
    """The six months up to that of `now`, by the test's end."""
    current = now.astimezone(zone).strftime("%Y-%m")
    months = [current]
    while len(months) < 6:
        year, month = map(int, months[0].split("-"))
        months.insert(0, f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02}")
    tests, bugs = executed_with(world, feature_id), bugs_of_feature(world, feature_id)
    ends = {test["id"]: test["end_at"] for test in world["tests"]}
    return [
        {
            "month": month,
            "partial": month == current,
            "tests": len([test for test in tests if month_of(test["end_at"], zone) == month]),
            "bugs": len([bug for bug in bugs if month_of(ends[bug["test_id"]], zone) == month]),
        }
        for month in months
    ]


def month_of(instant, zone):
    return instant and instant_of(instant).astimezone(zone).strftime("%Y-%m")


def latest_tests(world, feature_id):
    tests = [
        test
        for test in world["tests"]
        if any(feature["feature_id"] == feature_id for feature in test["features"].values())
    ]
    return [
        {
            **{name: test[name] for name in ("id", "title", "status", "end_at")},
            "bugs": len(
                [b for b in bugs_of_test(world, test["id"]) if b["feature_id"] == feature_id]
            ),
        }
        for test in in_order(tests, lambda test: test["end_at"], descending=True)[:5]
    ]


def story_rows(catalogue):
    """By feature, stories without one last."""
    return [
        {
            "id": story["id"],
            "title": visible(story["title"]),
            "path": visible(story["path"]),
            "feature_id": feature_id,
            "feature": visible(catalogue[feature_id]["title"]),
        }
        for feature_id in sorted(catalogue)
        for story in sorted(catalogue[feature_id]["user_stories"], key=lambda story: story["id"])
    ]


def executed_stories(test, alone, paths):
    """The stories of a test in the order of its features, as TestIO's answer about it tells."""
    fared = {feature["id"]: feature for feature in alone["features"]}
    return [
        {
            "id": story["id"],
            "title": visible(story["title"]),
            "path": paths.get(story["id"]),
            "feature_id": fared[id]["feature_id"],
            "feature": visible(fared[id]["title"]),
            "execution_status": story.get("execution_status"),
            "testers": story.get("tested_by_count"),
            "bugs": story.get("bugs_found"),
            "bug_ids": story.get("bug_ids", []),
        }
        for id in sorted(test["features"])
        for story in map(as_object, fared[id]["user_stories"] or [])
    ]


def as_object(story):
    """Some stories are nothing but a title."""
    return {"id": None, "title": story} if isinstance(story, str) else story


def tester_rows(world, is_wanted):
    """Of those who reported a bug in a test that is wanted."""
    tests = {test["id"]: test for test in world["tests"] if is_wanted(test)}
    bugs = [bug for bug in world["bugs"] if bug["test_id"] in tests and bug["reporter"]]
    rows = {}
    for name in {bug["reporter"] for bug in bugs}:
        theirs = [bug for bug in bugs if bug["reporter"] == name]
        known = [bug for bug in theirs if tests[bug["test_id"]]["status"] in EXECUTED]
        statuses = counted(bug["status"] for bug in known)
        accepted = statuses.get("accepted", 0) + statuses.get("auto_accepted", 0)
        rows[name] = {
            "name": name,
            "type": "tester",
            "bugs": len(known),
            **{word: statuses.get(word, 0) for word in ("accepted", "auto_accepted", "rejected")},
            "acceptance_rate": share(accepted, len(known)),
            "critical": len([bug for bug in known if bug["severity"] == "critical"]),
            "tests": len({bug["test_id"] for bug in known}),
            "last_activity": latest(bug["reported_at"] for bug in theirs),
        }
    return rows


def customer_rows(world, now, is_wanted):
    """Of those who created or submitted a test that is wanted."""
    tests = [test for test in world["tests"] if is_wanted(test)]
    roles = ("created_by", "submitted_by")
    rows = {}
    for name in {test[role] for test in tests for role in roles if test[role]}:
        theirs = [test for test in tests if name in (test["created_by"], test["submitted_by"])]
        dates = [test[date] for test in theirs for date in ("start_at", "end_at") if test[date]]
        rows[visible(name)] = {
            "name": visible(name),
            "type": "customer",
            "tests_created": len([test for test in tests if test["created_by"] == name]),
            "tests_submitted": len([test for test in tests if test["submitted_by"] == name]),
            "last_activity": latest(date for date in dates if date <= written(now)),
        }
    return rows


def latest(instants):
    return max((instant for instant in instants if instant), default=None)


def earliest(instants):
    return min((instant for instant in instants if instant), default=None)


def tester_summary(world, name):
    row = tester_rows(world, lambda test: True)[name]
    executed = executed_ids(world)
    theirs = [bug for bug in world["bugs"] if bug["reporter"] == name]
    known = [bug for bug in theirs if bug["test_id"] in executed]
    products = counted(bug["product_id"] for bug in known)
    names = {product["id"]: product["name"] for product in world["products"]}
    return {
        **{key: row[key] for key in ("name", "type", "tests", "last_activity")},
        "first_activity": earliest(bug["reported_at"] for bug in theirs),
        "bugs": figures(known),
        "products": [
            {
                "id": id,
                "name": names[id],
                "bugs": number,
                "tests": len({bug["test_id"] for bug in known if bug["product_id"] == id}),
            }
            for id, number in sorted(products.items(), key=lambda entry: (-entry[1], entry[0]))
        ],
    }


def customer_summary(world, now, name):
    row = customer_rows(world, now, lambda test: True)[name]
    theirs = [test for test in world["tests"] if name in (test["created_by"], test["submitted_by"])]
    dates = [test[date] for test in theirs for date in ("start_at", "end_at") if test[date]]
    products = [
        {
            "id": product["id"],
            "name": product["name"],
            "tests_created": number_of(theirs, product, "created_by", name),
            "tests_submitted": number_of(theirs, product, "submitted_by", name),
        }
        for product in world["products"]
    ]
    active = [row for row in products if row["tests_created"] or row["tests_submitted"]]
    return {
        **row,
        "first_activity": earliest(date for date in dates if date <= written(now)),
        "products": sorted(active, key=lambda row: (-row["tests_created"], row["id"])),
    }


def number_of(tests, product, role, name):
    return len([t for t in tests if t["product_id"] == product["id"] and t[role] == name])


def ranked(rows, key, *, descending):
    """By the key, what has none last; ids are not TestIO's, so ties are in the order given."""
    numbers = count()
    with_ids = [{**row, "id": next(numbers)} for row in rows]
    return in_order(with_ids, key, descending=descending)
