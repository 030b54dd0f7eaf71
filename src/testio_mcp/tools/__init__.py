"""The MCP surface. This list is the table of contents."""

from testio_mcp.tools import bugs, diagnostics, problems, products, syncs, tests

TOOLS = (
    products.list_products,
    products.get_product_summary,
    tests.list_tests,
    tests.get_test_summary,
    bugs.list_bugs,
    bugs.get_bug_summary,
    syncs.sync_data,
    diagnostics.get_server_diagnostics,
    problems.get_problematic_tests,
)
