"""Every table, imported here so that `metadata` is complete."""

from sqlmodel import SQLModel

from testio_mcp.tables.bug import Bug, BugDetails, BugDevice
from testio_mcp.tables.customer import Customer
from testio_mcp.tables.feature import Feature, StoryExecution, TestFeature, UserStory
from testio_mcp.tables.fence import fence
from testio_mcp.tables.problem import Problem, ProblemTest
from testio_mcp.tables.product import Product
from testio_mcp.tables.reject_reason import RejectReason
from testio_mcp.tables.sync import Payload, Stamp, SyncRun, stamp_of
from testio_mcp.tables.test import Test, TestDetails
from testio_mcp.tables.user import User

__all__ = [
    "TABLES",
    "Bug",
    "BugDetails",
    "BugDevice",
    "Customer",
    "Feature",
    "Payload",
    "Problem",
    "ProblemTest",
    "Product",
    "RejectReason",
    "Stamp",
    "StoryExecution",
    "SyncRun",
    "Test",
    "TestDetails",
    "TestFeature",
    "User",
    "UserStory",
    "fence",
    "metadata",
    "stamp_of",
]

TABLES: tuple[type[SQLModel], ...] = (
    Customer,
    Product,
    User,
    Test,
    TestDetails,
    Feature,
    TestFeature,
    StoryExecution,
    UserStory,
    Bug,
    BugDetails,
    BugDevice,
    RejectReason,
    Problem,
    ProblemTest,
    SyncRun,
    Stamp,
    Payload,
)

metadata = SQLModel.metadata
