"""MCP clients: where they keep their configuration, what stands in it, and what it starts."""
