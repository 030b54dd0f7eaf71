"""Whether what was recorded, and what the sandbox answers, holds what TestIO documents."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from tests.fields import BUG, ENDPOINTS, PRODUCT, TEST, differences, endpoint_of
from tests.integration.api.calls import TOKEN
from tests.integration.api.recording import BASE_URL, kept

CASSETTES = sorted((Path(__file__).parent / "cassettes").rglob("*.yaml"))
REASONS = "bugs/reject_reasons"
WITH_STORIES = "includes[]=user_stories"


def recorded():
    """Endpoint, names of parameters, status and answer of everything that was recorded."""
    for path in CASSETTES:
        for one in yaml.safe_load(path.read_text())["interactions"]:
            url = urlsplit(one["request"]["uri"])
            endpoint = endpoint_of(url.path.removeprefix(urlsplit(BASE_URL).path + "/"))
            body = json.loads(one["response"]["body"]["string"])
            yield endpoint, set(parse_qs(url.query)), one["response"]["status"]["code"], body


def answers():
    return [(endpoint, body) for endpoint, _, status, body in recorded() if status == 200]


def secrets_of(world):
    """What people wrote, and who they are."""
    for product in world.product_ids():
        yield world.product_row(product)["name"]
        for test in world.test_ids(product):
            row = world.test_row(test)
            names = ("title", "test_title", "created_by", "submitted_by", "goal", "goal_text")
            yield from (row.get(name) for name in names)
            environment = row.get("test_environment") or {}
            yield from (environment.get(name) for name in ("username", "password", "access", "url"))
            for bug in world.bugs(test):
                yield from (bug["title"], bug["author"]["name"], bug["actual_result"])
                yield from (comment["body"] for comment in bug["comments"])
                yield from bug["steps"] if isinstance(bug["steps"], list) else [bug["steps"]]


def test_every_endpoint_is_recorded():
    assert {endpoint for endpoint, _ in answers()} == ENDPOINTS.keys()


def test_nothing_is_asked_with_a_parameter_that_is_not_documented():
    asked = {(endpoint, name) for endpoint, names, *_ in recorded() for name in names}
    assert asked
    assert [one for one in asked if one[1] not in ENDPOINTS[one[0]][0]] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_was_recorded_holds_what_is_documented(endpoint):
    shape = ENDPOINTS[endpoint][1]
    found = [differences(body, shape) for asked, body in answers() if asked == endpoint]
    assert found
    assert [sentence for sentences in found for sentence in sentences] == []


def test_cassettes_hold_no_header_of_a_request_and_one_host():
    for path in CASSETTES:
        for one in yaml.safe_load(path.read_text())["interactions"]:
            assert one["request"]["headers"] == {}
            assert one["request"]["uri"].startswith(f"{BASE_URL}/")
            assert list(one["response"]["headers"]) == ["Content-Type"]


def test_cassettes_hold_nothing_of_a_customer(sandbox):
    # Reasons are the same for every customer, and comments quote them.
    texts = json.dumps([body for endpoint, body in answers() if endpoint != REASONS])
    every = {json.dumps(secret) for secret in secrets_of(sandbox.world) if secret}
    assert len(every) > 500
    assert [secret for secret in every if secret[1:-1] in texts] == []
    assert not any(TOKEN in path.read_text() for path in CASSETTES)


def test_of_an_answer_nothing_is_kept_that_people_wrote(sandbox):
    world = sandbox.world
    rows = [world.product_row(product) for product in world.product_ids()]
    tests = [test for product in world.product_ids() for test in world.test_ids(product)]
    rows += [world.test_with_figures(test, expanded=True) for test in tests]
    rows += [bug for test in tests for bug in world.bugs(test)]
    texts = json.dumps([kept(row) for row in rows])
    every = {json.dumps(secret) for secret in secrets_of(world) if secret}
    assert [secret for secret in every if secret[1:-1] in texts] == []


def test_what_was_kept_once_is_kept_as_it_is():
    every = [body for *_, body in recorded()]
    assert every
    assert [kept(body) for body in every] == every


@pytest.fixture
async def ask(url):
    """The text of the sandbox's answer, past our own client."""
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Token {TOKEN}"}, timeout=60
    ) as http:

        async def ask(path):
            response = await http.get(path)
            assert response.status_code == 200
            return list(differences(response.json(), ENDPOINTS[endpoint_of(path.split("?")[0])][1]))

        yield ask


async def test_the_sandbox_answers_what_is_documented(ask, sandbox):
    world = sandbox.world
    paths = ["products", "bugs/reject_reasons", "user_story_version_executions?page=1"]
    for id in world.product_ids():
        tests = world.test_ids(id)
        product = world.product(id)
        paths += [f"products/{id}", f"products/{id}/exploratory_tests?page=1&per_page=25"]
        paths += [f"products/{id}/exploratory_tests?page=1&{WITH_STORIES}"]
        paths += [f"bugs?filter_product_ids={id}"]
        paths += [f"exploratory_tests/{test}?{WITH_STORIES}" for test in tests[:5]]
        paths += [f"exploratory_tests/{test}" for test in tests[:2]]
        paths += [f"bugs/{bug}" for test in tests for bug in world.bug_ids(test)[:1]]
        for section in product.sections:
            of = f"products/{id}/sections/{section.id}/features"
            paths += [of, f"{of}?{WITH_STORIES}"]
            paths += [f"products/{id}/user_stories?section_id={section.id}"]
        if not product.sections:
            paths += [f"products/{id}/features", f"products/{id}/features?{WITH_STORIES}"]
            paths += [f"products/{id}/user_stories"]
    assert {endpoint_of(path.split("?")[0]) for path in paths} == ENDPOINTS.keys()
    assert {path: found for path in paths if (found := await ask(path))} == {}


@pytest.mark.parametrize(
    ("kind", "field", "value", "said"),
    [
        ("test", "mood", "sunny", "answer.mood is not listed"),
        ("test", "status", "paused", "answer.status is a word that is not listed"),
        ("test", "product", None, "answer.product is missing"),
        ("test", "attachments", {}, "answer.attachments is no list"),
        ("test", "attachments", [{"id": "1", "url": ""}], "answer.attachments[].id is no number"),
        ("bug", "steps", 7, "answer.steps has none of its forms"),
        ("bug", "known", "no", "answer.known is no flag"),
        ("bug", "reported_at", "yesterday", "answer.reported_at is no moment"),
        ("bug", "author", "Ann", "answer.author is no object"),
        ("product", "name", None, "answer.name is missing"),
    ],
)
def test_a_difference_is_noticed(sandbox, kind, field, value, said):
    world = sandbox.world
    test = next(id for id in world.test_ids(1001) if world.bug_ids(id))
    row, shape = {
        "product": (world.product_row(1001), PRODUCT),
        "test": (world.test_row(test), TEST),
        "bug": (world.bugs(test)[0], BUG),
    }[kind]
    assert list(differences(row, shape)) == []
    assert list(differences({**row, field: value}, shape)) == [said]
