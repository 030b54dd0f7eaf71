"""A factory for every table: valid rows of customer 0, whose parents the test saves first."""

from datetime import UTC, datetime, timedelta

import factory

from testio_mcp import tables
from testio_mcp.domain.freshness import Unit
from testio_mcp.domain.syncs import RunStatus, Trigger

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Factory(factory.Factory):
    class Meta:
        abstract = True

    customer_id = 0


class CustomerFactory(factory.Factory):
    class Meta:
        model = tables.Customer

    id = 0
    host = "sandbox:small:1"


class ProductFactory(Factory):
    class Meta:
        model = tables.Product

    id = factory.Sequence(lambda n: n + 1)
    name = factory.Sequence("Product {}".format)
    type = "website"


class UserFactory(Factory):
    class Meta:
        model = tables.User

    id = factory.Sequence(lambda n: n + 1)
    type = "tester"
    name = factory.Sequence("Person {}".format)


class TestFactory(Factory):
    class Meta:
        model = tables.Test

    id = factory.Sequence(lambda n: n + 1)
    product_id = 1
    title = factory.Sequence("Test {}".format)
    status = "locked"
    testing_type = "coverage"
    start_at = NOON
    end_at = NOON + timedelta(days=3)
    first_seen_at = NOON


class TestDetailsFactory(Factory):
    class Meta:
        model = tables.TestDetails

    test_id = 1
    goal = "Find what is broken."
    allowed_bugs = factory.LazyFunction(lambda: {"severities": ["low"], "types": ["default"]})


class FeatureFactory(Factory):
    class Meta:
        model = tables.Feature

    id = factory.Sequence(lambda n: n + 1)
    product_id = 1
    title = factory.Sequence("Feature {}".format)


class TestFeatureFactory(Factory):
    class Meta:
        model = tables.TestFeature

    id = factory.Sequence(lambda n: n + 1)
    test_id = 1
    feature_id = 1
    title = factory.Sequence("Feature in test {}".format)


class StoryExecutionFactory(Factory):
    class Meta:
        model = tables.StoryExecution

    test_feature_id = 1
    position = factory.Sequence(int)
    user_story_id = 1
    title = factory.Sequence("Story {}".format)
    execution_status = "passed"
    tested_by_count = 3
    bugs_found = 0


class UserStoryFactory(Factory):
    class Meta:
        model = tables.UserStory

    id = factory.Sequence(lambda n: n + 1)
    product_id = 1
    title = factory.Sequence("Story {}".format)


class BugFactory(Factory):
    class Meta:
        model = tables.Bug

    id = factory.Sequence(lambda n: n + 1)
    product_id = 1
    test_id = 1
    title = factory.Sequence("Bug {}".format)
    severity = "low"
    status = "open"
    reported_at = NOON


class BugDetailsFactory(Factory):
    class Meta:
        model = tables.BugDetails

    bug_id = 1
    steps = "Open the page.\nPress the button."


class BugDeviceFactory(Factory):
    class Meta:
        model = tables.BugDevice

    bug_id = 1
    position = 0
    device = 0
    operating_system = "iOS"


class RejectReasonFactory(Factory):
    class Meta:
        model = tables.RejectReason

    key = factory.Sequence("reason_{}".format)
    name = factory.Sequence("Reason {}".format)


class ProblemFactory(Factory):
    class Meta:
        model = tables.Problem

    event_id = factory.Faker("uuid4")
    kind = "test"
    product_id = 1
    first_seen_at = NOON
    last_seen_at = NOON
    error = "TestIO answered 500."


class ProblemTestFactory(Factory):
    class Meta:
        model = tables.ProblemTest

    event_id = "event"
    test_id = 1


class SyncRunFactory(Factory):
    class Meta:
        model = tables.SyncRun

    id = factory.Sequence(lambda n: n + 1)
    trigger = Trigger.BACKGROUND
    options = factory.LazyFunction(lambda: {"product_ids": [], "since": None, "force": False})
    started_at = NOON
    finished_at = NOON + timedelta(seconds=10)
    status = RunStatus.OK


class StampFactory(Factory):
    class Meta:
        model = tables.Stamp

    kind = Unit.TESTS
    id = 1
    at = NOON


class PayloadFactory(Factory):
    class Meta:
        model = tables.Payload

    kind = "bugs"
    id = factory.Sequence(lambda n: n + 1)
    form = "list"
    hash = b"hash"
    body = b"body"


FACTORIES = {made._meta.model: made for made in (CustomerFactory, *Factory.__subclasses__())}
