"""Instants as TestIO writes them: ISO 8601 with any offset."""

from datetime import UTC, datetime, timedelta, timezone

OFFSETS = tuple(
    timezone(timedelta(minutes=minutes)) for minutes in (0, 120, 60, -300, 330, 540, -180)
)


def written(instant: datetime, offset: timezone = UTC, *, short: bool = False) -> str:
    """`short` writes UTC with a Z, as some deployments do."""
    # Converting is half of the cost, and bugs are written by the thousand.
    if instant.tzinfo is not offset:
        instant = instant.astimezone(offset)
    text = instant.isoformat(timespec="seconds")
    return text.replace("+00:00", "Z") if short else text


def read(text: object) -> datetime | None:
    """None for what is no instant: a fault may have put anything in its place."""
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant if instant.tzinfo else None
