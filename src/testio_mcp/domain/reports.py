"""The words for quality reports: their parts, their formats, and what a change means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from testio_mcp.domain.figures import Scope

# The latest that is complete: what runs now has bugs that nobody has reviewed yet.
DEFAULT_PERIOD = "last 3 months"


# These words reach models in the schema of the tool, where a docstring would go with them.


class ReportFormat(StrEnum):
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    XLSX = "xlsx"
    CSV = "csv"


# In the order of the report.
class Section(StrEnum):
    TESTS = "tests"
    BUGS = "bugs"
    RATES = "rates"
    COMPARISON = "comparison"
    CRITICAL_BUGS = "critical_bugs"
    PRODUCTS = "products"
    TREND = "trend"
    FEATURES = "features"
    REJECTION_REASONS = "rejection_reasons"
    PLATFORMS = "platforms"


class Direction(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    # Where more is neither good nor bad.
    HIGHER = "higher"
    LOWER = "lower"
    UNKNOWN = "unknown"


SUFFIXES: Mapping[ReportFormat, str] = MappingProxyType(
    {
        ReportFormat.MARKDOWN: ".md",
        ReportFormat.JSON: ".json",
        ReportFormat.HTML: ".html",
        ReportFormat.XLSX: ".xlsx",
        ReportFormat.CSV: ".csv",
    }
)
# What people read in the answer itself; the others are always files.
SAID = frozenset({ReportFormat.MARKDOWN, ReportFormat.JSON})


@dataclass(frozen=True)
class ReportQuestion:
    """No sections means all of them."""

    scope: Scope = field(default_factory=Scope)
    compare: bool = True
    sections: tuple[Section, ...] = ()

    @property
    def wanted(self) -> tuple[Section, ...]:
        """The sections in their order, each once."""
        named = [section for section in Section if section in self.sections]
        return tuple(named or Section)

    @property
    def compares(self) -> bool:
        return self.compare and Section.COMPARISON in self.wanted


@dataclass(frozen=True)
class Output:
    """`file` is a name in the reports folder; "" has one chosen, or none made where none is due."""

    format: ReportFormat = ReportFormat.MARKDOWN
    file: str = ""
    overwrite: bool = False

    @property
    def is_file(self) -> bool:
        return bool(self.file) or self.format not in SAID


def usual_period(test_ids: tuple[int, ...]) -> str:
    """Of tests that are named there is nothing to leave out."""
    return "all" if test_ids else DEFAULT_PERIOD
