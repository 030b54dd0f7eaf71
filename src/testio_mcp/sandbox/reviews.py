"""What customers and team leads say about bugs: reasons of rejections and other comments."""

from random import Random

from testio_mcp.sandbox.chance import happens, one_of
from testio_mcp.sandbox.devices import Json
from testio_mcp.sandbox.people import TEAM_LEADS

REJECT_REASONS: tuple[Json, ...] = tuple(
    {"key": key, "name": name, "default_comment": comment}
    for key, name, comment in (
        ("duplicate", "Duplicate", "This bug was already reported in the same test."),
        ("known_bug", "Known bug", "This issue is already known to our team."),
        ("not_reproducible", "Not reproducible", "We could not reproduce this issue."),
        ("intended_behavior", "Intended behaviour", "This is how the feature is meant to work."),
        ("out_of_scope", "Out of scope", "This is outside the scope of this test."),
        ("ignored_instructions", "Instructions ignored", "The instructions were not followed."),
        ("insufficient_detail", "Not enough detail", "The report lacks details we need."),
        ("device_or_environment", "Device problem", "The cause is the device, not the product."),
    )
)

_UNKNOWN_REASONS = ("Not for us.", "Closing this one.", "We discussed it in the call, sorry.")
_THANKS = ("Thanks, fixed in the next build.", "Good catch!", "Confirmed on our side.")
_QUESTIONS = ("Does it happen with a fresh account, too?", "Please attach a video.")
# Of rejections, how many say nothing that fits a reason.
_UNKNOWN_SHARE = 0.1
_SILENT_SHARE = 0.75


def comment(bug_id: int, number: int, body: str, author: str) -> Json:
    return {"id": bug_id * 10 + number, "body": body, "author": {"name": author}}


def comments(bug_id: int, status: str, known: bool, author: str, rng: Random) -> list[Json]:
    if status == "rejected":
        return _rejection(bug_id, author, rng)
    if known:
        return [comment(bug_id, 0, f"Known on our side, ticket {bug_id % 9_000 + 1_000}.", author)]
    if happens(_SILENT_SHARE, rng):
        return []
    if status == "forwarded":
        return [comment(bug_id, 0, one_of(_QUESTIONS, rng), one_of(TEAM_LEADS, rng))]
    return [comment(bug_id, 0, one_of(_THANKS, rng), author)]


def _rejection(bug_id: int, author: str, rng: Random) -> list[Json]:
    """The default comment of a reason in one of them, as people leave it or change it."""
    if happens(_UNKNOWN_SHARE, rng):
        bodies = [one_of(_UNKNOWN_REASONS, rng)] if happens(0.7, rng) else []
    else:
        bodies = [_reworded(str(one_of(REJECT_REASONS, rng)["default_comment"]), rng)]
        if happens(0.2, rng):
            bodies.insert(0, one_of(_QUESTIONS, rng))
    return [comment(bug_id, number, body, author) for number, body in enumerate(bodies)]


def _reworded(text: str, rng: Random) -> str:
    """Most often as it is."""
    long = f"Hello, and thank you for the report. {text} Please look at the overview first."
    return one_of((text, text, text, text, text, text.upper(), text.lower(), long), rng)
