"""Syncs and diagnostics as text."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from testio_mcp.rendering.answers import closing, paragraphs
from testio_mcp.rendering.markdown import bullets, count, inline, moment, rate, table
from testio_mcp.views.syncs import (
    Diagnostics,
    DiagnosticsAnswer,
    LockHolder,
    SyncAnswer,
    SyncReport,
)

STATES = {
    "started": "A sync has been started and goes on in the background.",
    "joined": "A sync was running already and goes on in the background.",
    "running_elsewhere": "Another process is syncing this cache.",
    "running": "A sync is running.",
    "ok": "The sync is complete.",
    "partial": "The sync is done, but something could not be read.",
    "failed": "The sync failed.",
    "cancelled": "The sync was cancelled; what it had read was kept.",
    "never": "No sync has run yet.",
}
OUTCOMES = ("new", "changed", "unchanged", "deleted", "failed")
# What was read in one go and has an age of its own.
UNITS = {
    "products": "list of products",
    "reject_reasons": "list of rejection reasons",
    "features": "catalogues of features",
    "tests": "newest tests of a product",
    "all_tests": "all tests of a product",
    "test": "single tests",
    "bugs": "bugs of a test",
    "execution": "execution of a test",
}
# Of stale products; the rest is counted.
SHOWN = 10
# What is worth a word in a row about a run.
MOVED = ("new", "changed", "deleted", "failed")


def sync_answer(answer: SyncAnswer, zone: ZoneInfo) -> str:
    return paragraphs(sync_report(answer.sync, zone), closing(answer, zone))


def sync_report(report: SyncReport, zone: ZoneInfo) -> str:
    facts = [
        ("run", str(report.run_id) if report.run_id else None),
        ("started", moment(report.started_at, zone)),
        ("finished", moment(report.finished_at, zone)),
        ("error", None if report.incomplete else report.error),
    ]
    missing = "\n".join(f"- {inline(line)}" for line in report.incomplete)
    return paragraphs(
        f"**{STATES.get(report.state, report.state)}**",
        bullets(facts),
        _counts(report),
        missing and f"Missing\n\n{missing}",
    )


def sync_history(reports: Sequence[SyncReport], zone: ZoneInfo) -> str:
    """A row a run, newest first."""
    rows = [
        (
            str(report.run_id),
            moment(report.started_at, zone),
            report.state,
            report.trigger,
            _seconds(report),
            _in_short(report),
            # What is missing names its own error.
            "; ".join(report.incomplete) or report.error,
        )
        for report in reports
    ]
    headers = ("run", "started", "state", "by", "took", "counted", "missing")
    return table(headers, rows) if rows else STATES["never"]


def sync_status(reports: Sequence[SyncReport], holder: LockHolder | None, zone: ZoneInfo) -> str:
    """The last runs, and who syncs now."""
    now = f"Syncing now: {_held(holder, zone)}" if holder else None
    return paragraphs(sync_history(reports, zone), now)


def diagnostics_answer(answer: DiagnosticsAnswer, zone: ZoneInfo) -> str:
    found = answer.diagnostics
    state = "ready" if found.ready else "not ready"
    return paragraphs(
        f"**testio-mcp {found.version} is {state}**",
        "\n".join(f"- Problem: {inline(line)}" for line in found.problems) or None,
        "\n".join(f"- Warning: {inline(line)}" for line in found.warnings) or None,
        bullets(_facts(found, zone)),
        table(
            ("kind", "read", "oldest", "newest", "stale"),
            [
                (
                    UNITS.get(kind.kind, kind.kind),
                    kind.units,
                    moment(kind.oldest, zone),
                    moment(kind.newest, zone),
                    rate(kind.stale_share),
                )
                for kind in found.stamps
            ],
        ),
        _stale_products(found, zone),
        f"Last syncs\n\n{sync_history(found.syncs, zone)}" if found.syncs else None,
        closing(answer, zone),
    )


def _stale_products(found: Diagnostics, zone: ZoneInfo) -> str | None:
    """Only those of which something is stale, the worst first."""
    stale = sorted(found.products, key=lambda product: -product.stale_share)
    rows = [
        (
            product.product_id,
            product.product,
            moment(product.oldest, zone),
            moment(product.newest, zone),
            rate(product.stale_share),
        )
        for product in stale
        if product.stale_share
    ]
    if not rows:
        return None
    headers = ("product", "name", "oldest", "newest", "stale")
    more = f"\n\n{len(rows) - SHOWN} more." if len(rows) > SHOWN else ""
    return f"Stale products\n\n{table(headers, rows[:SHOWN])}{more}"


def _facts(found: Diagnostics, zone: ZoneInfo) -> list[tuple[str, str | None]]:
    api, file, holder = found.api, found.database, found.lock_holder
    reached = {None: "not asked", True: f"answers in {api.latency_ms} ms", False: "not reachable"}
    size = "missing" if file.size_bytes is None else f"{file.size_bytes / 1e6:,.1f} MB"
    unknown = [f"{word.field} {word.value!r} ({word.count})" for word in found.unknown_values]
    held = _held(holder, zone) if holder else None
    fields = [f"{inline(one.field)} ({count(one.count)})" for one in found.unknown_fields]
    rows = [f"{name.replace('_', ' ')} {count(n)}" for name, n in file.rows.items()]
    return [
        ("customer", found.customer),
        ("TestIO", f"{api.host}, {reached[api.reachable]}"),
        (
            "requests",
            f"{count(api.requests_sent)} sent, {api.requests_in_flight} in flight, "
            f"about {count(api.requests_saved)} saved",
        ),
        ("refreshes under way", str(api.refreshes_in_flight) if api.refreshes_in_flight else None),
        ("last error", api.last_error),
        ("cache", f"{file.path}, {size}"),
        ("rows", ", ".join(rows) or None),
        ("syncing now", held),
        ("could not be read", _problems(found.problematic_count)),
        ("undocumented values", ", ".join(unknown) or None),
        ("undocumented fields", ", ".join(fields) or None),
        ("fields in an unknown form", ", ".join(found.unknown_forms) or None),
        ("settings", ", ".join(f"{k}={v}" for k, v in found.settings.items()) or None),
        ("Python", found.python),
    ]


def _problems(number: int | None) -> str:
    """How many there are, and who says what they are."""
    return f"{count(number)}{': get_problematic_tests says what and why' if number else ''}"


def _held(holder: LockHolder, zone: ZoneInfo) -> str:
    return f"pid {holder.pid} ({holder.command}) since {moment(holder.since, zone)}"


def _counts(report: SyncReport) -> str:
    rows = [
        (kind.replace("_", " "), *(count(counts[o]) if o in counts else None for o in OUTCOMES))
        for kind, counts in report.counts.items()
    ]
    return table(("kind", *OUTCOMES), rows)


def _in_short(report: SyncReport) -> str | None:
    """What was counted, without what was as before: 'tests 3 new, 1 deleted; bugs 12 new'."""
    kinds = [
        f"{kind.replace('_', ' ')} "
        + ", ".join(f"{count(counts[o])} {o}" for o in MOVED if counts.get(o))
        for kind, counts in report.counts.items()
        if any(counts.get(o) for o in MOVED)
    ]
    return "; ".join(kinds) or ("nothing new" if report.counts else None)


def _seconds(report: SyncReport) -> str | None:
    if report.started_at is None or report.finished_at is None:
        return None
    return f"{(report.finished_at - report.started_at).total_seconds():.1f} s"
