"""How many buckets a step on a cluster has done, done again, and not done."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("buckets_done", "buckets_retried", "buckets_failed"):
        op.add_column("job_runs", sa.Column(name, sa.Integer()))
