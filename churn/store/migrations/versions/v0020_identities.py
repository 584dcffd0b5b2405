"""People whom an identity provider vouches for: who they are there, no password here, and the token to sign out with."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.alter_column("password_hash", existing_type=sa.Text(), nullable=True)
        users.add_column(sa.Column("issuer", sa.Text()))
        users.add_column(sa.Column("subject", sa.Text()))
        users.create_unique_constraint("uq_users_identity", ["issuer", "subject"])
    op.add_column("web_sessions", sa.Column("id_token", sa.Text()))
