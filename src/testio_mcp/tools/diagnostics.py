"""The tool that says how the server is."""

from typing import Annotated

from testio_mcp.rendering.syncs import diagnostics_answer
from testio_mcp.services.diagnostics import DiagnosticsService
from testio_mcp.tools.define import read_tool, service
from testio_mcp.views.syncs import DiagnosticsAnswer

Diagnostics = Annotated[DiagnosticsService, service(DiagnosticsService)]


@read_tool(diagnostics_answer)
async def get_server_diagnostics(diagnostics: Diagnostics) -> DiagnosticsAnswer:
    """Say whether the server works and figures are current, and what to do about problems."""
    return await diagnostics.get()
