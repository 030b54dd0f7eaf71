"""The sandbox's data: reproducible, complete in its kinds, and of the promised size."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from testio_mcp.sandbox import Sandbox, Scale, World
from testio_mcp.sandbox.plots import INJECTION, NOISY_TESTER
from testio_mcp.sandbox.reviews import REJECT_REASONS

ANCHOR = datetime(2026, 11, 21, 3, tzinfo=UTC)
NOT_RUN = {"initialized", "customer_finalized", "waiting", "cancelled"}


@cache
def world(seed=1, scale=Scale.SMALL):
    """Shared by tests that only read."""
    return World(scale, seed, ANCHOR)


def ids_of_tests(world):
    return [id_ for product_id in world.product_ids() for id_ in world.test_ids(product_id)]


def read_tests(world):
    return [world.test(id_) for id_ in ids_of_tests(world)]


def read_bugs(world):
    return [bug for id_ in ids_of_tests(world) for bug in world.bugs(id_)]


def bugs_of_the_first_product(world):
    return [bug for id_ in world.test_ids(world.product_ids()[0]) for bug in world.bugs(id_)]


@cache
def every_test():
    return read_tests(world())


@cache
def every_bug():
    return read_bugs(world())


def age(text):
    return ANCHOR - datetime.fromisoformat(text)


def share(found, of):
    return len(found) / len(of)


def test_the_same_seed_gives_the_same_world_byte_for_byte():
    again = World(Scale.SMALL, 1, ANCHOR)
    assert json.dumps(read_tests(again)) == json.dumps(every_test())
    assert json.dumps(read_bugs(again)) == json.dumps(every_bug())


def test_the_order_of_reading_does_not_change_what_is_read():
    again = World(Scale.SMALL, 1, ANCHOR)
    backwards = [again.bug(bug["id"]) for bug in reversed(every_bug())]
    assert backwards[::-1] == every_bug()


def test_another_seed_gives_another_world():
    assert read_bugs(world(seed=2)) != every_bug()


def test_another_anchor_moves_all_dates():
    later = World(Scale.SMALL, 1, ANCHOR + timedelta(days=1))
    first = later.test_ids(1001)[5]
    assert later.test(first)["end_at"] != world().test(first)["end_at"]


def test_an_anchor_needs_a_time_zone():
    with pytest.raises(ValueError, match="time zone"):
        Sandbox(anchor=ANCHOR.replace(tzinfo=None))


def test_the_first_product_is_the_nordwind_shop():
    product = world().product(world().product_ids()[0])
    assert (product.name, product.type) == ("Nordwind Shop", "website")


@pytest.mark.parametrize("seed", range(1, 6))
def test_small_has_about_sixty_tests_and_nine_hundred_bugs(seed):
    small = world(seed)
    ids = ids_of_tests(small)
    assert len(small.product_ids()) == 4
    assert len(ids) == 60
    assert sum(len(small.bug_ids(id_)) for id_ in ids) == pytest.approx(900, rel=0.15)


@pytest.mark.parametrize(
    ("scale", "products", "tests", "bugs"),
    [(Scale.MEDIUM, 20, 2_000, 20_000), (Scale.LARGE, 100, 50_000, 1_000_000)],
)
def test_larger_scales_have_the_size_they_promise(scale, products, tests, bugs):
    large = world(1, scale)
    every = ids_of_tests(large)
    sample = every[:: len(every) // 1_000]
    planned = sum(large.facts(test_id).bugs for test_id in sample) / len(sample)
    assert len(large.product_ids()) == products
    assert len(every) == len(set(every)) == tests
    assert planned * tests == pytest.approx(bugs, rel=0.15)


def test_a_test_has_the_bugs_that_were_planned_for_it():
    ids = world().test_ids(1001)
    assert [len(world().bug_ids(id_)) for id_ in ids] == [world().facts(id_).bugs for id_ in ids]


def test_reading_far_into_a_large_world_keeps_few_things():
    large = World(Scale.LARGE, 1, ANCHOR)
    product_id = large.product_ids()[70]
    page = large.test_ids(product_id)[200:225]
    assert [large.test(id_)["product"]["id"] for id_ in page] == [product_id] * 25
    assert sum(len(large.bugs(id_)) for id_ in page) > 100
    # The product, and the page's tests with their bugs: nothing before it.
    assert large.cached_entries() <= 1 + 2 * len(page)


def test_no_more_than_a_bounded_part_of_a_large_world_is_kept():
    large = World(Scale.LARGE, 1, ANCHOR)
    for test_id in large.test_ids(large.product_ids()[0])[:140]:
        large.bugs(test_id)
    kept = large.cached_entries()
    for test_id in large.test_ids(large.product_ids()[1])[:20]:
        large.bugs(test_id)
    # A product and the facts of twenty tests came, but no more sets of bugs.
    assert large.cached_entries() == kept + 1 + 20


def test_ids_of_one_kind_are_unique():
    for rows in (every_test(), every_bug()):
        assert len({row["id"] for row in rows}) == len(rows)
    test_features = [feature["id"] for test in every_test() for feature in test["features"]]
    assert len(set(test_features)) == len(test_features)


@pytest.mark.parametrize("product_id", [1001, 1002, 1003, 1004])
def test_tests_are_listed_newest_first(product_id):
    ends = [world().test(id_)["end_at"] for id_ in world().test_ids(product_id)]
    instants = [datetime.fromisoformat(end) for end in ends if end]
    assert all(newer > older for newer, older in pairwise(instants))
    assert None not in ends[1:]


def test_every_status_of_a_test_occurs():
    assert {test["status"] for test in every_test()} == {*NOT_RUN, "running", "locked", "archived"}


def test_every_review_status_occurs():
    found = {test["review_status"] for test in every_test()}
    successful = {"review_successful", "review_initialized"}
    assert found == {"not_finalized", "review_failed", *successful}


def test_every_testing_type_occurs():
    found = {test["testing_type"] for test in every_test()}
    assert found == {"coverage", "focused", "rapid", "usability", "external", None}


def test_every_type_of_product_occurs_in_medium_and_four_in_small():
    medium = world(1, Scale.MEDIUM)
    assert {medium.product(id_).type for id_ in medium.product_ids()} == {
        "website",
        "mobile_app_ios",
        "mobile_app_android",
        "mobile_app_windows",
        "streaming_app",
        "gaming",
    }
    assert len({world().product(id_).type for id_ in world().product_ids()}) == 4


def test_every_severity_and_status_of_a_bug_occurs():
    severities = {bug["severity"] for bug in every_bug()}
    assert severities == {"low", "high", "critical", "visual", "content", "custom"}
    assert {bug["status"] for bug in every_bug()} == {"accepted", "rejected", "forwarded"}
    assert {bug["known"] for bug in every_bug()} == {True, False}
    assert any(bug.get("auto_accepted") for bug in every_bug())
    assert all(bug["status"] == "accepted" for bug in every_bug() if bug.get("auto_accepted"))


def test_tests_that_have_not_run_have_no_bugs():
    assert not any(
        world().bug_ids(test["id"]) for test in every_test() if test["status"] in NOT_RUN
    )


def test_tests_run_at_the_anchor_in_several_products():
    running = [test for test in every_test() if test["status"] == "running"]
    assert len({test["product"]["id"] for test in running}) >= 2
    for test in running:
        assert age(test["start_at"]) > timedelta() > age(test["end_at"])


def test_recent_tests_are_locked_and_old_ones_archived():
    for test in every_test():
        if test["status"] == "locked":
            assert timedelta() < age(test["end_at"]) <= timedelta(days=42)
        if test["status"] == "archived" and world().bug_ids(test["id"]):
            assert age(test["end_at"]) > timedelta(days=35)


def test_tests_are_spread_over_a_year_and_a_half():
    ended = [age(test["end_at"]).days for test in every_test() if test["end_at"]]
    assert 450 < max(ended) < 600
    assert min(ended) < 0
    assert {days // 92 for days in ended if days > 0} >= set(range(5))


def test_bugs_are_reported_while_their_test_ran():
    for test in every_test():
        for bug_id in world().bug_ids(test["id"]):
            reported = datetime.fromisoformat(world().bug(bug_id)["reported_at"])
            end = min(datetime.fromisoformat(test["end_at"]), ANCHOR)
            assert datetime.fromisoformat(test["start_at"]) <= reported <= end


def test_open_bugs_are_younger_than_ten_days_and_some_are_critical():
    forwarded = [bug for bug in every_bug() if bug["status"] == "forwarded"]
    assert all(age(bug["reported_at"]) < timedelta(days=10) for bug in forwarded)
    assert any(bug["severity"] == "critical" for bug in forwarded)


def reasons_of(bug):
    bodies = " ".join(comment["body"] for comment in bug["comments"]).lower()
    return [row["key"] for row in REJECT_REASONS if row["default_comment"].lower() in bodies]


def test_most_rejected_bugs_give_one_reason_and_a_few_none():
    rejected = [bug for bug in every_bug() if bug["status"] == "rejected"]
    counts = Counter(len(reasons_of(bug)) for bug in rejected)
    assert set(counts) == {0, 1}
    assert 0 < counts[0] < 0.25 * len(rejected)
    assert {reasons_of(bug)[0] for bug in rejected if reasons_of(bug)} == {
        row["key"] for row in REJECT_REASONS
    }


def test_reasons_stand_in_other_letter_case_and_inside_longer_comments():
    bodies = {comment["body"] for bug in every_bug() for comment in bug["comments"]}
    default = [row["default_comment"] for row in REJECT_REASONS]
    assert any(text.upper() in bodies for text in default)
    assert any(text in body and len(body) > len(text) for text in default for body in bodies)


def test_bugs_that_are_not_rejected_give_no_reason():
    assert not any(reasons_of(bug) for bug in every_bug() if bug["status"] != "rejected")


def test_rare_shapes_of_bugs_occur():
    bugs = every_bug()
    assert any(bug["test_feature"] is None for bug in bugs)
    assert any(isinstance(bug["steps"], str) for bug in bugs)
    assert any(len(bug["devices"]) > 1 for bug in bugs)
    assert any(len(device["browsers"]) > 1 for bug in bugs for device in bug["devices"])
    assert any(bug["severity"] != "custom" and bug.get("report") for bug in bugs)
    assert any(bug["actual_result"] is None for bug in bugs)
    assert any("location" not in bug for bug in bugs)
    assert any(bug["reproductions"] for bug in bugs if "reproductions" in bug)
    assert all("report" in bug for bug in bugs if bug["severity"] == "custom")


def test_rare_shapes_of_tests_occur():
    forms = {("title" in test, "test_title" in test) for test in every_test()}
    assert forms == {(True, True), (True, False), (False, True)}
    assert any(test["end_at"] is None for test in every_test())
    assert any(test["out_of_scope"] is None for test in every_test())
    assert any("section" in test for test in every_test())
    stories = [feature["user_stories"] for test in every_test() for feature in test["features"]]
    assert {type(found) for found in stories} == {list, type(None)}


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\U0001f41b", "<b>", "&amp;"])
def test_awkward_text_occurs(character):
    assert character in json.dumps(every_bug(), ensure_ascii=False)


@pytest.mark.parametrize("scale", list(Scale))
@pytest.mark.parametrize("seed", [1, 2])
def test_one_bug_tries_to_give_orders_to_a_model(scale, seed):
    first = world(seed, scale).product_ids()[0]
    recent = world(seed, scale).test_ids(first)[:10]
    steps = [bug["steps"] for test_id in recent for bug in world(seed, scale).bugs(test_id)]
    assert sum(INJECTION in step for step in steps) == 1


def test_dates_have_different_offsets_and_forms():
    dates = [bug["reported_at"] for bug in every_bug()]
    assert any(date.endswith("Z") for date in dates)
    assert len({datetime.fromisoformat(date).utcoffset() for date in dates}) >= 3


def test_a_test_names_a_feature_that_left_the_catalogue():
    catalogue = {f.id for id_ in world().product_ids() for f in world().features(id_)}
    named = {feature["feature_id"] for test in every_test() for feature in test["features"]}
    assert named - catalogue


def test_environments_hold_credentials_and_nothing_else_does():
    environments = [test.pop("test_environment") for test in read_tests(world())]
    given = [environment for environment in environments if environment]
    assert None in environments
    assert all("s3cr3t-" in row[field] for row in given for field in ("username", "password"))
    assert all("s3cr3t-" in row["access"] for row in given)
    without = [{**test, "test_environment": None} for test in every_test()]
    assert "s3cr3t" not in json.dumps([without, every_bug()])


def test_people_come_from_many_cultures_and_one_name_is_on_both_sides():
    testers = {bug["author"]["name"] for bug in every_bug()}
    customers = {test["created_by"] for test in every_test()}
    assert len(testers) > 60
    assert any(ord(letter) > 0x3000 for name in testers for letter in name)
    medium = world(1, Scale.MEDIUM)
    own = [medium.product(id_) for id_ in medium.product_ids()]
    both = {n for p in own for n in p.testers} & {n for p in own for n in p.customers}
    assert both == {"Inês Carvalho"}
    assert not any(name is None for name in customers)


@pytest.mark.parametrize("scale", [Scale.SMALL, Scale.MEDIUM])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_release_broke_checkout_for_a_month(scale, seed):
    found = world(seed, scale)
    ids = found.test_ids(found.product_ids()[0])
    after = [id_ for id_ in ids if "after release 7.2" in json.dumps(found.test(id_))]
    bugs = [bug for test_id in after for bug in found.bugs(test_id)]
    checkout = [bug for bug in bugs if (bug["feature"] or {}).get("title") == "Checkout"]
    usual = [bug for test_id in ids[20:24] for bug in found.bugs(test_id)]
    assert share([b for b in bugs if b["status"] == "rejected"], bugs) < 0.1
    assert share(checkout, bugs) > 0.35
    assert share([b for b in checkout if b["severity"] == "critical"], checkout) > 0.3
    assert len(bugs) / len(after) > 1.2 * len(usual) / 4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_tester_reports_much_and_is_rejected_mostly(seed):
    bugs = bugs_of_the_first_product(world(seed))
    authors = Counter(bug["author"]["name"] for bug in bugs)
    assert authors.most_common(1)[0][0] == NOISY_TESTER
    own = [bug for bug in bugs if bug["author"]["name"] == NOISY_TESTER]
    assert share([bug for bug in own if bug["status"] == "rejected"], own) > 0.4


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gift_cards_are_fragile(seed):
    bugs = [b for b in bugs_of_the_first_product(world(seed)) if b["feature"]]
    fragile = [bug for bug in bugs if bug["feature"]["title"] == "Gift cards"]
    others = [bug for bug in bugs if bug["feature"]["title"] not in {"Gift cards", "Checkout"}]
    critical = [
        share([bug for bug in found if bug["severity"] == "critical"], found)
        for found in (fragile, others)
    ]
    assert critical[0] > 0.3 > 2 * critical[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_device_is_behind_many_bugs_of_late(seed):
    late, early = [], []
    for bug in bugs_of_the_first_product(world(seed)):
        (late if age(bug["reported_at"]).days < 30 else early).append(bug["devices"][0]["devices"])
    assert late.count("Galaxy S24") / len(late) > 0.3
    assert early.count("Galaxy S24") / len(early) < 0.15
