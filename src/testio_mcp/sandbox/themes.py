"""What products are about: the features, stories and problems written down in `texts/`."""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

# Products with hundreds of features have each of them in several variants.
VARIANTS = ("", "for guests", "for companies", "on small screens", "by keyboard", "in a hurry")
EXTRA_STORIES = ("do it without a mouse", "undo it", "get help with it", "find it again later")


@dataclass(frozen=True)
class Problem:
    severity: str
    title: str
    action: str
    expected: str
    actual: str


@dataclass(frozen=True)
class FeatureText:
    title: str
    description: str
    howtofind: str
    stories: tuple[str, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Theme:
    """`sections` names the sections of products that have some; `anywhere` fits any feature."""

    features: tuple[FeatureText, ...]
    sections: tuple[str, ...]
    anywhere: tuple[Problem, ...]


@cache
def theme(name: str) -> Theme:
    own, common = _parsed(name), _parsed("every_product")
    return Theme(
        features=_features(own) + _features(common),
        sections=tuple(own["sections"]),
        anywhere=_problems(common["anywhere"]),
    )


def _parsed(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "texts" / f"{name}.toml").read_text("utf-8"))


def _features(table: dict[str, Any]) -> tuple[FeatureText, ...]:
    return tuple(
        FeatureText(
            title=row["title"],
            description=row["description"],
            howtofind=row["howtofind"],
            stories=tuple(row["stories"]),
            problems=_problems(row["problems"]),
        )
        for row in table["feature"]
    )


def _problems(rows: list[list[str]]) -> tuple[Problem, ...]:
    return tuple(Problem(*row) for row in rows)


def in_variants(features: tuple[FeatureText, ...], wanted: int) -> tuple[FeatureText, ...]:
    """Enough features for a very large catalogue, made of a small one."""
    turns = wanted // (len(features) * len(VARIANTS)) + 1
    every = [
        replace(
            feature,
            title=" ".join(filter(None, (feature.title, variant, str(turn) if turn > 1 else ""))),
            stories=feature.stories + EXTRA_STORIES,
        )
        for turn in range(1, turns + 1)
        for variant in VARIANTS
        for feature in features
    ]
    return tuple(every[:wanted])
