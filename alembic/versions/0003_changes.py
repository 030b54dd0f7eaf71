"""Indexes of what has changed and of what is gone"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

HAS_MOVED = sa.text("previous_status IS NOT NULL")
IS_GONE = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_tests_customer_id_first_seen_at", "tests", ["customer_id", "first_seen_at"])
    for table in ("tests", "bugs"):
        for column, rows in (("status_changed_at", HAS_MOVED), ("deleted_at", IS_GONE)):
            op.create_index(
                f"ix_{table}_customer_id_{column}",
                table,
                ["customer_id", column],
                sqlite_where=rows,
            )


def downgrade() -> None:
    op.drop_index("ix_tests_customer_id_first_seen_at", "tests")
    for table in ("tests", "bugs"):
        for column in ("status_changed_at", "deleted_at"):
            op.drop_index(f"ix_{table}_customer_id_{column}", table)
