"""What is rare in bugs and must not trip a reader: hidden characters, other shapes, nulls."""

from collections.abc import Callable
from random import Random

from testio_mcp.sandbox.devices import SEVERAL_BROWSERS, Json
from testio_mcp.sandbox.plots import INJECTION

ZERO_WIDTH = "\u200b"
RIGHT_TO_LEFT = "\u202e"
POP_DIRECTION = "\u202c"
# Of a hundred bugs, how many show each oddity.
_PERCENT = 2


def _html(row: Json) -> None:
    row["actual_result"] = f"<p>{row['actual_result']} <b>&amp; nothing else</b></p><br/>"


def _emoji(row: Json) -> None:
    row["title"] = f"{row['title']} \N{BUG}\N{PILE OF POO}"


def _zero_width(row: Json) -> None:
    row["title"] = row["title"].replace(" ", f" {ZERO_WIDTH}")


def _bidirectional(row: Json) -> None:
    row["actual_result"] = f"Shown as {RIGHT_TO_LEFT}olleh{POP_DIRECTION} on the screen"


def _steps_in_one_text(row: Json) -> None:
    steps = [f"{number}. {step}" for number, step in enumerate(row["steps"], 1)]
    row["steps"] = "\n".join(steps)


def _nulls(row: Json) -> None:
    row |= {"location": None, "expected_result": None, "actual_result": None, "exported_at": None}


def _left_out(row: Json) -> None:
    for field in ("location", "exported_at", "reproductions"):
        row.pop(field, None)


def _two_devices(row: Json) -> None:
    # Two that differ even in the smallest pool.
    row["devices"] = [*row["devices"], SEVERAL_BROWSERS]


def _several_browsers(row: Json) -> None:
    row["devices"] = [SEVERAL_BROWSERS]


def _no_feature(row: Json) -> None:
    row |= {"feature": None, "test_feature": None}


def _also_a_report(row: Json) -> None:
    row["report"] = custom_report(row["id"])


def _reproduced(row: Json) -> None:
    row["reproductions"] = [
        {"id": row["id"] * 10 + 9, "author": {"name": "Kasia Lis"}, "devices": row["devices"]}
    ]


_ODDITIES: tuple[Callable[[Json], None], ...] = (
    _html,
    _emoji,
    _zero_width,
    _bidirectional,
    _steps_in_one_text,
    _nulls,
    _left_out,
    _two_devices,
    _several_browsers,
    _no_feature,
    _no_feature,
    _also_a_report,
    _reproduced,
)


def make_odd(row: Json, rng: Random) -> None:
    turn = int(rng.random() * 100 / _PERCENT)
    if turn < len(_ODDITIES):
        _ODDITIES[turn](row)


def inject(row: Json) -> None:
    """Text that a model must take as a quotation."""
    steps = row["steps"]
    row["steps"] = [*([steps] if isinstance(steps, str) else steps), INJECTION]


def custom_report(bug_id: int) -> Json:
    answers = {
        "How often does it happen?": ("always", "often", "once")[bug_id % 3],
        "Which font size do you use?": "largest" if bug_id % 2 else "",
    }
    return {
        "custom_report_configuration_id": 300 + bug_id % 4,
        "content": {"data": [{"key": key, "value": value} for key, value in answers.items()]},
    }
