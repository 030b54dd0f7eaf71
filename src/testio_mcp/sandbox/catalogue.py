"""Products with their sections, features, user stories and environments."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timezone
from functools import lru_cache

from testio_mcp.sandbox.chance import Purpose, chance, falls_on
from testio_mcp.sandbox.devices import POOLS, Json
from testio_mcp.sandbox.people import CUSTOMERS, TESTERS
from testio_mcp.sandbox.plots import NOISY_TESTER
from testio_mcp.sandbox.scale import FIRST_PRODUCT_ID, Scale
from testio_mcp.sandbox.themes import FeatureText, Problem, Theme, in_variants, theme
from testio_mcp.sandbox.timestamps import OFFSETS

PRODUCTS = (
    ("Nordwind Shop", "shop", "website"),
    ("Fjordbank", "bank", "mobile_app_ios"),
    ("Lumo TV", "streaming", "streaming_app"),
    ("Skyforge Arena", "game", "gaming"),
    ("Wanderly", "travel", "mobile_app_android"),
    ("PaperTrail Desktop", "desktop", "mobile_app_windows"),
    ("Nordwind Shop App", "shop", "mobile_app_ios"),
    ("Fjordbank Online", "bank", "website"),
    ("Kinowelt Stream", "streaming", "streaming_app"),
    ("Tiny Harvest", "game", "gaming"),
    ("Wanderly Web", "travel", "website"),
    ("LedgerNote", "desktop", "mobile_app_windows"),
    ("Casa Verde", "shop", "website"),
    ("Penny Piggy", "bank", "mobile_app_android"),
    ("Tonspur Radio", "streaming", "mobile_app_ios"),
    ("Rally Nova", "game", "gaming"),
    ("Bahnfuchs", "travel", "mobile_app_ios"),
    ("Slidecraft", "desktop", "mobile_app_windows"),
    ("Bücherwurm", "shop", "website"),
    ("Crédit Azur", "bank", "mobile_app_android"),
)
REGIONS = ("", "Poland", "Brazil", "Japan", "Canada")

_FEATURE_IDS_PER_PRODUCT = 1_000
# A feature that tests name although it left the catalogue.
_RETIRED = _FEATURE_IDS_PER_PRODUCT - 1
# Seen in production: one product with sections and hundreds of features.
_HUGE_CATALOGUE = 288


@dataclass(frozen=True)
class Section:
    id: int
    name: str

    def row(self) -> Json:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True)
class UserStory:
    id: int
    version_id: int
    path: str
    title: str

    def row(self) -> Json:
        return {"id": self.id, "path": self.path, "title": self.title}


@dataclass(frozen=True, slots=True)
class BugText:
    title: str
    steps: list[str]
    expected: str
    actual: str


@dataclass(frozen=True)
class Feature:
    """`bug_texts` are the bugs that fit this feature, by severity."""

    id: int
    title: str
    description: str | None
    howtofind: str
    stories: tuple[UserStory, ...]
    section_ids: tuple[int, ...]
    bug_texts: Mapping[str, tuple[BugText, ...]]

    def row(self, *, expanded: bool) -> Json:
        stories: list[object] = [story.row() if expanded else story.title for story in self.stories]
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "howtofind": self.howtofind,
            "user_stories": stories,
        }


@dataclass(frozen=True)
class Product:
    """`rejection` and `auto_acceptance` are how its customer tends to review."""

    index: int
    id: int
    name: str
    type: str
    sections: tuple[Section, ...]
    default_section: Section
    features: tuple[Feature, ...]
    retired: Feature
    testers: tuple[str, ...]
    customers: tuple[str, ...]
    devices: tuple[Json, ...]
    environments: tuple[Json, ...]
    offset: timezone
    rejection: float
    auto_acceptance: float

    def row(self) -> Json:
        sections = [section.row() for section in self.sections]
        row: Json = {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "default_section_id": self.default_section.id,
            "sections": sections,
            "sections_with_default": [self.default_section.row(), *sections],
            "connection": None,
        }
        # Optional: some products come without it.
        if not falls_on(self.index, 2, of=3):
            text = f"{self.name}, as our customers use it."
            row["description"] = None if falls_on(self.index, 1, of=4) else text
        return row

    def every_section(self) -> tuple[Section, ...]:
        return (self.default_section, *self.sections)


def has_sections(index: int) -> bool:
    return falls_on(index, 1, of=7)


def product(index: int, scale: Scale, seed: int) -> Product:
    rng = chance(seed, Purpose.PRODUCT, index)
    _, _, type_ = PRODUCTS[index % len(PRODUCTS)]
    default, *sections = _sections(index)
    *features, retired = _features(index, scale is Scale.LARGE and index == 1)
    testers = rng.sample(TESTERS, 30)
    if index == 0 and NOISY_TESTER not in testers:
        testers[0] = NOISY_TESTER
    return Product(
        index=index,
        id=FIRST_PRODUCT_ID + index,
        name=_name(index),
        type=type_,
        sections=tuple(sections),
        default_section=default,
        features=tuple(features),
        retired=retired,
        testers=tuple(testers),
        customers=tuple(rng.sample(CUSTOMERS, 4)),
        devices=POOLS[type_],
        environments=tuple(_environments(index, _name(index))),
        offset=OFFSETS[index % len(OFFSETS)],
        rejection=0.08 + 0.2 * rng.random(),
        auto_acceptance=0.05 + 0.4 * rng.random(),
    )


def _name(index: int) -> str:
    name, _, _ = PRODUCTS[index % len(PRODUCTS)]
    return f"{name} {REGIONS[index // len(PRODUCTS)]}".strip()


def _theme(index: int) -> Theme:
    return theme(PRODUCTS[index % len(PRODUCTS)][1])


def _sections(index: int) -> list[Section]:
    """The default section first; a lone default section is no section."""
    names = ("General", *(_theme(index).sections if has_sections(index) else ()))
    return [Section(70_000 + index * 10 + turn, name) for turn, name in enumerate(names)]


# Kept for all sandboxes of a process: features do not depend on the seed, and tests make many.
@lru_cache(maxsize=128)
def _features(index: int, huge: bool) -> tuple[Feature, ...]:
    """The catalogue, and last the feature that left it."""
    about = _theme(index)
    texts = in_variants(about.features, _HUGE_CATALOGUE) if huge else about.features
    gone = replace(texts[-2], title=f"{texts[-2].title} (classic)", stories=())
    numbered = [*enumerate(texts), (_RETIRED, gone)]
    return tuple(
        _feature(index, number, text, _bug_texts(text, about.anywhere, _name(index)))
        for number, text in numbered
    )


def _feature(
    product: int,
    number: int,
    text: FeatureText,
    bug_texts: Mapping[str, tuple[BugText, ...]],
) -> Feature:
    id_ = 40_000 + product * _FEATURE_IDS_PER_PRODUCT + number
    stories = tuple(
        UserStory(
            id=id_ * 10 + turn,
            version_id=5_000_000 + id_ * 10 + turn,
            path=f"{text.title} > {turn + 1}",
            title=f"As a user I can {story}",
        )
        for turn, story in enumerate(text.stories)
    )
    return Feature(
        id=id_,
        title=text.title,
        description=_description(number, text.description),
        howtofind=text.howtofind,
        stories=() if falls_on(number, 5, of=6) else stories,
        section_ids=_section_ids(number, _sections(product)),
        bug_texts=bug_texts,
    )


def _description(number: int, text: str) -> str | None:
    """Now and then there is none, and one is written in HTML."""
    return {4: f"<p>{text}</p>", 9: None}.get(number % 11, text)


def _section_ids(number: int, sections: list[Section]) -> tuple[int, ...]:
    """Every fifth feature belongs to all sections, and some to the default one only."""
    default, *others = [section.id for section in sections]
    if not others or falls_on(number, 4, of=5):
        return (default,)
    return tuple(others) if falls_on(number, 0, of=5) else (others[number % len(others)],)


def _bug_texts(
    text: FeatureText, anywhere: tuple[Problem, ...], product: str
) -> dict[str, tuple[BugText, ...]]:
    own = {problem.severity for problem in text.problems}
    # What can go wrong anywhere fills the severities that the feature's own problems lack.
    problems = (*text.problems, *(some for some in anywhere if some.severity not in own))
    by_severity: dict[str, list[BugText]] = {}
    for problem in problems:
        bug = _bug_text(problem, text, product)
        by_severity.setdefault(problem.severity, []).append(bug)
    return {severity: tuple(texts) for severity, texts in by_severity.items()}


def _bug_text(problem: Problem, text: FeatureText, product: str) -> BugText:
    def filled(template: str) -> str:
        return template.replace("{feature}", text.title).replace("{product}", product)

    return BugText(
        title=filled(problem.title),
        steps=[f"Open {product}", f"Go to {text.title}", filled(problem.action)],
        expected=filled(problem.expected),
        actual=filled(problem.actual),
    )


def _environments(index: int, name: str) -> list[Json]:
    """Credentials look like s3cr3t-…, so that a leak can be searched for."""
    host = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
    return [
        {
            "id": 60_000 + index * 10 + turn,
            "title": title,
            "url": f"https://{title.lower()}.{host}.example",
            "username": f"s3cr3t-user-{index}-{turn}",
            "password": f"s3cr3t-password-{index}-{turn}",
            "access": f"s3cr3t-access-{index}-{turn}: connect to the VPN first",
            "kind": "web",
        }
        for turn, title in enumerate(("Staging", "Preview", "Production"))
    ]
