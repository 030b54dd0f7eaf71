"""Indexes that hold all that figures are counted by"""

from alembic import op

revision = "0004"
down_revision = "0003"

COUNTED = [
    "status",
    "severity",
    "deleted_at",
    "known",
    "feature_id",
    "reported_at",
    "rejection_reason",
]
OLD = (
    ("bugs", ["customer_id", "test_id", "status", "severity", "deleted_at"]),
    ("bugs", ["customer_id", "reporter_id"]),
    ("tests", ["customer_id", "product_id", "end_at"]),
)
NEW = (
    ("ix_bugs_of_tests", "bugs", ["customer_id", "test_id", *COUNTED, "reporter_id"]),
    ("ix_bugs_of_testers", "bugs", ["customer_id", "reporter_id", *COUNTED, "test_id"]),
    (
        "ix_tests_of_products",
        "tests",
        [
            "customer_id",
            "product_id",
            "end_at",
            "status",
            "deleted_at",
            "testing_type",
            "start_at",
            "created_by_id",
            "submitted_by_id",
            "environment_title",
            "first_seen_at",
            "status_changed_at",
        ],
    ),
)


def upgrade() -> None:
    for table, columns in OLD:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
    for name, table, columns in NEW:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in NEW:
        op.drop_index(name, table)
    for table, columns in OLD:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
