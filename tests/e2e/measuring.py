"""Figures worked out with plain loops over what TestIO said (reference.py), group by group."""

from itertools import product as every_combination
from statistics import median

from tests.e2e.counting import BUG_STATUSES, EXECUTED, share
from tests.e2e.reference import instant_of

DEVICE_FIELDS = {
    "operating_system": "operating_system",
    "browser": "browser",
    "device_category": "category",
}
OF_BUGS = {
    *("tester", "severity", "bug_status", "rejection_reason", "known"),
    *("reported_week", "reported_month", *DEVICE_FIELDS),
}
DIMENSIONS = (
    *("product", "test", "feature", "tester", "created_by", "severity", "bug_status"),
    *("rejection_reason", "known", "operating_system", "browser", "device_category"),
    *("submitted_by", "testing_type", "test_status", "test_environment"),
    *("week", "month", "quarter", "year", "reported_week", "reported_month"),
)
EVERY_STATUS = {"tests_created", "tests_submitted"}
METRICS = (
    *("test_count", "bug_count", "features_tested", "open_bugs", "known_bugs", "active_testers"),
    *("bugs_per_test", "severity_score", "acceptance_rate", "active_acceptance_rate"),
    *("auto_acceptance_rate", "rejection_rate", "review_rate"),
    *("tests_created", "tests_submitted", "hours_to_first_bug"),
)


def measured(world, zone, names, by=(), wanted=None):
    """By keys, the value of each metric; `wanted` are the arguments of the tool."""
    wanted = wanted or {}
    every = {test["status"] for test in world["tests"]}
    bugs = grouped(
        (key, (test, bug))
        for test, bug in bugs_in(world, wanted)
        for key in keys(by, zone, test, bug, wanted)
    )
    tests = grouped(tests_by_key(world, zone, by, wanted, EXECUTED))
    all_tests = grouped(tests_by_key(world, zone, by, wanted, every))
    found = {key: {} for key in scope_keys(world, zone, by, wanted)}
    of_every_status = all_tests if EVERY_STATUS & set(names) else {}
    for key in found.keys() | bugs.keys() | tests.keys() | of_every_status.keys():
        of_feature = {key[by.index("feature")]} if "feature" in by else None
        found[key] = {
            name: value_of(
                name,
                bugs.get(key, []),
                distinct((all_tests if name in EVERY_STATUS else tests).get(key, [])),
                named_features(of_feature, wanted),
            )
            for name in names
        }
    return found


def grouped(pairs):
    groups = {}
    for key, thing in pairs:
        groups.setdefault(key, []).append(thing)
    return groups


def distinct(tests):
    return list({test["id"]: test for test in tests}.values())


def named_features(of_feature, wanted):
    """The features that count, None for all."""
    sets = [set(features) for features in (of_feature, wanted.get("feature_ids")) if features]
    return set.intersection(*sets) if sets else None


def scope_keys(world, zone, by, wanted):
    """What tests alone give rows for; without dimensions there always is one."""
    if not by:
        return {()}
    if OF_BUGS & set(by):
        return set()
    tests = tests_in(world, wanted, EXECUTED)
    return {key for test in tests for key in keys(by, zone, test, None, wanted)}


def tests_in(world, wanted, default):
    """All that the filters of tests let through."""
    statuses = wanted.get("statuses") or default
    return [
        test
        for test in world["tests"]
        if test["status"] in statuses
        and _is_one_of(test["product_id"], wanted.get("product_ids"))
        and _is_one_of(test["id"], wanted.get("test_ids"))
        and _is_one_of(test["testing_type"], wanted.get("testing_types"))
        and _ends_in(test, wanted.get("bounds"))
        and (not wanted.get("feature_ids") or features_of(test) & set(wanted["feature_ids"]))
    ]


def bugs_in(world, wanted):
    """All that the filters of tests and bugs let through, each with its test."""
    without_features = {**wanted, "feature_ids": ()}
    tests = {test["id"]: test for test in tests_in(world, without_features, EXECUTED)}
    return [
        (tests[bug["test_id"]], bug)
        for bug in world["bugs"]
        if bug["test_id"] in tests
        and _is_one_of(bug["feature_id"], wanted.get("feature_ids"))
        and _is_one_of(bug["status"], wanted.get("bug_statuses"))
        and _is_one_of(bug["severity"], wanted.get("severities"))
    ]


def _is_one_of(value, allowed):
    return not allowed or value in allowed


def _ends_in(test, bounds):
    """From, to, and whether what still runs stays in."""
    if not bounds:
        return True
    start, end, keeps_running = bounds
    if not test["end_at"] or (start and test["end_at"] < start):
        return False
    return not end or test["end_at"] < end or (keeps_running and test["status"] == "running")


def features_of(test):
    return {feature["feature_id"] for feature in test["features"].values()}


def keys(by, zone, test, bug, wanted):
    """The groups that a test, or a bug of it, belongs to."""
    devices = devices_of(bug) if bug and set(by) & set(DEVICE_FIELDS) else [{}]
    found = set()
    for device in devices:
        values = [values_of(name, zone, test, bug, device, wanted) for name in by]
        found |= set(every_combination(*values))
    return found


def devices_of(bug):
    """Each device once for each of its browsers."""
    rows = [
        {**device, "browser": browser}
        for device in bug["details"]["devices"]
        for browser in device["browsers"] or [None]
    ]
    return rows or [dict.fromkeys(("operating_system", "browser", "category"))]


def values_of(name, zone, test, bug, device, wanted):
    if name == "feature":
        contained = features_of(test)
        named = wanted.get("feature_ids") or contained
        return {bug["feature_id"]} if bug else contained & set(named)
    if name in DEVICE_FIELDS:
        return {device[DEVICE_FIELDS[name]] or None}
    if name in OF_BUGS:
        return {value_of_bug(name, bug, zone)}
    return {value_of_test(name, test, zone)}


def value_of_test(name, test, zone):
    if name in {"week", "month", "quarter", "year"}:
        return calendar_unit(name, test["end_at"], zone)
    fields = {"product": "product_id", "test": "id", "test_status": "status"}
    fields |= {"test_environment": "environment"}
    return test[fields.get(name, name)]


def value_of_bug(name, bug, zone):
    match name:
        case "tester":
            return bug["reporter"]
        case "bug_status":
            return bug["status"] if bug["status"] in BUG_STATUSES else "other"
        case "rejection_reason":
            return (bug["reason"] or "(unknown)") if bug["status"] == "rejected" else None
        case "reported_week" | "reported_month":
            return calendar_unit(name.removeprefix("reported_"), bug["reported_at"], zone)
    return bug[name]


def calendar_unit(unit, instant, zone):
    if not instant:
        return None
    day = instant_of(instant).astimezone(zone).date()
    year, week, _ = day.isocalendar()
    return {
        "week": f"{year}-W{week:02}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year}-Q{(day.month - 1) // 3 + 1}",
        "year": f"{day.year}",
    }[unit]


def tests_by_key(world, zone, by, wanted, default):
    """Through bugs where bugs are asked for or grouped by, whatever statuses count."""
    wanted = {**wanted, "statuses": wanted.get("statuses") or default}
    if not (OF_BUGS & set(by) or wanted.get("bug_statuses") or wanted.get("severities")):
        for test in tests_in(world, wanted, default):
            for key in keys(by, zone, test, None, wanted):
                yield key, test
        return
    for test, bug in bugs_in(world, wanted):
        for key in keys(by, zone, test, bug, wanted):
            yield key, test


def value_of(name, pairs, tests, features):
    contained = {id for test in tests for id in features_of(test)}
    of_tests = {
        "test_count": len(tests),
        "tests_created": len([test for test in tests if test["created_by"]]),
        "tests_submitted": len([test for test in tests if test["submitted_by"]]),
        "features_tested": len(contained if features is None else contained & features),
        "bugs_per_test": share(len(pairs), len(tests)),
    }
    if name in of_tests:
        return of_tests[name]
    if name == "hours_to_first_bug":
        return hours_to_first_bug(pairs)
    return of_bugs(name, [bug for _, bug in pairs])


def of_bugs(name, bugs):
    of = {
        status: len([bug for bug in bugs if bug["status"] == status])
        for status in ("open", "accepted", "auto_accepted", "rejected")
    }
    accepted, auto_accepted = of["accepted"], of["auto_accepted"]
    weights = {"critical": 5, "high": 3}
    return {
        "bug_count": lambda: len(bugs),
        "open_bugs": lambda: of["open"],
        "known_bugs": lambda: len([bug for bug in bugs if bug["known"]]),
        "active_testers": lambda: len({bug["reporter"] for bug in bugs} - {None}),
        "severity_score": lambda: sum(weights.get(bug["severity"], 1) for bug in bugs),
        "acceptance_rate": lambda: share(accepted + auto_accepted, len(bugs)),
        "active_acceptance_rate": lambda: share(accepted, len(bugs)),
        "auto_acceptance_rate": lambda: share(auto_accepted, accepted + auto_accepted),
        "rejection_rate": lambda: share(of["rejected"], len(bugs)),
        "review_rate": lambda: share(accepted + of["rejected"], len(bugs)),
    }[name]()


def hours_to_first_bug(pairs):
    first = {}
    for test, bug in pairs:
        if test["start_at"] and bug["reported_at"]:
            start, reported = instant_of(test["start_at"]), instant_of(bug["reported_at"])
            hours = (reported - start).total_seconds() / 3600
            first[test["id"]] = min(hours, first.get(test["id"], hours))
    return median(first.values()) if first else None
