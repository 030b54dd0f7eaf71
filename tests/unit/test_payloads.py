"""What is forgiven in the JSON that TestIO sends, and what is not."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from testio_mcp.api.forms import problem_of
from testio_mcp.api.payloads import (
    BugPayload,
    EnvironmentPayload,
    FeaturePayload,
    ProductPayload,
    RejectReasonPayload,
    TestPayload,
    UserStoryExecutionPayload,
    UserStoryPayload,
    without_secrets,
)

PRODUCT = {"id": 7, "name": "Shop"}
TEST = {"id": 1, "title": "Checkout", "status": "running"}
BUG = {"id": 3, "title": "Crash", "severity": "high", "status": "accepted", "test": {"id": 1}}
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def read(model, raw, **more):
    payload, left_out = model.read({**raw, **more})
    assert left_out == ()
    return payload


def problem(model, raw):
    with pytest.raises(ValidationError) as caught:
        model.read(raw)
    return problem_of(caught.value)


def without(raw, field):
    return {name: value for name, value in raw.items() if name != field}


@pytest.mark.parametrize(
    ("model", "raw"),
    [
        (ProductPayload, PRODUCT),
        (TestPayload, TEST),
        (BugPayload, BUG),
        (FeaturePayload, {"id": 1}),
        (UserStoryPayload, {"id": 1}),
        (UserStoryExecutionPayload, {"id": 1}),
        (RejectReasonPayload, {"key": "unclear"}),
    ],
)
def test_everything_that_is_not_required_may_be_missing_or_null(model, raw):
    optional = {name: None for name in model.model_fields if name not in raw}
    assert read(model, raw) == read(model, raw, **optional)


@pytest.mark.parametrize(
    ("model", "raw", "fields"),
    [
        (ProductPayload, PRODUCT, ["id", "name"]),
        (TestPayload, TEST, ["id", "title", "status"]),
        (BugPayload, BUG, ["id", "title", "severity", "status", "test"]),
        (RejectReasonPayload, {"key": "unclear"}, ["key"]),
    ],
)
def test_what_is_required_may_not_be_missing_null_or_of_another_type(model, raw, fields):
    for field in fields:
        assert problem(model, without(raw, field)).startswith(f"{field}: ")
        assert problem(model, {**raw, field: None}).startswith(f"{field}: ")
        assert problem(model, {**raw, field: ["?"]}).startswith(f"{field}: ")
        assert problem(model, {**raw, field: 1.5}).startswith(f"{field}: ")


@pytest.mark.parametrize("id", [2**63, -1, "12", "x", 1.0, True, None, [], 10**30])
def test_an_id_is_an_integer_that_sqlite_can_hold(id):
    assert problem(TestPayload, {**TEST, "id": id}).startswith("id: ")
    assert problem(BugPayload, {**BUG, "test": {"id": id}}).startswith("test.id: ")


def test_the_largest_id_is_read():
    assert read(TestPayload, TEST, id=2**63 - 1).id == 2**63 - 1


@pytest.mark.parametrize("raw", [None, "text", 5, []])
def test_what_is_no_object_is_no_item(raw):
    assert problem(BugPayload, raw) == "item: Not an object"


def test_unknown_fields_and_words_pass():
    bug = read(BugPayload, BUG, severity="cosmic", status="pondered", mood={"a": 1})
    assert (bug.severity, bug.status) == ("cosmic", "pondered")
    assert not hasattr(bug, "mood")


@pytest.mark.parametrize(
    "raw",
    [
        {"title": "Checkout"},
        {"test_title": "Checkout"},
        {"title": "Checkout", "test_title": "Other"},
        {"title": None, "test_title": "Checkout"},
        {"title": "", "test_title": "Checkout"},
    ],
)
def test_a_test_has_its_title_under_either_name(raw):
    assert read(TestPayload, {"id": 1, "status": "running"}, **raw).title == "Checkout"


@pytest.mark.parametrize("field", ["goal", "instructions", "out_of_scope"])
def test_the_text_form_without_html_wins_where_it_is_sent(field):
    def read_from(**texts):
        return getattr(read(TestPayload, TEST, **texts), field)

    html, text = {field: "<p>Pay</p>"}, {f"{field}_text": "Pay"}
    assert read_from(**html) == read_from(**html, **{f"{field}_text": None}) == "<p>Pay</p>"
    assert read_from(**text) == read_from(**html, **text) == "Pay"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["Open", "Pay"], ["Open", "Pay"]),
        ("1. Open\n2. Pay", ["1. Open\n2. Pay"]),
        ("", []),
        (None, []),
        (["Open", None, 3], ["Open", "3"]),
    ],
)
def test_steps_are_a_list_however_they_are_sent(steps, expected):
    assert read(BugPayload, BUG, steps=steps).steps == expected


def test_user_stories_are_objects_texts_or_nothing():
    stories = ["Pay by card", {"id": 5, "path": "Pay > 1", "title": "Pay later"}, None]
    features = [
        {"id": 1, "feature_id": 2, "user_stories": stories},
        {"id": 2, "user_stories": None},
    ]
    first, second = read(TestPayload, TEST, features=features).features
    assert [(story.id, story.title) for story in first.user_stories] == [
        (None, "Pay by card"),
        (5, "Pay later"),
    ]
    assert second.user_stories == []


def test_a_section_is_an_object_or_its_id():
    assert read(TestPayload, TEST, section={"id": 4, "name": "Web"}).section.name == "Web"
    assert read(TestPayload, TEST, section=4).section.id == 4
    product = read(ProductPayload, PRODUCT, sections=[4, {"id": 5}])
    assert [section.id for section in product.sections] == [4, 5]


def test_people_are_objects_or_names():
    assert read(BugPayload, BUG, author="Ada").author.name == "Ada"
    assert read(BugPayload, BUG, author={"name": "Ada"}).author.name == "Ada"
    assert read(TestPayload, TEST, created_by={"name": "Ada"}).created_by == "Ada"


def test_devices_are_named_by_lists_texts_or_objects():
    device = {"devices": "iPhone 15", "browsers": [{"name": "Safari"}, "Chrome"]}
    [read_device] = read(BugPayload, BUG, devices=device).devices
    assert (read_device.devices, read_device.browsers) == (["iPhone 15"], ["Safari", "Chrome"])


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-05T12:00:00Z",
        "2026-10-05T14:00:00+02:00",
        "2026-10-05T17:30:00.000+0530",
        "2026-10-05T07:00:00-05:00",
        "2026-10-05T12:00:00",
        "2026-10-05 12:00:00 UTC",
        "2026-10-05 14:00:00 +0200",
        "2026-10-05 07:00:00 -0500",
    ],
)
def test_dates_of_any_offset_become_utc_and_naive_ones_are(text):
    end = read(TestPayload, TEST, end_at=text).end_at
    assert (end, end.tzinfo) == (NOON, UTC)


def test_an_empty_date_is_none():
    assert read(BugPayload, BUG, reported_at="").reported_at is None


@pytest.mark.parametrize("value", ["soon", "0001-01-01T00:00:00+14:00", {"at": 1}])
def test_a_date_that_makes_no_sense_is_left_out_and_said(value):
    bug, left_out = BugPayload.read({**BUG, "reported_at": value})
    assert (bug.reported_at, left_out) == (None, ("reported_at",))


def test_an_optional_field_in_an_unknown_form_costs_itself_only():
    bug, left_out = BugPayload.read(
        {**BUG, "language": {"code": "en"}, "devices": ["?"], "location": "Cart"}
    )
    assert left_out == ("devices", "language")
    assert (bug.language, bug.devices, bug.location) == (None, [], "Cart")


@pytest.mark.parametrize(
    ("model", "raw", "field"),
    [
        (TestPayload, TEST, "features"),
        (TestPayload, TEST, "product"),
        (BugPayload, BUG, "test_feature"),
        (BugPayload, BUG, "product"),
        (ProductPayload, PRODUCT, "sections"),
        (FeaturePayload, {"id": 1}, "user_stories"),
    ],
)
def test_a_broken_relation_is_never_taken_for_none(model, raw, field):
    assert problem(model, {**raw, field: [{"id": "?"}]}).startswith(field)


def test_a_flag_that_is_null_is_off():
    bug = read(BugPayload, BUG, known=None, auto_accepted=None)
    assert (bug.known, bug.auto_accepted) == (False, False)


def test_answers_of_a_custom_report_are_read():
    report = {
        "custom_report_configuration_id": 300,
        "content": {"data": [{"key": "How often?", "value": ["always"]}]},
    }
    [answer] = read(BugPayload, BUG, report=report).report.content.data
    assert (answer.key, answer.value) == ("How often?", ["always"])


def test_a_problem_names_fields_and_never_values():
    text = problem(
        BugPayload,
        {**BUG, "id": "private-id", "test": {"id": "private"}, "status": {"private": 1}},
    )
    assert "private" not in text
    assert [part.split(":")[0] for part in text.split("; ")] == ["id", "status", "test.id"]


def test_a_problem_stays_short():
    text = problem(TestPayload, {**TEST, "features": [{"id": None}] * 9})
    assert text.count("features.") == 5
    assert text.endswith("; and 4 more")


def test_credentials_have_no_field():
    assert set(EnvironmentPayload.model_fields) == {"id", "title", "url"}


def test_credentials_in_the_address_of_an_environment_are_cut_out():
    environment = {"url": "https://eve:hunter2@shop.example/?next=a@b"}
    payload = read(TestPayload, TEST, test_environment=environment)
    assert payload.test_environment.url == "https://shop.example/?next=a@b"


def test_a_raw_test_is_copied_without_credentials():
    environment = {
        "id": 1,
        "title": "Staging",
        "url": "https://eve:hunter2@shop.example/",
        "username": "eve",
        "password": "hunter2",
        "access": "VPN",
        "hosts": [{"name": "a", "password": "hunter2"}],
    }
    raw = {**TEST, "username": "kept", "test_environment": environment}
    before = deepcopy(raw)
    assert without_secrets(raw) == {
        **TEST,
        "username": "kept",
        "test_environment": {
            "id": 1,
            "title": "Staging",
            "url": "https://shop.example/",
            "hosts": [{"name": "a"}],
        },
    }
    assert raw == before


@pytest.mark.parametrize("raw", [TEST, {**TEST, "test_environment": None}])
def test_a_raw_test_without_environment_is_copied_as_it_is(raw):
    copied = without_secrets(raw)
    assert copied == raw
    assert copied is not raw
