"""What TestIO's answers hold, as the documentation of its API lists it, and how an answer differs.

Written from that document alone. Whatever reads or imitates the API is held against it, so it must
not know how they do it.

In names, `?` marks a field that may be missing or null, `|` two names of which one is enough, and
`…` that there are fields which the document does not name. A list is one shape for all items, a
tuple several allowed shapes, a set the words that are known.
"""

import re
from datetime import datetime


def anything(value):
    return True


def nothing(value):
    return value is None


def text(value):
    return isinstance(value, str)


def number(value):
    return type(value) is int


def flag(value):
    return type(value) is bool


def moment(value):
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


SECTION = {"id": number, "name": text}
PRODUCT_TYPES = {
    "website",
    "mobile_app_ios",
    "mobile_app_android",
    "mobile_app_windows",
    "streaming_app",
    "gaming",
}
PRODUCT = {
    "id": number,
    "name": text,
    "description?": text,
    "type": PRODUCT_TYPES,
    "default_section_id": number,
    "sections": [SECTION],
    "sections_with_default": [SECTION],
    "connection?": anything,
}
STORY = {"id": number, "path": text, "title": text}
# Without `includes[]=user_stories` stories are nothing but text.
FEATURE = {
    "id": number,
    "title": text,
    "description?": text,
    "howtofind?": text,
    "user_stories": [(text, STORY)],
}
RESULTS = {"not_tested", "passed", "failed", "blocked"}
STORY_OF_TEST = {"…": anything}
STORY_WITH_FIGURES = {
    **STORY,
    "feature_id": number,
    "user_story_version_id": number,
    "execution_status": RESULTS,
    "tested_by_count": number,
    "bugs_found": number,
    "bug_ids": [number],
}
FEATURE_OF_TEST = {
    "id": number,
    "feature_id": number,
    "title": text,
    "description?": text,
    "howtofind?": text,
    "enable_default": flag,
    "enable_content?": flag,
    "enable_visual?": flag,
    "user_stories?": [(text, STORY_OF_TEST)],
}
FEATURE_WITH_FIGURES = {
    **FEATURE_OF_TEST,
    "user_stories?": [(text, STORY_WITH_FIGURES)],
    "execution_status": RESULTS,
    "tester_count": number,
    "bugs_found": number,
    "bug_ids": [number],
}
ATTACHMENT = {"id": number, "url": text}
TEST_STATUSES = {
    "initialized",
    "customer_finalized",
    "waiting",
    "running",
    "locked",
    "archived",
    "cancelled",
}
TEST = {
    "id": number,
    "title|test_title": text,
    "status": TEST_STATUSES,
    "review_status?": {
        "not_finalized",
        "review_initialized",
        "review_successful",
        "review_failed",
    },
    "testing_type?": {"coverage", "focused", "rapid", "usability", "external"},
    "start_at?": moment,
    "end_at?": moment,
    "goal?": text,
    "goal_text?": text,
    "instructions?": text,
    "instructions_text?": text,
    "out_of_scope?": text,
    "out_of_scope_text?": text,
    "created_by?": text,
    "submitted_by?": text,
    "enable_low": flag,
    "enable_high": flag,
    "enable_critical": flag,
    "allowed_bug_types": [{"default", "content", "visual"}],
    "product": {"id": number, "…": anything},
    "section?": SECTION,
    "features": [FEATURE_OF_TEST],
    "requirements": [{"category": text, "operating_system": text, "…": anything}],
    "test_environment?": {
        "id": number,
        "title": text,
        "url": text,
        "username?": text,
        "password?": text,
        "access?": text,
        "…": anything,
    },
    "attachments": [ATTACHMENT],
    "demo": flag,
}
TEST_WITH_FIGURES = {
    **TEST,
    "features": [FEATURE_WITH_FIGURES],
    "analytics": {
        "testers_count": number,
        "devices_count": number,
        "total_features": number,
        "tested_features": number,
        "passed_features": number,
        "failed_features": number,
        "total_user_stories": number,
        "tested_user_stories": number,
        "passed_user_stories": number,
        "failed_user_stories": number,
        "blocked_user_stories": number,
        "total_bugs": number,
    },
    "reviews": anything,
}
PERSON = {"name": text}
DEVICE = {
    "category": text,
    "vendor": text,
    "devices": (text, [text]),
    "operating_system": text,
    "operating_system_version?": text,
    "browsers": [text],
}
BUG = {
    "id": number,
    "title": text,
    "severity": {"low", "high", "critical", "visual", "content", "custom"},
    "status": {"accepted", "rejected", "forwarded"},
    "auto_accepted?": flag,
    "known": flag,
    "language": text,
    "location?": text,
    "expected_result?": text,
    "actual_result?": text,
    "steps": (text, [text]),
    "author": PERSON,
    "test": {"id": number, "title": text},
    "product": {"id": number},
    "feature?": {"id": number, "title": text},
    "test_feature?": {"id": number, "feature_id": number},
    "comments": [{"id": number, "body": text, "author": PERSON}],
    "devices": [DEVICE],
    "attachments": [ATTACHMENT],
    "reported_at": moment,
    "exported_at?": moment,
    "report?": {
        "custom_report_configuration_id": number,
        "content": {"data": [{"key": text, "value": (text, nothing)}]},
    },
    "reproductions?": anything,
}
REASON = {"key": text, "name": text, "default_comment": text}
STORIES = {"includes[]"}
# By path: the parameters that may be asked with, and the answer.
ENDPOINTS = {
    "products": (set(), {"products": [PRODUCT]}),
    "products/#": (set(), {"product": PRODUCT}),
    "products/#/exploratory_tests": (
        {"page", "per_page", *STORIES},
        {"exploratory_tests": [TEST]},
    ),
    "exploratory_tests/#": (STORIES, {"exploratory_test": TEST_WITH_FIGURES}),
    "bugs": (
        {"filter_test_cycle_ids", "filter_product_ids", "filter_section_ids", "export_status"},
        {"bugs": [BUG]},
    ),
    "bugs/#": (set(), {"bug": BUG}),
    "bugs/reject_reasons": (set(), {"reject_reasons": [REASON]}),
    "products/#/features": (STORIES, {"features": [FEATURE]}),
    "products/#/sections/#/features": (STORIES, {"features": [FEATURE]}),
    "products/#/user_stories": ({"section_id"}, {"user_stories": [STORY]}),
    "user_story_version_executions": (
        {"page", "per_page", "user_story_ids[]", "order"},
        {
            "user_story_version_executions": [{"…": anything}],
            "meta": {"record_count": number},
        },
    ),
}


def endpoint_of(path):
    return re.sub(r"(?<=/)\d+(?=/|$)", "#", path)


def differences(value, shape, where="answer"):
    """Sentences, none of which quotes a value."""
    if isinstance(shape, dict):
        yield from _of_fields(value, shape, where)
    elif isinstance(shape, list):
        yield from _of_items(value, shape[0], where)
    elif isinstance(shape, tuple):
        if all(list(differences(value, one, where)) for one in shape):
            yield f"{where} has none of its forms"
    elif isinstance(shape, set):
        if not isinstance(value, str) or value not in shape:
            yield f"{where} is a word that is not listed"
    elif not shape(value):
        yield f"{where} is no {shape.__name__}"


def _of_items(value, shape, where):
    if not isinstance(value, list):
        yield f"{where} is no list"
        return
    for item in value:
        yield from differences(item, shape, f"{where}[]")


def _of_fields(value, shape, where):
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    listed = set()
    for field, of_field in shape.items():
        names = field.removesuffix("?").split("|")
        listed |= set(names)
        present = [name for name in names if value.get(name) is not None]
        if not present and not field.endswith("?") and field != "…" and of_field is not anything:
            yield f"{where}.{field} is missing"
        for name in present:
            yield from differences(value[name], of_field, f"{where}.{name}")
    if "…" not in shape:
        yield from (f"{where}.{name} is not listed" for name in sorted(value.keys() - listed))
