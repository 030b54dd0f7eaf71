"""Where a rate begins to be a warning and to be critical."""

import pytest

from testio_mcp.domain.figures import RATES
from testio_mcp.domain.health import Health, Thresholds
from testio_mcp.settings import PREFIX, Settings, load_settings

OK, WARNING, CRITICAL = Health.OK, Health.WARNING, Health.CRITICAL
DEFAULT = Thresholds(Settings(_env_file=None).limits)


@pytest.mark.parametrize(
    ("rate", "value", "health"),
    [
        ("rejection_rate", 0.0, OK),
        ("rejection_rate", 0.1999, OK),
        ("rejection_rate", 1 / 5, WARNING),
        ("rejection_rate", 0.3499, WARNING),
        ("rejection_rate", 7 / 20, CRITICAL),
        ("rejection_rate", 1.0, CRITICAL),
        ("auto_acceptance_rate", 0.1999, OK),
        ("auto_acceptance_rate", 1 / 5, WARNING),
        ("auto_acceptance_rate", 0.3999, WARNING),
        ("auto_acceptance_rate", 2 / 5, CRITICAL),
        ("active_acceptance_rate", 1.0, OK),
        ("active_acceptance_rate", 0.3501, OK),
        ("active_acceptance_rate", 7 / 20, WARNING),
        ("active_acceptance_rate", 0.2001, WARNING),
        ("active_acceptance_rate", 1 / 5, CRITICAL),
        ("active_acceptance_rate", 0.0, CRITICAL),
        ("review_rate", 0.8001, OK),
        ("review_rate", 4 / 5, WARNING),
        ("review_rate", 0.6001, WARNING),
        ("review_rate", 3 / 5, CRITICAL),
    ],
)
def test_both_bounds_belong_to_what_they_begin(rate, value, health):
    assert DEFAULT.health(rate, value) is health


@pytest.mark.parametrize("rate", DEFAULT.limits)
def test_a_rate_that_is_not_known_is_neither_good_nor_bad(rate):
    assert DEFAULT.health(rate, None) is Health.UNKNOWN


def test_every_rate_but_that_of_acceptance_has_thresholds():
    assert set(DEFAULT.limits) == set(RATES) - {"acceptance_rate"}
    with pytest.raises(KeyError):
        DEFAULT.health("acceptance_rate", 0.5)


def test_the_settings_move_the_bounds():
    settings = Settings(
        _env_file=None,
        threshold_rejection_warning=0.5,
        threshold_rejection_critical=0.5,
        threshold_review_warning=0.3,
        threshold_review_critical=0.1,
    )
    thresholds = Thresholds(settings.limits)
    assert [thresholds.health("rejection_rate", value) for value in (0.49, 0.5)] == [OK, CRITICAL]
    values = (0.31, 0.3, 0.1)
    expected = [OK, WARNING, CRITICAL]
    assert [thresholds.health("review_rate", value) for value in values] == expected


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"REJECTION_CRITICAL": "0.1"}, "REJECTION_CRITICAL is '0.1'"),
        ({"REJECTION_WARNING": "0.5"}, "REJECTION_CRITICAL is '0.35'"),
        ({"AUTO_ACCEPTANCE_CRITICAL": "0.19"}, "must not be below TESTIO_THRESHOLD_AUTO"),
        ({"ACTIVE_ACCEPTANCE_CRITICAL": "0.4"}, "must not be above TESTIO_THRESHOLD_ACTIVE"),
        ({"REVIEW_WARNING": "0.5"}, "THRESHOLD_REVIEW_WARNING, which is 0.5"),
        ({"REVIEW_CRITICAL": "60"}, "less than or equal to 1"),
        ({"REVIEW_WARNING": "high"}, "valid number"),
        # What is left of the pair would be in the wrong order beside the default.
        ({"REJECTION_WARNING": "x", "REJECTION_CRITICAL": "0.1"}, "REJECTION_WARNING is 'x'"),
    ],
)
def test_a_pair_that_makes_no_sense_is_said_and_replaced_by_the_defaults(
    monkeypatch, variables, named
):
    for name, value in variables.items():
        monkeypatch.setenv(f"{PREFIX}THRESHOLD_{name}", value)
    loaded = load_settings()
    [problem] = loaded.problems
    assert named in problem
    assert "For example: TESTIO_THRESHOLD_" in problem
    assert loaded.settings.limits == DEFAULT.limits
