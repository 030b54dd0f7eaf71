"""What happens at TestIO: rare things that a small world lacks, and changes between two syncs."""

from datetime import datetime, timedelta

# Every credential of the sandbox begins like this, and so does the token that tests give it.
SECRET = "s3cr3t"
FIRST, SECOND, THIRD, LAST = 1001, 1002, 1003, 1004
INVISIBLE = "\u200b\u2066\ufeff"
REASON = "This is outside the scope of this test."
WINDOWS = {
    "category": "Computers",
    "vendor": "Dell",
    "devices": "XPS 13",
    "operating_system": "Windows",
    "operating_system_version": "11",
    "browsers": ["Chrome 126", "Edge 126"],
}
ANDROID = {**WINDOWS, "category": "Smartphones", "operating_system": "Android", "browsers": []}
SECRET_ENVIRONMENT = {
    "id": 69_999,
    "title": f"Lab{INVISIBLE}",
    "url": f"https://{SECRET}-user:{SECRET}-password@lab.example/start?page=1",
    "username": f"{SECRET}-user-lab",
    "password": f"{SECRET}-password-lab",
    "access": f"{SECRET}-access-lab",
    "gateway": {"host": "gate.example", "password": f"{SECRET}-password-gate"},
}
# Days on whose first instant, in the zone of the server, a period begins or ends. Some come twice:
# what is wrong at both ends of the last 30 or 90 days would else cancel out.
BOUNDARIES = (
    *("2026-08-19", "2026-08-19", "2026-10-01", "2026-10-18", "2026-10-18"),
    *("2026-11-01", "2026-11-16", "2026-11-17"),
)
# The first test that is added.
ODD_TEST = 100_092


def complicate(world, zone):
    """Before the first sync."""
    test_id = world.add_test(FIRST, status="locked", test_environment=SECRET_ENVIRONMENT)
    for fields in odd_bugs(world.anchor):
        world.add_bug(test_id, **fields)
    # Its last feature comes later than the bugs that name it.
    world.set_field("test", test_id, "features", world.test(test_id)["features"][:-1])
    for turn, status in enumerate(("cancelled", "paused")):
        # Not executed, whatever else is known of them: their bugs count in no rate.
        unusual = {"status": status, "testing_type": ("usability", "pilot")[turn]}
        world.add_bug(world.add_test(SECOND, **unusual), severity="critical")
    for day in BOUNDARIES:
        first = datetime.fromisoformat(day).replace(tzinfo=zone)
        for instant in (first - timedelta(seconds=1), first):
            edge = world.add_test(THIRD, status="archived", end_at=instant, title=f"Edge {instant}")
            world.add_bug(edge, reported_at=instant)


def odd_bugs(anchor):
    thanks, refused = said("Thank you."), said(f"Hello. {REASON.upper()} Bye.")
    return (
        {"devices": [WINDOWS, {**WINDOWS, "operating_system_version": "10"}, ANDROID]},
        {"devices": []},
        {"severity": "blocker", "author": None},
        {"status": "reopened", "severity": "low"},
        {"reported_at": None, "steps": "1. Open the app\n2. Close it"},
        {"reported_at": anchor - timedelta(days=11)},
        {"status": "rejected", "comments": [thanks, refused], "known": True},
        {"status": "rejected", "comments": [said("Not for us.")], "auto_accepted": True},
        {"status": "accepted", "comments": [said(REASON)], "auto_accepted": False},
        {"test_feature": None},
        {"title": f"app{INVISIBLE}les | pears", "steps": [f"Look{INVISIBLE}", "again\nand again"]},
    )


def said(body):
    return {"id": 1, "body": body, "author": {"name": "Viktor Hale"}}


def change(world):
    """Between two syncs; nothing is deleted, because the sync does not notice that yet."""
    running, locked = tests_of(world, FIRST, "running"), tests_of(world, FIRST, "locked")
    hotfix = world.add_test(FIRST, title="Hotfix")
    for severity in ("critical", "custom"):
        world.add_bug(hotfix, severity=severity)
    # The same ones as those of the test that was added first.
    features = enumerate(world.test(hotfix)["features"])
    added = [{**feature, "id": ODD_TEST * 10 + turn} for turn, feature in features]
    world.set_field("test", ODD_TEST, "features", added)
    world.move_test(running[0], "locked")
    world.move_test(tests_of(world, SECOND, "waiting", "customer_finalized")[0], "running")
    for bug_id in bugs_of(world, locked[-1], "forwarded"):
        world.move_bug(bug_id, "accepted", auto_accepted=True)
    world.move_test(locked[-1], "archived")
    review(world, tests_of(world, FIRST, "locked", "running"))
    # A product of which nothing has run any more.
    for test_id in tests_of(world, LAST, "running", "locked", "archived"):
        world.move_test(test_id, "cancelled")


def review(world, test_ids):
    waiting = [bug_id for test_id in test_ids for bug_id in bugs_of(world, test_id, "forwarded")]
    rejected = [bug_id for test_id in test_ids for bug_id in bugs_of(world, test_id, "rejected")]
    first, second, third, fourth, fifth, *_ = waiting
    world.move_bug(first, "rejected", comment=f"{REASON} Sorry.")
    world.move_bug(second, "accepted")
    world.set_field("bug", third, "known", True)
    world.set_field("bug", fourth, "severity", "visual")
    world.set_field("bug", fifth, "devices", [ANDROID, ANDROID])
    for bug_id in rejected[:2]:
        # Its comment still names a reason, but it is not rejected any more.
        world.move_bug(bug_id, "accepted")
    world.set_field("test", test_ids[0], "title", "Another title")


def tests_of(world, product_id, *statuses):
    return [id for id in world.test_ids(product_id) if world.status(id) in statuses]


def bugs_of(world, test_id, status):
    return [id for id, bug in world.bugs_by_id(test_id).items() if bug["status"] == status]
