"""Parameters that several tools share. Each is described once, here."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator

from testio_mcp.analytics.dimensions import DIMENSIONS
from testio_mcp.analytics.metrics import METRICS
from testio_mcp.domain.bugs import BugSort, BugStatus, Detail, Known, Severity
from testio_mcp.domain.features import FeatureSort, HasUserStories
from testio_mcp.domain.metrics import MOST_ROWS, ChartChoice
from testio_mcp.domain.periods import GRAMMAR
from testio_mcp.domain.products import ProductSort, ProductType
from testio_mcp.domain.reports import DEFAULT_PERIOD, ReportFormat, Section
from testio_mcp.domain.search import SearchKind
from testio_mcp.domain.tests import TestingType, TestSort, TestStatus
from testio_mcp.domain.user_stories import WantedExecution
from testio_mcp.domain.users import UserSort, UserType
from testio_mcp.tools.inputs import (
    BUG_STATUSES,
    SEVERITIES,
    TEST_STATUSES,
    TESTING_TYPES,
    id_of,
    listed,
    product,
    storable,
    switch,
    text_of,
    word,
    words,
)

T = TypeVar("T")

# In the schema it is any integer: a model gains nothing from knowing SQLite's largest one.
Id = Annotated[int, AfterValidator(storable)]
_Product = Annotated[Id, BeforeValidator(id_of("product")), WrapValidator(product)]
_Test = Annotated[Id, BeforeValidator(id_of("test"))]
_Feature = Annotated[Id, BeforeValidator(id_of("feature"))]
# A plain array in the schema: clients trip over anything else.
Listed = Annotated[tuple[T, ...], BeforeValidator(listed)]
OneOf = Annotated[T, BeforeValidator(word)]

ProductId = Annotated[_Product, Field(description="Id of the product, or its name.")]
OnlyProductId = Annotated[_Product, Field(description="Only this product; 0 means all.")]
TestId = Annotated[_Test, Field(description="Id of the test.")]
FeatureId = Annotated[_Feature, Field(description="Id of the feature.")]
BugId = Annotated[
    Id, BeforeValidator(id_of("bug")), Field(description="Id of the bug, or its link.")
]
ProductIds = Annotated[
    Listed[_Product], Field(description="Only these products, by id or name; empty means all.")
]
TestIds = Annotated[Listed[_Test], Field(description="Only these tests; empty means all.")]
FeatureIds = Annotated[Listed[_Feature], Field(description="Only these features; empty means all.")]

Words = Annotated[str, Field(description="Words in the texts, as in search.")]
ChangedSince = Annotated[
    str, Field(description="Only new ones and changed statuses since a period or date begins.")
]
DetailRung = Annotated[OneOf[Detail], Field(description="How much of each bug is told.")]
Search = Annotated[str, Field(description="Text in the name or title.")]
ProductTypes = Annotated[
    tuple[ProductType, ...],
    BeforeValidator(words({})),
    Field(description="Any of these; empty: all."),
]
TestStatuses = Annotated[
    tuple[TestStatus, ...],
    BeforeValidator(words(TEST_STATUSES)),
    Field(description="Any of these; empty: all."),
]
TestingTypes = Annotated[
    tuple[TestingType, ...],
    BeforeValidator(words(TESTING_TYPES)),
    Field(description="Any of these; empty: all."),
]
BugStatuses = Annotated[
    tuple[BugStatus, ...],
    BeforeValidator(words(BUG_STATUSES)),
    Field(description="Any of these; empty: all."),
]
Severities = Annotated[
    tuple[Severity, ...],
    BeforeValidator(words(SEVERITIES)),
    Field(description="Any of these; empty: all."),
]
KnownFilter = Annotated[
    Known,
    BeforeValidator(switch("yes", "no")),
    Field(description="Bugs marked as known: any, yes, no."),
]
RejectionReasons = Annotated[
    Listed[str], Field(description="Keys of rejection reasons; empty: all.")
]
ReportedBy = Annotated[Listed[str], Field(description="Names of testers; empty: all.")]
OperatingSystems = Annotated[
    Listed[str], Field(description="Systems of the bug's devices, such as iOS; empty: all.")
]

StoriesFilter = Annotated[
    HasUserStories,
    BeforeValidator(switch("yes", "no")),
    Field(description="Features with user stories: any, yes, no."),
]
ExecutionFilter = Annotated[OneOf[WantedExecution], Field(description="Needs test_id.")]
UserKind = Annotated[OneOf[UserType], Field(description="Who finds bugs, or who orders tests.")]
# Models send ids as numbers as well as text.
UserReference = Annotated[
    str, BeforeValidator(text_of), Field(description="Id, or name or part of it.")
]

EndPeriod = Annotated[str, Field(description=f"Period of the test's end: {GRAMMAR}.")]
TestPeriod = Annotated[
    str, Field(description="Period of the test's end; grammar as in list_tests.")
]
ReportPeriod = Annotated[str, Field(description="Period of the report; grammar as in list_tests.")]
Since = Annotated[
    str, Field(description="Only tests that ended in or since this period, as in list_tests.")
]

# Plain text with its words in the schema: a wrong one is answered with the closest.
MetricName = Annotated[str, Field(json_schema_extra={"enum": [*METRICS]})]
DimensionName = Annotated[str, Field(json_schema_extra={"enum": [*DIMENSIONS]})]
MetricNames = Annotated[
    tuple[MetricName, ...], BeforeValidator(words({})), Field(description="What to measure.")
]
DimensionNames = Annotated[
    tuple[DimensionName, ...],
    BeforeValidator(words({})),
    Field(description="At most three dimensions."),
]
FigureStatuses = Annotated[
    tuple[TestStatus, ...],
    BeforeValidator(words(TEST_STATUSES)),
    Field(description="Of tests; empty: running, locked, archived."),
]
FigureOrder = Annotated[
    OneOf[str], Field(description="A metric or dimension; -name is descending.")
]
RowLimit = Annotated[int, Field(ge=1, le=MOST_ROWS, description="Most items to return.")]
ChartKind = Annotated[
    ChartChoice, BeforeValidator(switch("auto", "")), Field(description="Also draw a picture.")
]

ExcludedTestIds = Annotated[Listed[_Test], Field(description="Tests to leave out.")]
UsualPeriod = Annotated[
    str,
    Field(
        description=f"Of the test's end, as in list_tests; empty: {DEFAULT_PERIOD}, "
        "or all time of test_ids."
    ),
]
ComparePrevious = Annotated[bool, Field(description="With the period before.")]
ReportSections = Annotated[
    tuple[Section, ...],
    BeforeValidator(words({})),
    Field(description="Only these, at length; empty: all, shortened in chat."),
]
ReportFormatChoice = Annotated[
    OneOf[ReportFormat], Field(description="html, xlsx and csv are saved as a file.")
]
OutputFile = Annotated[
    str, Field(description="Plain name, saved in the reports folder; html, xlsx, csv need none.")
]
MayOverwrite = Annotated[bool, Field(description="Replace a file of that name.")]

ProductOrder = Annotated[OneOf[ProductSort], Field(description="-name is descending.")]
TestOrder = Annotated[OneOf[TestSort], Field(description="-name is descending.")]
BugOrder = Annotated[
    OneOf[BugSort], Field(description="-name is descending; -severity puts critical first.")
]
FeatureOrder = Annotated[OneOf[FeatureSort], Field(description="-name is descending.")]
UserOrder = Annotated[OneOf[UserSort], Field(description="-name is descending.")]
SearchQuery = Annotated[
    str,
    BeforeValidator(text_of),
    Field(description='Words, "a phrase", begin*, an id or a link to TestIO.'),
]
SearchKinds = Annotated[
    tuple[SearchKind, ...],
    BeforeValidator(words({})),
    Field(description="Any of these; empty: all."),
]
AnyPeriod = Annotated[
    str, Field(description="Period of a bug's report or a test's end; grammar as in list_tests.")
]
HitLimit = Annotated[int, Field(ge=1, le=50, description="Most items to return.")]
PageNumber = Annotated[int, Field(ge=1, le=1_000_000, description="Page to return, starting at 1.")]
PageSize = Annotated[int, Field(ge=1, le=100, description="Items per page.")]
WaitSeconds = Annotated[
    float, Field(ge=0, le=15, description="How long to wait for the end of the sync.")
]
