"""MCP server for TestIO data, answered from a local SQLite copy."""
