"""Run by Alembic: migrates over the connection, and inside the transaction, that `churn.store.migration` hands it."""

from alembic import context

from churn.store.programme_tables import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema,
    transactional_ddl=True,  # Alembic would not expect it of SQLite
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
