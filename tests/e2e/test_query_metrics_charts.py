"""Pictures that come with figures."""

from base64 import b64decode

import pytest
import time_machine

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED = {
    "line": {"metrics": ["bug_count", "open_bugs"], "by": ["month"], "period": "ytd"},
    "bar": {"metrics": ["rejection_rate"], "by": ["product"]},
    "stacked": {"metrics": ["bug_count"], "by": ["severity", "month"]},
    "heatmap": {"metrics": ["bugs_per_test"], "by": ["product", "quarter"]},
}


async def contents(server, **arguments):
    with time_machine.travel(server.now, tick=True):
        result = await server.client.call_tool("query_metrics", arguments)
    return result.content, result.structured_content


@pytest.mark.parametrize("kind", ASKED)
async def test_a_picture_comes_after_the_text(server, kind):
    plain, told = await contents(server, **ASKED[kind])
    for choice in (kind, "auto"):
        (text, picture), data = await contents(server, chart=choice, **ASKED[kind])
        assert (picture.type, picture.mime_type) == ("image", "image/png")
        assert b64decode(picture.data).startswith(b"\x89PNG")
        assert (text.type, data["items"]) == ("text", told["items"])
        assert data["notes"] == told["notes"]
    assert len(plain) == 1


async def test_no_picture_is_told_with_the_reason_beside_the_figures(server):
    (text,), data = await contents(server, metrics=["bug_count"], chart="auto")
    [note] = [note for note in data["notes"] if note.startswith("No chart:")]
    assert note in text.text
    assert data["items"][0]["bug_count"] > 0
