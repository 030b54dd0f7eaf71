"""What TestIO says over HTTP, row by row; neither this nor counting.py knows the product's code.

Instants are text in one form, `2026-11-16T09:00:00Z`, whose order is the order of time.
"""

import re
import unicodedata
from datetime import UTC, datetime
from itertools import count

import httpx

SECRETS = ("username", "password", "access")


async def read_world(url, token):
    """Everything the API gives, as rows in the form in which answers are expected."""
    async with _connection(url, token) as api:
        world = {"products": [], "features": {}, "stories": {}, "tests": [], "bugs": []}
        world["reasons"] = await _get(api, "bugs/reject_reasons", "reject_reasons")
        world["people"], world["secrets"], world["raw"], world["listed"] = set(), {token}, {}, {}
        for product in await _get(api, "products", "products"):
            world["products"].append(product)
            await _read_catalogue(api, product, world)
            await _read_tests(api, product, world)
            await _read_bugs(api, product, world)
    return world


async def read_alone(url, token, test_ids):
    """The answers about single tests, by id: they tell how features and user stories fared."""
    async with _connection(url, token) as api:
        query = {"includes[]": "user_stories"}
        return {
            id: await _get(api, f"exploratory_tests/{id}", "exploratory_test", **query)
            for id in test_ids
        }


def _connection(url, token):
    headers = {"Authorization": f"Token {token}"}
    return httpx.AsyncClient(base_url=f"{url}/", headers=headers, trust_env=False)


async def _get(api, path, root, **query):
    answer = await api.get(path, params=query)
    answer.raise_for_status()
    return answer.json()[root]


def sections_of(product):
    """Names by id; a lone default section is no section."""
    every = [*product["sections_with_default"], *product["sections"]]
    is_divided = product["sections"] or len(product["sections_with_default"]) > 1
    return {section["id"]: section["name"] for section in every} if is_divided else {}


async def _read_catalogue(api, product, world):
    path, features, stories = f"products/{product['id']}", {}, {}
    for section in list(sections_of(product)) or [None]:
        part = f"{path}/sections/{section}" if section else path
        query = {"section_id": section} if section else {}
        for feature in await _get(api, f"{part}/features", "features"):
            features[feature["id"]] = feature
        for story in await _get(api, f"{path}/user_stories", "user_stories", **query):
            stories[story["id"]] = story
    world["features"][product["id"]] = features
    world["stories"][product["id"]] = stories


async def _read_tests(api, product, world):
    path = f"products/{product['id']}/exploratory_tests"
    for page in count(1):
        query = {"page": page, "per_page": 25, "includes[]": "user_stories"}
        found = await _get(api, path, "exploratory_tests", **query)
        if not found:
            return
        for raw in found:
            world["raw"]["test", raw["id"]] = raw
            world["tests"].append(test_of(raw, product))
            world["people"] |= {("customer", raw[role]) for role in ("created_by", "submitted_by")}
            world["secrets"] |= secrets_of(raw["test_environment"] or {})


async def _read_bugs(api, product, world):
    tests = {test["id"]: test for test in world["tests"]}
    for raw in await _get(api, "bugs", "bugs", filter_product_ids=product["id"]):
        world["raw"]["bug", raw["id"]] = raw
        features = world["features"][product["id"]]
        test = tests[raw["test"]["id"]]
        world["bugs"].append(bug_of(raw, test, features, world["reasons"]))
        named = (raw.get("test_feature") or {}).get("id")
        world["listed"]["bug", raw["id"]] = named in test["features"]
        world["people"].add(("tester", (raw["author"] or {}).get("name")))


def secrets_of(environment):
    return {environment[name] for name in SECRETS if environment.get(name)}


def visible(text):
    """Without what has no shape: zero-width and bidirectional characters; None for nothing."""
    kept = [c for c in text or "" if unicodedata.category(c) not in {"Cf", "Cc"} or c in "\n\t"]
    return "".join(kept) or None


def utc(text):
    return written(datetime.fromisoformat(text)) if text else None


def written(instant):
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(text):
    return datetime.fromisoformat(text)


def test_of(raw, product):
    environment = raw["test_environment"] or {}
    kind = raw["testing_type"]
    grades = [grade for grade in ("low", "high", "critical") if raw[f"enable_{grade}"]]
    return {
        "id": raw["id"],
        "title": visible(raw.get("title") or raw.get("test_title")),
        "product_id": product["id"],
        "product": product["name"],
        "status": raw["status"],
        "review_status": raw["review_status"],
        "testing_type": "custom" if kind == "external" else kind,
        "start_at": utc(raw["start_at"]),
        "end_at": utc(raw["end_at"]),
        "environment": visible(environment.get("title")),
        "environment_url": re.sub("//[^/]*@", "//", environment.get("url", "")) or None,
        "created_by": raw["created_by"],
        "submitted_by": raw["submitted_by"],
        **{name: visible(raw[f"{name}_text"]) for name in ("goal", "instructions", "out_of_scope")},
        "allowed_bugs": {"severities": grades, "types": raw["allowed_bug_types"]},
        "features": {feature["id"]: feature for feature in raw["features"]},
        "requirements": [requirement_of(asked) for asked in raw["requirements"]],
    }


def requirement_of(raw):
    copied = ("category", "vendor", "devices", "operating_system", "operating_system_version")
    return {name: raw.get(name) for name in (*copied, "browsers")}


def bug_of(raw, test, catalogue, reasons):
    reference = raw.get("test_feature") or {}
    listed = catalogue.get(reference.get("feature_id"), {})
    feature = test["features"].get(reference.get("id"), listed)
    reason = reason_of(raw, reasons)
    return {
        "id": raw["id"],
        "title": visible(raw["title"]),
        "severity": raw["severity"],
        "status": status_of(raw),
        "known": raw["known"],
        "product_id": test["product_id"],
        "product": test["product"],
        "test_id": test["id"],
        "test": test["title"],
        "feature_id": reference.get("feature_id"),
        "feature": visible(feature.get("title")),
        "reporter": visible((raw["author"] or {}).get("name")),
        "reported_at": utc(raw["reported_at"]),
        "reason": reason["key"] if reason else None,
        "systems": {device["operating_system"] for device in raw["devices"]},
        "details": details_of(raw, reason),
    }


def status_of(raw):
    if raw["status"] == "accepted" and raw.get("auto_accepted"):
        return "auto_accepted"
    return "open" if raw["status"] == "forwarded" else raw["status"]


def reason_of(raw, reasons):
    """The one whose default comment stands in a comment of a rejected bug."""
    if raw["status"] != "rejected":
        return None
    for comment in raw["comments"]:
        for reason in reasons:
            if reason["default_comment"].lower() in comment["body"].lower():
                return reason
    return None


def details_of(raw, reason):
    """What only the answer about one bug has."""
    report = raw.get("report") or {"content": {"data": []}}
    comments = raw["comments"]
    return {
        "link": f"https://app.test.io/bugs/{raw['id']}",
        "rejection_reason": reason["name"] if reason else None,
        "language": raw["language"],
        "exported_at": utc(raw.get("exported_at")),
        "location": visible(raw.get("location")),
        "expected_result": visible(raw["expected_result"]),
        "actual_result": visible(raw["actual_result"]),
        "steps": steps_of(raw),
        "devices": [device_of(device) for device in raw["devices"]],
        "comments": [
            {"author": comment["author"]["name"], "body": visible(comment["body"])}
            for comment in comments
        ],
        "attachments": [attachment["url"] for attachment in raw["attachments"]],
        "report_answers": [
            {"question": answer["key"], "answer": answer["value"] or None}
            for answer in report["content"]["data"]
        ],
    }


def steps_of(raw):
    """A list in practice, in the guide one text with a step a line; each is shown on one line."""
    steps = raw["steps"]
    every = steps.split("\n") if isinstance(steps, str) else steps
    return [visible(step).replace("\n", " ") for step in every]


def device_of(raw):
    copied = ("category", "vendor", "operating_system", "operating_system_version", "browsers")
    return {"model": raw["devices"], **{name: raw[name] for name in copied}}
