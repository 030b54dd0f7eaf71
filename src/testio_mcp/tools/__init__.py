"""The MCP surface. This list is the table of contents."""

from testio_mcp.tools import (
    bugs,
    diagnostics,
    features,
    metrics,
    problems,
    products,
    reports,
    search,
    syncs,
    tests,
    user_stories,
    users,
)

TOOLS = (
    products.list_products,
    products.get_product_summary,
    tests.list_tests,
    tests.get_test_summary,
    features.list_features,
    features.get_feature_summary,
    user_stories.list_user_stories,
    users.list_users,
    users.get_user_summary,
    bugs.list_bugs,
    bugs.get_bug_summary,
    search.search,
    metrics.query_metrics,
    reports.generate_quality_report,
    syncs.sync_data,
    diagnostics.get_server_diagnostics,
    problems.get_problematic_tests,
)
