"""What a caller sees of the sync and of the server itself."""

from datetime import datetime

from testio_mcp.views.base import Answer, View


class SyncReport(View):
    """`state`: started, joined, running_elsewhere, ok, partial, failed or cancelled."""

    run_id: int | None
    state: str
    trigger: str | None
    started_at: datetime | None
    finished_at: datetime | None
    # By kind: new, changed, unchanged, deleted, failed.
    counts: dict[str, dict[str, int]]
    incomplete: list[str]
    error: str | None


class SyncAnswer(Answer):
    sync: SyncReport


class LockHolder(View):
    pid: int
    command: str
    since: datetime


class Api(View):
    host: str
    # Null when it was not asked.
    reachable: bool | None
    latency_ms: int | None
    requests_sent: int
    requests_in_flight: int
    # About how many requests answers from the copy made unnecessary.
    requests_saved: int
    refreshes_in_flight: int
    last_error: str | None


class CacheFile(View):
    path: str
    size_bytes: int | None
    rows: dict[str, int]


class KindFreshness(View):
    """`stale_share` is of the units, 0 to 1."""

    kind: str
    units: int
    oldest: datetime | None
    newest: datetime | None
    stale_share: float


class ProductFreshness(View):
    """Of all that a product has; `stale_share` as above."""

    product_id: int
    product: str
    oldest: datetime | None
    newest: datetime | None
    stale_share: float


class UnknownValue(View):
    """A word TestIO uses that is documented nowhere; it is counted, never dropped."""

    field: str
    value: str
    count: int


class UnknownField(View):
    """A field that is documented nowhere, and how often TestIO sent it since the start."""

    field: str
    count: int


class Diagnostics(View):
    version: str
    python: str
    customer: str | None
    ready: bool
    # What keeps the server from working fully, and what to do about each.
    problems: list[str]
    warnings: list[str]
    api: Api
    database: CacheFile
    stamps: list[KindFreshness]
    products: list[ProductFreshness]
    syncs: list[SyncReport]
    lock_holder: LockHolder | None
    unknown_values: list[UnknownValue]
    unknown_fields: list[UnknownField]
    # Documented fields that came in a form that cannot be read, and were left out.
    unknown_forms: list[str]
    problematic_count: int | None
    settings: dict[str, str]


class DiagnosticsAnswer(Answer):
    diagnostics: Diagnostics
