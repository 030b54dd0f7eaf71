"""The words for questions about figures, and what a picture of the answer shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from testio_mcp.domain.figures import Scope

# Where a thing has no such value, and where it has one that nobody knows.
NONE = "(none)"
UNKNOWN = "(unknown)"
OTHER = "other"

MOST_DIMENSIONS = 3
MOST_ROWS = 200


# These words reach models in the schema of the tool, where a docstring would go with them.


class ChartChoice(StrEnum):
    NONE = ""
    AUTO = "auto"
    LINE = "line"
    BAR = "bar"
    STACKED = "stacked"
    HEATMAP = "heatmap"


@dataclass(frozen=True)
class MetricsQuestion:
    """`sort` is the name of a metric or dimension, `-name` descending; "" the usual order."""

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    sort: str = ""
    limit: int = 20
    chart: ChartChoice = ChartChoice.NONE


@dataclass(frozen=True)
class Chart:
    """What a picture shows: for each series a value a category, null where there is none."""

    kind: ChartChoice
    title: str
    subtitle: str
    categories: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    # Rates go from 0 to 1 and are shown in per cent.
    is_rate: bool = False
