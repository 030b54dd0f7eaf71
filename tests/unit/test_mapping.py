"""What TestIO sends, in our words."""

import pytest

from testio_mcp.api.payloads import (
    BugPayload,
    FeaturePayload,
    ProductPayload,
    RejectReasonPayload,
    TestFeaturePayload,
    TestPayload,
    UserStoryPayload,
)
from testio_mcp.sync import mapping
from testio_mcp.tables import (
    Bug,
    BugDetails,
    BugDevice,
    Feature,
    Product,
    RejectReason,
    Test,
    TestDetails,
    TestFeature,
    UserStory,
)

INVISIBLE = "a\u200bb\u202ec\u0000"


def bug(**fields):
    required = {
        "id": 1,
        "title": "Crash",
        "severity": "low",
        "status": "forwarded",
        "test": {"id": 5},
    }
    return BugPayload.model_validate(required | fields)


def round_of(**fields):
    return TestPayload.model_validate({"id": 1, "title": "Round", "status": "running"} | fields)


def product(**fields):
    return ProductPayload.model_validate({"id": 1, "name": "Shop"} | fields)


def commented(*bodies):
    comments = [{"id": number, "body": body} for number, body in enumerate(bodies)]
    return bug(status="rejected", comments=comments)


@pytest.mark.parametrize(
    ("status", "auto_accepted", "ours"),
    [
        ("forwarded", None, "open"),
        ("accepted", None, "accepted"),
        ("accepted", False, "accepted"),
        ("accepted", True, "auto_accepted"),
        ("rejected", True, "rejected"),
        ("forwarded", True, "open"),
        ("parked", None, "parked"),
        ("auto_accepted", None, "auto_accepted"),
    ],
)
def test_automatic_acceptance_is_told_apart_and_forwarded_bugs_are_open(
    status, auto_accepted, ours
):
    assert mapping.bug_row(bug(status=status, auto_accepted=auto_accepted), 1, {})["status"] == ours


@pytest.mark.parametrize(
    ("payload", "sections"),
    [
        ({}, {}),
        ({"sections_with_default": [{"id": 7, "name": "General"}]}, {}),
        ({"sections": [{"id": 8, "name": "Retail"}]}, {8: "Retail"}),
        (
            {
                "sections": [{"id": 8, "name": "Retail"}],
                "sections_with_default": [
                    {"id": 7, "name": "General"},
                    {"id": 8, "name": "Retail"},
                ],
            },
            {7: "General", 8: "Retail"},
        ),
        ({"sections_with_default": [{"id": 7}, {"id": 8}]}, {7: None, 8: None}),
        ({"sections": [8, 9]}, {8: None, 9: None}),
    ],
    ids=["none", "default only", "no default", "both", "two with default", "bare ids"],
)
def test_a_lone_default_section_is_none(payload, sections):
    assert mapping.sections_of(product(**payload)) == sections


REASONS = {"not a bug at all": "NOT_A_BUG", "out of scope": "SCOPE"}


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        ([], None),
        (["Thank you"], None),
        (["Out of scope"], "SCOPE"),
        (["Thanks!\n\nThis is OUT  OF\nSCOPE, sorry."], "SCOPE"),
        (["Out of\u200b scope"], "SCOPE"),
        (["Thank you", "It is not a bug at all."], "NOT_A_BUG"),
        ([None], None),
    ],
)
def test_the_reason_of_a_rejection_is_found_in_the_comments(bodies, reason):
    assert mapping.rejection_reason(commented(*bodies), REASONS) == reason


def test_a_bug_that_is_not_rejected_has_no_reason():
    accepted = commented("Out of scope").model_copy(update={"status": "accepted"})
    assert mapping.bug_row(accepted, 1, REASONS)["rejection_reason"] is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("external", "custom"), ("rapid", "rapid"), ("lunar", "lunar"), (None, None)],
)
def test_external_tests_are_called_custom(theirs, ours):
    assert mapping.test_row(round_of(testing_type=theirs), 1)["testing_type"] == ours


def test_steps_are_a_line_each():
    row = mapping.bug_details_row(bug(steps=["Open\nthe page", "Press"]))
    assert row["steps"] == "Open the page\nPress"
    assert mapping.bug_details_row(bug(steps="Open"))["steps"] == "Open"
    assert mapping.bug_details_row(bug(steps=[]))["steps"] is None


def test_a_device_is_a_row_for_each_of_its_browsers():
    devices = [
        {"category": "Computers", "operating_system": "Windows", "browsers": ["Edge", "Firefox"]},
        {"devices": ["Pixel 8", "Pixel 9"], "operating_system": "Android"},
    ]
    found = [
        (row["position"], row["device"], row["operating_system"], row["model"], row["browser"])
        for row in mapping.bug_device_rows(bug(devices=devices))
    ]
    assert found == [
        (0, 0, "Windows", None, "Edge"),
        (1, 0, "Windows", None, "Firefox"),
        (2, 1, "Android", "Pixel 8, Pixel 9", None),
    ]


def test_answers_of_a_report_are_text_whatever_they_were():
    data = [
        {"key": "How often?", "value": "always"},
        {"key": "Where?", "value": ["here", None, 3]},
        {"key": "Why?", "value": None},
        {"key": "Sure?", "value": True},
    ]
    row = mapping.bug_details_row(bug(report={"content": {"data": data}}))
    assert [answer["answer"] for answer in row["report_answers"]] == [
        "always",
        "here, 3",
        None,
        "True",
    ]
    assert mapping.bug_details_row(bug(report={"content": None}))["report_answers"] == []


def test_severities_are_asked_for_unless_switched_off():
    row = mapping.test_details_row(
        round_of(enable_low=False, enable_high=True, allowed_bug_types=["visual"])
    )
    assert row["allowed_bugs"] == {"severities": ["high", "critical"], "types": ["visual"]}


def test_a_feature_has_the_sections_it_names_and_those_it_was_listed_in():
    payload = FeaturePayload.model_validate({"id": 1, "title": "Cart", "section_ids": [3, 1]})
    assert mapping.feature_row(payload, 1, [2, 1])["section_ids"] == [1, 2, 3]


@pytest.mark.parametrize("title", [None, ""])
def test_what_has_no_title_gets_one(title):
    feature = FeaturePayload.model_validate({"id": 1, "title": title})
    in_test = TestFeaturePayload.model_validate({"id": 1, "feature_id": 2, "title": title})
    story = UserStoryPayload.model_validate({"id": 1, "title": title})
    found = [
        mapping.feature_row(feature, 1, []),
        mapping.lost_feature_row(in_test, 1),
        mapping.test_feature_row(in_test, 1),
        mapping.user_story_row(story, 1, None, None),
    ]
    assert {row["title"] for row in found} == {mapping.UNTITLED}


def test_a_story_without_a_title_is_called_by_its_path():
    story = UserStoryPayload.model_validate({"id": 1, "path": "cart/pay"})
    assert mapping.user_story_row(story, 1, None, None)["title"] == "cart/pay"


@pytest.mark.parametrize("field", ["id", "reason key"])
def test_a_reason_without_a_name_is_called_by_its_key(field):
    assert mapping.reason_row(RejectReasonPayload(key=field))["name"] == field


def every_row():
    """A row of each kind, from payloads whose every text is dirty."""
    text = INVISIBLE
    feature = {"id": 1, "feature_id": 2, "title": text, "description": text, "howtofind": text}
    feature["user_stories"] = [text, {"id": 3, "title": text}]
    device = {"category": text, "vendor": text, "devices": [text], "browsers": [text]}
    device |= {"operating_system": text, "operating_system_version": text}
    environment = {"id": 1, "title": text, "url": f"https://shop.example/{text}"}
    dirty_test = round_of(
        title=text,
        goal=text,
        instructions=text,
        out_of_scope=text,
        review_status=text,
        allowed_bug_types=[text],
        features=[feature],
        requirements=[device],
        test_environment=environment,
        attachments=[{"id": 1, "url": text}],
    )
    dirty_bug = bug(
        title=text,
        language=text,
        location=text,
        steps=[text],
        expected_result=text,
        actual_result=text,
        comments=[{"id": 1, "body": text, "author": text}],
        devices=[device],
        attachments=[{"id": 1, "url": text}],
        report={"content": {"data": [{"key": text, "value": text}]}},
    )
    story = UserStoryPayload(id=1, title=text, path=text)
    reason = RejectReasonPayload(key="key", name=text, default_comment=text)
    described = {"name": text, "description": text, "sections": [{"id": 1, "name": text}]}
    return [
        (Product, mapping.product_row(product(**described))),
        (Feature, mapping.feature_row(FeaturePayload.model_validate(feature), 1, [])),
        (Feature, mapping.lost_feature_row(dirty_test.features[0], 1)),
        (UserStory, mapping.user_story_row(story, 1, None, None)),
        (RejectReason, mapping.reason_row(reason)),
        (Test, mapping.test_row(dirty_test, 1)),
        (TestDetails, mapping.test_details_row(dirty_test)),
        (TestFeature, mapping.test_feature_row(dirty_test.features[0], 1)),
        (Bug, mapping.bug_row(dirty_bug, 1, {})),
        (BugDetails, mapping.bug_details_row(dirty_bug)),
        (BugDevice, mapping.bug_device_rows(dirty_bug)[0]),
    ]


def texts(value):
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from texts(inner)


ROWS = [pytest.param(*pair, id=pair[0].__name__) for pair in every_row()]


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_all_text_comes_out_clean(table, row):
    assert [text for text in texts(row) if INVISIBLE in text] == []


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_rows_have_only_columns_of_their_table(table, row):
    assert row.keys() <= table.model_fields.keys()
