"""What clients and models send, in the forms in which they send it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from testio_mcp.domain.bugs import BugSort, BugStatus, Severity
from testio_mcp.tools import parameters
from testio_mcp.tools.inputs import ProductName

TEST_IDS = TypeAdapter(parameters.TestIds)
PRODUCT_IDS = TypeAdapter(parameters.ProductIds)
STATUSES = TypeAdapter(parameters.BugStatuses)
SEVERITIES = TypeAdapter(parameters.Severities)
ids = st.integers(-(2**63) + 1, 2**63 - 1)


@given(st.lists(ids))
def test_a_list_of_ids_is_the_same_in_every_form(wanted):
    expected = tuple(wanted)
    for form in (
        wanted,
        tuple(wanted),
        json.dumps(wanted),
        json.dumps([str(id) for id in wanted]),
        ",".join(map(str, wanted)),
        f"[{', '.join(map(str, wanted))}]",
        [f"#{id}" for id in wanted],
    ):
        assert TEST_IDS.validate_python(form) == expected


@given(ids)
def test_one_id_is_a_list_of_one(id):
    for form in (id, str(id), f"#{id}", f" {id} "):
        assert TEST_IDS.validate_python(form) == (id,)


@given(st.lists(st.sampled_from(BugStatus), unique=True))
def test_a_list_of_words_is_the_same_in_every_form(wanted):
    texts = [status.value for status in wanted]
    for form in (
        texts,
        json.dumps(texts),
        ", ".join(texts),
        [text.upper() for text in texts],
        [text.replace("_", "-") for text in texts],
        [text.replace("_", " ").capitalize() for text in texts],
    ):
        assert STATUSES.validate_python(form) == tuple(wanted)


@given(st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()) | st.floats())
def test_whatever_else_is_sent_is_refused_and_nothing_breaks(sent):
    for adapter in (TEST_IDS, PRODUCT_IDS, STATUSES, SEVERITIES):
        try:
            found = adapter.validate_python(sent)
        except ValidationError:
            continue
        assert isinstance(found, tuple)


@pytest.mark.parametrize(
    ("adapter", "sent", "meant"),
    [
        (STATUSES, "Forwarded", (BugStatus.OPEN,)),
        (STATUSES, ["forwarded", "open"], (BugStatus.OPEN,)),
        (SEVERITIES, "functional", (Severity.CRITICAL, Severity.HIGH, Severity.LOW)),
        (SEVERITIES, ["Functional", "visual", "high"], ("critical", "high", "low", "visual")),
        (TypeAdapter(parameters.TestingTypes), "external", ("custom",)),
        (TypeAdapter(parameters.TestStatuses), "Canceled", ("cancelled",)),
        (TypeAdapter(parameters.BugOrder), "Severity DESC", BugSort.SEVERITY_DESC),
        (TypeAdapter(parameters.BugOrder), "reported_at:asc", BugSort.REPORTED),
        (TypeAdapter(parameters.BugOrder), "-Reported At", BugSort.REPORTED_DESC),
        (TypeAdapter(parameters.KnownFilter), "YES", "yes"),
    ],
)
def test_people_use_other_words(adapter, sent, meant):
    assert adapter.validate_python(sent) == meant


@pytest.mark.parametrize(
    ("kind", "link", "id"),
    [
        (parameters.BugId, "https://app.test.io/bugs/123", 123),
        (parameters.BugId, "https://app.test.io/products/5/bugs/123?tab=1#top", 123),
        (parameters.TestId, "https://app.test.io/products/5/exploratory_tests/7/bugs/9", 7),
        (parameters.ProductId, "https://app.test.io/products/5/exploratory_tests/7", 5),
        (parameters.FeatureId, " https://app.test.io/features/8 ", 8),
    ],
)
def test_a_link_is_as_good_as_an_id(kind, link, id):
    assert TypeAdapter(kind).validate_python(link) == id


@pytest.mark.parametrize("link", ["https://app.test.io/tests/1", "https://app.test.io/bugs/"])
def test_a_link_to_something_else_is_refused(link):
    with pytest.raises(ValidationError, match="not a link to a bug"):
        TypeAdapter(parameters.BugId).validate_python(link)


def test_products_may_be_named():
    found = PRODUCT_IDS.validate_python("Nordwind Shop, 7, #8, 2nd Shop")
    assert found == ("Nordwind Shop", 7, 8, "2nd Shop")
    assert [type(one) for one in found] == [ProductName, int, int, ProductName]


@pytest.mark.parametrize("sent", ["", " ", "1.5", "https://example.org", None, True, [], "-"])
def test_what_is_no_name_is_none(sent):
    try:
        found = TypeAdapter(parameters.ProductId).validate_python(sent)
    except ValidationError:
        return
    assert found in (1, ProductName("-"))
