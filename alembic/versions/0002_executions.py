"""How features and user stories fared in tests, as the answer about a single test tells"""

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COUNTS = (
    *("testers_count", "devices_count", "total_features", "tested_features", "passed_features"),
    *("failed_features", "total_user_stories", "tested_user_stories", "passed_user_stories"),
    *("failed_user_stories", "blocked_user_stories", "total_bugs"),
)


def upgrade() -> None:
    op.create_table(
        "story_executions",
        sa.Column("test_feature_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("user_story_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("execution_status", sa.String(), nullable=True),
        sa.Column("tested_by_count", sa.Integer(), nullable=True),
        sa.Column("bugs_found", sa.Integer(), nullable=True),
        sa.Column("bug_ids", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["test_feature_id"],
            ["test_features.id"],
            name=op.f("fk_story_executions_test_feature_id_test_features"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("test_feature_id", "position", name=op.f("pk_story_executions")),
    )
    op.add_column("test_features", sa.Column("execution_status", sa.String(), nullable=True))
    op.add_column("test_features", sa.Column("tester_count", sa.Integer(), nullable=True))
    op.add_column("test_details", sa.Column("analytics", sa.JSON(), nullable=True))
    with op.batch_alter_table("tests", schema=None) as batch_op:
        for role in ("created_by_id", "submitted_by_id"):
            batch_op.create_index(
                batch_op.f(f"ix_tests_customer_id_{role}"), ["customer_id", role], unique=False
            )
    _fill()


def _fill() -> None:
    """From what was stored of tests that were read alone, unless a list has changed them since."""
    connection = op.get_bind()
    answers = connection.execute(
        sa.text(
            "SELECT payloads.id, payloads.customer_id, body, at FROM payloads"
            " JOIN stamps ON stamps.kind = 'test' AND stamps.id = payloads.id"
            " WHERE payloads.kind = 'tests' AND form = 'single' AND hash <> x''"
        )
    ).all()
    for test_id, customer_id, body, at in answers:
        sent = json.loads(zlib.decompress(body))
        owned = {"test_id": test_id, "customer_id": customer_id, "at": at}
        for statement, rows in _statements(sent, owned):
            if rows:
                connection.execute(sa.text(statement), rows)


def downgrade() -> None:
    with op.batch_alter_table("tests", schema=None) as batch_op:
        for role in ("created_by_id", "submitted_by_id"):
            batch_op.drop_index(batch_op.f(f"ix_tests_customer_id_{role}"))
    for table, columns in (
        ("test_details", ("analytics",)),
        ("test_features", ("execution_status", "tester_count")),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("story_executions")
    op.execute("DELETE FROM stamps WHERE kind = 'execution'")


def _statements(sent: Any, owned: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    features = _objects(sent.get("features"))
    stories = [
        {
            **owned,
            "feature": feature["id"],
            "position": position,
            "story": story["id"],
            "title": _word(story.get("title")) or _word(story.get("path")) or "",
            "status": _word(story.get("execution_status")),
            "testers": _number(story.get("tested_by_count")),
            "bugs": _number(story.get("bugs_found")),
            "bug_ids": _json([id for id in _listed(story.get("bug_ids")) if _number(id)]),
        }
        for feature in features
        for position, story in enumerate(_objects(feature.get("user_stories")))
    ]
    return [
        (
            "UPDATE test_features SET execution_status = :status, tester_count = :testers"
            " WHERE id = :feature AND test_id = :test_id AND customer_id = :customer_id",
            [
                {
                    **owned,
                    "feature": feature["id"],
                    "status": _word(feature.get("execution_status")),
                    "testers": _number(feature.get("tester_count")),
                }
                for feature in features
            ],
        ),
        (
            "INSERT INTO story_executions SELECT :feature, :position, :customer_id, :story, :title,"
            " :status, :testers, :bugs, :bug_ids FROM test_features"
            " WHERE id = :feature AND test_id = :test_id AND customer_id = :customer_id",
            stories,
        ),
        (
            "UPDATE test_details SET analytics = :analytics"
            " WHERE test_id = :test_id AND customer_id = :customer_id",
            [{**owned, "analytics": _json(_counts(sent.get("analytics")))}],
        ),
        (
            "INSERT INTO stamps (kind, id, customer_id, at)"
            " VALUES ('execution', :test_id, :customer_id, :at)",
            [owned],
        ),
    ]


def _objects(values: Any) -> list[dict[str, Any]]:
    """Those that have an id: what TestIO sends may be anything, and a migration must not fail."""
    return [
        value for value in _listed(values) if isinstance(value, dict) and _number(value.get("id"))
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return value if type(value) is int and abs(value) < 2**63 else None


def _counts(analytics: Any) -> dict[str, int | None] | None:
    """In the words of TestIO; those that it did not count are null."""
    if not isinstance(analytics, dict):
        return None
    return {name: _number(analytics.get(name)) for name in COUNTS}


def _json(value: Any) -> str | None:
    """In the form in which the sync writes it."""
    return None if value is None else json.dumps(value, separators=(",", ":"))
