"""Parameters that several tools share. Each is described once, here."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from testio_mcp.domain.bugs import BugSort, BugStatus, Known, Severity
from testio_mcp.domain.periods import GRAMMAR
from testio_mcp.domain.products import ProductSort, ProductType
from testio_mcp.domain.tests import TestingType, TestSort, TestStatus

T = TypeVar("T")
MAX_ID = 2**63 - 1


def _listed(value: Any) -> Any:
    """The forms in which clients and models send a list: JSON text, words with commas, one word."""
    if not isinstance(value, str):
        return [value] if isinstance(value, int) else value
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if isinstance(parsed, list):
        return parsed
    return [word.strip() for word in value.strip("[] ").split(",") if word.strip()]


def _storable(value: int) -> int:
    if abs(value) > MAX_ID:
        raise ValueError("no id is that large")
    return value


# In the schema it is any integer: a model gains nothing from knowing SQLite's largest one.
Id = Annotated[int, AfterValidator(_storable)]
# A plain array in the schema: clients trip over anything else.
Listed = Annotated[tuple[T, ...], BeforeValidator(_listed)]

ProductId = Annotated[Id, Field(description="Id of the product.")]
OnlyProductId = Annotated[Id, Field(description="Only this product; 0 means all.")]
TestId = Annotated[Id, Field(description="Id of the test.")]
BugId = Annotated[Id, Field(description="Id of the bug.")]
ProductIds = Annotated[Listed[Id], Field(description="Only these products; empty means all.")]
TestIds = Annotated[Listed[Id], Field(description="Only these tests; empty means all.")]
FeatureIds = Annotated[Listed[Id], Field(description="Only these features; empty means all.")]

ProductTypes = Annotated[Listed[ProductType], Field(description="Any of these; empty: all.")]
TestStatuses = Annotated[Listed[TestStatus], Field(description="Any of these; empty: all.")]
TestingTypes = Annotated[Listed[TestingType], Field(description="Any of these; empty: all.")]
BugStatuses = Annotated[Listed[BugStatus], Field(description="Any of these; empty: all.")]
Severities = Annotated[Listed[Severity], Field(description="Any of these; empty: all.")]
KnownFilter = Annotated[Known, Field(description="Bugs marked as known: any, yes, no.")]
RejectionReasons = Annotated[Listed[str], Field(description="Keys of reject reasons; empty: all.")]
ReportedBy = Annotated[Listed[str], Field(description="Names of testers; empty: all.")]
OperatingSystems = Annotated[
    Listed[str], Field(description="Systems of the bug's devices, such as iOS; empty: all.")
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
PageNumber = Annotated[int, Field(ge=1, le=1_000_000, description="Page to return, starting at 1.")]
PageSize = Annotated[int, Field(ge=1, le=100, description="Items per page.")]
WaitSeconds = Annotated[
    float, Field(ge=0, le=15, description="How long to wait for the end of the sync.")
]
