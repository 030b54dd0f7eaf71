"""What is remembered of a connection, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from testio_mcp.database.memory import ANSWERS, ROWS, Memory, as_question
from testio_mcp.domain.calendar import minute


@pytest.fixture
def memory():
    memory = Memory()
    memory.begin(1)
    return memory


def test_an_answer_is_given_again(memory):
    memory.keep("how many", None, 0)
    assert memory.recall("how many") is None


def test_what_was_never_answered_is_not_known(memory):
    assert "how many" not in memory


def test_it_forgets_when_the_file_has_changed(memory):
    memory.keep("how many", 1, 1)
    memory.begin(1)
    assert "how many" in memory
    memory.begin(2)
    assert "how many" not in memory


def test_of_too_many_answers_it_forgets_the_one_not_wanted_for_longest(memory):
    for number in range(ANSWERS):
        memory.keep(number, [], 0)
    memory.recall(0)
    memory.keep("one more", [], 0)
    assert 0 in memory
    assert 1 not in memory
    assert 2 in memory


def test_of_too_many_rows_it_forgets_until_there_is_room(memory):
    for name in ("first", "second", "third"):
        memory.keep(name, name, ROWS // 2)
    assert [name for name in ("first", "second", "third") if name in memory] == [
        "second",
        "third",
    ]


def test_it_keeps_no_answer_that_is_too_long(memory):
    memory.keep("all", "all", ROWS + 1)
    assert "all" not in memory
    memory.keep("some", "some", ROWS)
    assert "some" in memory


def test_a_long_answer_leaves_the_others(memory):
    memory.keep("some", "some", 1)
    memory.keep("all", "all", ROWS + 1)
    assert "some" in memory


def test_what_is_answered_again_is_counted_once(memory):
    for _ in range(3):
        memory.keep("half", "half", ROWS // 2)
    memory.keep("another", "another", ROWS // 2)
    assert "half" in memory


def test_what_it_has_forgotten_takes_no_room(memory):
    memory.keep("all", "all", ROWS)
    memory.begin(2)
    memory.keep("first", "first", ROWS // 2)
    memory.keep("second", "second", ROWS // 2)
    assert "first" in memory


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ([1, 2], (1, 2)),
        ({"b": [1]}, {"b": (1,)}),
        ({1, 2}, frozenset({2, 1})),
        (([1], "x"), [(1,), "x"]),
    ],
)
def test_equal_collections_ask_the_same(one, same):
    assert as_question(one) == as_question(same)
    assert hash(as_question(one)) == hash(as_question(same))


@pytest.mark.parametrize(
    ("one", "other"),
    [([1, 2], [2, 1]), ("ab", ("a", "b")), ({"a": 1}, {"a": 2}), ([[1], []], [[], [1]])],
)
def test_other_collections_ask_something_else(one, other):
    assert as_question(one) != as_question(other)


def test_until_now_is_the_same_for_a_minute():
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert minute(noon + timedelta(seconds=59.9)) == minute(noon) == noon
    assert minute(noon + timedelta(seconds=60)) == noon + timedelta(minutes=1)
