"""What the single-test call adds: executions of features and stories, analytics, reviews."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from testio_mcp.sandbox.catalogue import Feature, UserStory
from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.schedule import EXECUTED, Facts
from testio_mcp.sandbox.tests import expanded_story


@dataclass(frozen=True)
class Execution:
    status: str
    testers: int
    bug_ids: list[int]


@dataclass(frozen=True)
class FeatureExecution:
    feature: Feature
    own: Execution
    stories: list[tuple[UserStory, Execution]]


def executions(facts: Facts, status: str, bugs: Mapping[int, Json]) -> list[FeatureExecution]:
    """How each feature and story fared, according to these bugs; `status` is the test's."""
    by_feature: dict[int, dict[int, Json]] = {id_: {} for id_ in facts.test_feature_ids}
    for bug_id, bug in bugs.items():
        reference = bug.get("test_feature")
        if isinstance(reference, dict) and reference.get("id") in by_feature:
            by_feature[reference["id"]][bug_id] = bug
    return [
        _feature(feature, id_, status, by_feature[id_])
        for feature, id_ in zip(facts.features, facts.test_feature_ids, strict=True)
    ]


def _feature(feature: Feature, id_: int, status: str, bugs: Mapping[int, Json]) -> FeatureExecution:
    own = _execution(id_, status, bugs)
    # A story is as untested as its feature.
    status = "waiting" if own.status == "not_tested" else status
    stories = []
    for turn, story in enumerate(feature.stories):
        # TestIO knows which story a bug belongs to, but the bug does not say.
        found = {key: bug for key, bug in bugs.items() if key % len(feature.stories) == turn}
        stories.append((story, _execution(id_ + turn, status, found)))
    return FeatureExecution(feature, own, stories)


def _execution(number: int, status: str, bugs: Mapping[int, Json]) -> Execution:
    verdict = _verdict(number, status, bugs.values())
    authors = {str(bug.get("author")) for bug in bugs.values()}
    testers = 0 if verdict == "not_tested" else len(authors) + 1 + number % 4
    return Execution(verdict, testers, list(bugs))


def _verdict(number: int, status: str, bugs: Collection[Json]) -> str:
    if any(bug.get("status") != "rejected" for bug in bugs):
        return "failed"
    if status not in EXECUTED or (status == "running" and not bugs and number % 3 == 0):
        return "not_tested"
    return "blocked" if number % 13 == 0 else "passed"


def add_figures(
    row: Json, facts: Facts, status: str, bugs: Mapping[int, Json], *, expanded: bool
) -> None:
    """Complete a test as listed to a test as called for alone."""
    every = executions(facts, status, bugs)
    for test_feature, execution in zip(row["features"], every, strict=True):
        test_feature.update(_execution_row(execution.own, "tester_count"))
        if expanded and execution.stories:
            test_feature["user_stories"] = [
                expanded_story(execution.feature, story) | _execution_row(own, "tested_by_count")
                for story, own in execution.stories
            ]
    row["analytics"] = _analytics(every, bugs.values())
    row["reviews"] = _reviews(row)


def _execution_row(execution: Execution, testers: str) -> Json:
    return {
        "execution_status": execution.status,
        testers: execution.testers,
        "bugs_found": len(execution.bug_ids),
        "bug_ids": execution.bug_ids,
    }


def _analytics(every: list[FeatureExecution], bugs: Collection[Json]) -> Json:
    features = [execution.own for execution in every]
    stories = [own for execution in every for _, own in execution.stories]
    authors = {str(bug.get("author")) for bug in bugs}
    # A fault may have put anything in the place of the list.
    lists = [bug["devices"] for bug in bugs if isinstance(bug.get("devices"), list)]
    devices = {str(device) for found in lists for device in found}
    return {
        "testers_count": max([len(authors), *(own.testers for own in features)]),
        "devices_count": len(devices),
        **_counted(features, "features", ("passed", "failed")),
        **_counted(stories, "user_stories", ("passed", "failed", "blocked")),
        "total_bugs": len(bugs),
    }


def _counted(executions: list[Execution], noun: str, statuses: tuple[str, ...]) -> Json:
    found = [execution.status for execution in executions]
    counts = {f"{status}_{noun}": found.count(status) for status in statuses}
    tested = len(found) - found.count("not_tested")
    return {f"total_{noun}": len(found), f"tested_{noun}": tested} | counts


def _reviews(row: Json) -> list[Json]:
    """The team lead's review of the set-up."""
    if row["review_status"] in {None, "not_finalized", "review_initialized"}:
        return []
    successful = row["review_status"] == "review_successful"
    body = "Looks good to me." if successful else "Please describe how to find the second feature."
    return [{"id": row["id"] * 10, "status": row["review_status"], "body": body}]
