"""What a computer is like on which testio-mcp is set up for the first time."""

import json

TOKEN = "0123-s3cr3t-token"
NOWHERE = "http://127.0.0.1:9/customer/v2"
OTHER = {"mcpServers": {"other": {"command": "other"}}}
# The whole of it without a person, and without the time that a sync takes.
ALONE = ("setup", "--no-input", "--no-sync")


def entry(file):
    return json.loads(file.read_text("utf-8"))["mcpServers"]["testio"]
