"""Parameters that several tools share. Each is described once, here."""

from typing import Annotated

from pydantic import Field

from testio_mcp.domain.bugs import BugSort, BugStatus, Known, Severity
from testio_mcp.domain.periods import GRAMMAR
from testio_mcp.domain.products import ProductSort, ProductType
from testio_mcp.domain.tests import TestingType, TestSort, TestStatus

ProductId = Annotated[int, Field(description="Id of the product.")]
TestId = Annotated[int, Field(description="Id of the test.")]
BugId = Annotated[int, Field(description="Id of the bug.")]
ProductIds = Annotated[tuple[int, ...], Field(description="Only these products; empty means all.")]
TestIds = Annotated[tuple[int, ...], Field(description="Only these tests; empty means all.")]
FeatureIds = Annotated[tuple[int, ...], Field(description="Only these features; empty means all.")]

ProductTypes = Annotated[tuple[ProductType, ...], Field(description="Any of these; empty: all.")]
TestStatuses = Annotated[tuple[TestStatus, ...], Field(description="Any of these; empty: all.")]
TestingTypes = Annotated[tuple[TestingType, ...], Field(description="Any of these; empty: all.")]
BugStatuses = Annotated[tuple[BugStatus, ...], Field(description="Any of these; empty: all.")]
Severities = Annotated[tuple[Severity, ...], Field(description="Any of these; empty: all.")]
KnownFilter = Annotated[Known, Field(description="Bugs marked as known: any, yes, no.")]
RejectionReasons = Annotated[
    tuple[str, ...], Field(description="Keys of reject reasons; empty: all.")
]
ReportedBy = Annotated[tuple[str, ...], Field(description="Names of testers; empty: all.")]
OperatingSystems = Annotated[
    tuple[str, ...], Field(description="Systems of the bug's devices, such as iOS; empty: all.")
]

EndPeriod = Annotated[str, Field(description=f"Period of the test's end: {GRAMMAR}.")]
ReportPeriod = Annotated[str, Field(description="Period of the report; grammar as in list_tests.")]
Since = Annotated[
    str, Field(description="Only tests that ended in or since this period, as in list_tests.")
]

ProductOrder = Annotated[ProductSort, Field(description="-name is descending.")]
TestOrder = Annotated[TestSort, Field(description="-name is descending.")]
BugOrder = Annotated[
    BugSort, Field(description="-name is descending; -severity puts critical first.")
]
PageNumber = Annotated[int, Field(ge=1, description="Page to return, starting at 1.")]
PageSize = Annotated[int, Field(ge=1, le=100, description="Items per page.")]
WaitSeconds = Annotated[
    float, Field(ge=0, le=15, description="How long to wait for the end of the sync.")
]
