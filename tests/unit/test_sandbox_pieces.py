"""Pure pieces of the sandbox: ids, chance, dates, and which requests a fault fits."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from testio_mcp.sandbox import Fault, FaultKind, Scale
from testio_mcp.sandbox.chance import chance
from testio_mcp.sandbox.faults import Faults, Suffered
from testio_mcp.sandbox.paging import page_of
from testio_mcp.sandbox.scale import FOREIGN_BUG_IDS, FOREIGN_TEST_IDS, layout_of
from testio_mcp.sandbox.timestamps import read, written

INSTANT = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("scale", list(Scale))
def test_an_id_tells_where_its_test_is(scale):
    layout = layout_of(scale)
    for product in (0, layout.products - 1):
        for position in (0, 1, layout.tests[product] - 1):
            test_id = layout.test_ids(product)[position]
            assert layout.place_of_test(test_id) == (product, position)
            assert layout.test_of_bug(layout.bug_id(test_id, 99)) == test_id


@pytest.mark.parametrize("scale", list(Scale))
def test_ids_of_nothing_have_no_place(scale):
    layout = layout_of(scale)
    oldest = layout.test_ids(layout.products - 1)[-1]
    unknown = (*FOREIGN_TEST_IDS, 0, -1, oldest - layout.products, layout.first_free_test_id)
    assert {layout.place_of_test(test_id) for test_id in unknown} == {None}
    assert {layout.place_of_test(layout.test_of_bug(id_)) for id_ in FOREIGN_BUG_IDS} == {None}


def test_chance_is_the_same_for_the_same_numbers_only():
    draws = [chance(*parts).random() for parts in ((1, 2), (1, 2), (2, 1), (1, 3), (1, 2, 0))]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4


@pytest.mark.parametrize(
    ("offset", "short", "text"),
    [
        (UTC, False, "2026-11-21T03:04:05+00:00"),
        (UTC, True, "2026-11-21T03:04:05Z"),
        (timezone(timedelta(hours=-5)), False, "2026-11-20T22:04:05-05:00"),
    ],
)
def test_an_instant_is_written_with_its_offset_and_read_again(offset, short, text):
    assert written(INSTANT, offset, short=short) == text
    assert read(text) == INSTANT


@pytest.mark.parametrize("value", [None, 12, "soon", "2026-11-21", {}])
def test_what_is_no_instant_is_read_as_none(value):
    assert read(value) is None


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("bugs", "bugs", True),
        ("bugs", "bugs/7", False),
        ("products/*/exploratory_tests", "products/7/exploratory_tests", True),
        ("products/*/exploratory_tests", "products/7/features", False),
        ("*", "products/7/features", True),
    ],
)
def test_a_fault_fits_paths_by_pattern(pattern, path, fits):
    assert Fault(pattern, FaultKind.STATUS).fits(path, {}) is fits


@pytest.mark.parametrize(
    ("query", "fits"),
    [({"page": "2", "per_page": "25"}, True), ({"page": "3"}, False), ({}, False)],
)
def test_a_fault_fits_queries_that_hold_its_own(query, fits):
    assert Fault("*", FaultKind.STATUS, query={"page": "2"}).fits("bugs", query) is fits


def test_a_word_of_a_kind_is_as_good_as_the_kind():
    assert Fault("*", "delay").kind is FaultKind.DELAY
    with pytest.raises(ValueError, match="explosion"):
        Fault("*", "explosion")


@pytest.mark.parametrize("times", [0, -1])
def test_a_fault_happens_at_least_once(times):
    with pytest.raises(ValueError, match="positive"):
        Fault("*", "delay", times=times)


def test_faults_that_replace_an_answer_wait_for_each_other():
    faults = Faults()
    faults.add(Fault("bugs", FaultKind.STATUS, times=1))
    faults.add(Fault("bugs", FaultKind.DELAY, times=1))
    faults.add(Fault("bugs", FaultKind.HTML_BODY, times=1))
    kinds = [[fault.kind for fault in faults.meet("bugs", {}).faults] for _ in range(3)]
    assert kinds == [[FaultKind.STATUS, FaultKind.DELAY], [FaultKind.HTML_BODY], []]
    assert faults.active() == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, range(150)),
        ({"page": "1"}, range(25)),
        ({"page": "3", "per_page": "100"}, range(200, 300)),
        ({"page": "0", "per_page": "-1"}, range(25)),
        ({"page": "99"}, range(0)),
        ({"page": "x", "per_page": "y"}, range(25)),
    ],
)
def test_pages_are_cut_as_by_testio(query, expected):
    assert list(page_of(range(300), query, Suffered())) == list(expected)
