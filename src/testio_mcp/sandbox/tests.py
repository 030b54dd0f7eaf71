"""Tests as the API lists them: texts, scope, environment and test features."""

from random import Random

from testio_mcp.sandbox.catalogue import Feature, Product, UserStory
from testio_mcp.sandbox.chance import Purpose, chance, falls_on, happens, one_of
from testio_mcp.sandbox.devices import REQUIREMENTS, Json
from testio_mcp.sandbox.oddities import ZERO_WIDTH
from testio_mcp.sandbox.plots import RELEASE, Plot
from testio_mcp.sandbox.schedule import Facts
from testio_mcp.sandbox.timestamps import OFFSETS, written

REVIEW_STATUSES = {
    "initialized": "review_failed",
    "customer_finalized": "review_initialized",
    "waiting": "review_successful",
    "cancelled": "review_failed",
}

_GOALS = (
    "Find out whether {features} can be used without help by people who are new to them.",
    "We changed {features}. Make sure that nothing broke that worked before.",
    "Release {release} is due next week: look for whatever would stop us, first in {features}.",
    "Our support hears of trouble with {features}. Reproduce it on as many devices as you can.",
)
_INSTRUCTIONS = (
    "Use your own data, no invented names.\nPay with the test card only.\nOne bug, one report.",
    "1. Start with a fresh account.\n2. Work through all features.\n3. Then explore freely.",
    "Test as a customer would \N{SMILING FACE WITH SMILING EYES}: at home, on the way, in a hurry.",
)
_OUT_OF_SCOPE = (
    "Translations, prices and availability.",
    "Everything behind the login of employees.",
    None,
)
# How many tests ago, in a product.
_BEFORE_RENAMING, _BEFORE_REVIEWS = 30, 200
_KINDS = {"rapid": "Rapid test", "usability": "Usability", "external": "Guided session"}


def title_of(product: Product, facts: Facts) -> str:
    first, second = (feature.title for feature in facts.features[:2])
    if facts.plot is Plot.REGRESSION:
        return f"Regression after release {RELEASE}: {first} and {second}"
    release = f"{facts.end:%y.%m}" if facts.end else "beta"
    kind = _KINDS.get(facts.testing_type or "")
    if kind:
        return f"{kind}: {first}"
    return (
        f"{first} and {second}, release {release}",
        f"{product.name} {release}: {first}",
        f"{first} on new devices",
        f"Before release {release}: {first}, {second}",
    )[facts.past % 4]


def test_row(product: Product, facts: Facts, seed: int, *, expanded: bool) -> Json:
    """As in a list; the single-test call adds figures to it (figures.py)."""
    rng = chance(seed, Purpose.TEST, facts.id)
    offset = one_of(OFFSETS, rng) if happens(0.2, rng) else product.offset
    short = falls_on(facts.past, 0, of=4)
    row: Json = {
        "id": facts.id,
        **_titles(facts.past, title_of(product, facts)),
        "status": facts.status,
        "review_status": _review_status(facts),
        "testing_type": facts.testing_type,
        "start_at": facts.start and written(facts.start, offset, short=short),
        "end_at": facts.end and written(facts.end, offset, short=short),
        **_texts(facts, rng),
        "created_by": one_of(product.customers, rng),
        "submitted_by": None if facts.status == "initialized" else one_of(product.customers, rng),
        "enable_low": happens(0.9, rng),
        "enable_high": True,
        "enable_critical": True,
        "allowed_bug_types": ["default", "content", "visual"][: 3 - (facts.id % 7 == 0)],
        "product": {"id": product.id, "name": product.name},
        "features": test_features(facts, expanded=expanded),
        "requirements": REQUIREMENTS[product.type],
        "test_environment": _environment(product, facts.id),
        "attachments": _attachments(facts.id),
        "demo": falls_on(facts.past, 17, of=50),
    }
    if facts.section:
        row["section"] = facts.section.row()
    return row


def _titles(number: int, title: str) -> Json:
    """Deployments differ: `title`, `test_title`, or both."""
    both = {"title": title, "test_title": title}
    usual = {"title": title}
    return (usual, {"test_title": title}, both, usual, usual)[number % 5]


def _review_status(facts: Facts) -> str | None:
    if facts.status == "initialized" and facts.start is None:
        return "not_finalized"
    # Tests from before the review of set-ups have none.
    return (
        None
        if facts.past > _BEFORE_REVIEWS
        else REVIEW_STATUSES.get(facts.status, "review_successful")
    )


def _texts(facts: Facts, rng: Random) -> Json:
    named = ", ".join(feature.title for feature in facts.features[:3])
    goal = one_of(_GOALS, rng).format(features=named, release=RELEASE)
    if facts.id % 11 == 0:
        goal = goal.replace(" ", f" {ZERO_WIDTH}", 3)
    texts = {
        "goal": goal,
        "instructions": one_of(_INSTRUCTIONS, rng),
        "out_of_scope": one_of(_OUT_OF_SCOPE, rng),
    }
    html = {
        field: text and "".join(f"<p>{line}</p>" for line in text.split("\n"))
        for field, text in texts.items()
    }
    return html | {f"{field}_text": text for field, text in texts.items()}


def _environment(product: Product, test_id: int) -> Json | None:
    turn = (test_id // 7) % (len(product.environments) + 1)
    return (*product.environments, None)[turn]


def _attachments(test_id: int) -> list[Json]:
    if test_id % 6:
        return []
    return [{"id": test_id * 10, "url": f"https://files.example/tests/{test_id}/brief.pdf"}]


def test_features(facts: Facts, *, expanded: bool) -> list[Json]:
    return [
        _test_feature(facts, feature, id_, expanded=expanded)
        for feature, id_ in zip(facts.features, facts.test_feature_ids, strict=True)
    ]


def _test_feature(facts: Facts, feature: Feature, id_: int, *, expanded: bool) -> Json:
    # A snapshot: long ago some features had another title.
    renamed = facts.past > _BEFORE_RENAMING and falls_on(feature.id, 2, of=4)
    stories: list[object] = [
        expanded_story(feature, story) if expanded else story.title for story in feature.stories
    ]
    row: Json = {
        "id": id_,
        "feature_id": feature.id,
        "title": f"{feature.title} (beta)" if renamed else feature.title,
        "description": feature.description,
        "howtofind": feature.howtofind,
        "enable_default": True,
        "user_stories": stories or None,
    }
    if id_ % 3:
        row |= {"enable_content": id_ % 2 == 0, "enable_visual": True}
    return row


def expanded_story(feature: Feature, story: UserStory) -> Json:
    version = {"feature_id": feature.id, "user_story_version_id": story.version_id}
    return story.row() | version
