"""An imitation TestIO API over HTTP, with faults on request."""

from testio_mcp.sandbox.faults import Fault, FaultKind
from testio_mcp.sandbox.sandbox import Sandbox
from testio_mcp.sandbox.scale import (
    FOREIGN_BUG_IDS,
    FOREIGN_PRODUCT_IDS,
    FOREIGN_TEST_IDS,
    Scale,
)
from testio_mcp.sandbox.serving import run, serving
from testio_mcp.sandbox.world import World

__all__ = [
    "FOREIGN_BUG_IDS",
    "FOREIGN_PRODUCT_IDS",
    "FOREIGN_TEST_IDS",
    "Fault",
    "FaultKind",
    "Sandbox",
    "Scale",
    "World",
    "run",
    "serving",
]
