"""The score lists of a PostgreSQL store: each list is a partition of its own, and `scores` is a view of the current one.

Writing into a new, empty table lets indexes be built after the rows, which takes a third of the time of maintaining
them, and leaves nothing to vacuum. The pointer to the current list is a row, so it obeys the reader's snapshot: whoever
began before a publication reads the list before to the end, while a swap of tables would show them an empty one.

    scores            view: the rows of the current list, with the columns that `tables.py` describes
    score_lists       the partitioned table behind it; score_list_7 is the partition of list 7
    score_list_state  the pointer, and by which transaction a list was replaced

An SQLite store has none of this: `scores` is a table there. A migration that adds a column to `scores` has to add it to
`score_lists` on PostgreSQL, and make the view anew.
"""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.errors import StoreBusy
from churn.store.database import Database
from churn.store.tables import metadata, scores

if TYPE_CHECKING:
    import polars as pl

LISTS = "score_lists"
_SORT_MEMORY = "256MB"  # for an index of five million customers
_ROWS = 50_000  # copied at a time
_TRIES, _PAUSE = 20, 0.05  # to find a moment without readers; after that the next publication looks for one

score_list_state = sa.Table(
    "score_list_state",
    sa.MetaData(naming_convention=metadata.naming_convention),
    sa.Column("list_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("is_current", sa.Boolean, nullable=False),
    sa.Column("replaced_by", sa.BigInteger),  # the transaction that replaced it
)


def partition_name(number: int) -> str:
    """Return the name of the table that holds list `number`."""
    return f"score_list_{number}"


def partition_names(connection: sa.Connection) -> frozenset[str]:
    """Return the names of the partitions that there are; none on SQLite."""
    if connection.dialect.name == "sqlite":
        return frozenset()
    children = (
        "select c.relname from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = to_regclass(:lists)"
    )
    return frozenset(connection.execute(sa.text(children), {"lists": LISTS}).scalars())


def publish_list(connection: sa.Connection, rows: pl.DataFrame) -> None:
    """Write `rows` as a new list and make it the current one, inside the transaction that `connection` has open."""
    table = begin_list(connection)
    if not rows.is_empty():
        # Frozen rows are visible to snapshots of before as well: the pointer alone says who reads them.
        statement = f"copy {table.name} ({', '.join(rows.columns)}) from stdin (format csv, freeze)"
        cursor = connection.connection.cursor()
        try:
            with cursor.copy(statement) as copy:
                for part in rows.iter_slices(_ROWS):
                    copy.write(part.write_csv(include_header=False).encode())
        finally:
            cursor.close()
    end_list(connection, table)


def begin_list(connection: sa.Connection) -> sa.Table:
    """Return the empty table of a new list, which readers do not see before `end_list`. Writers wait for one another."""
    connection.execute(sa.text(f"lock table {score_list_state.name} in share row exclusive mode"))
    newest = connection.execute(sa.select(sa.func.max(score_list_state.c.list_number))).scalar() or 0
    number = int(newest) + 1
    table = _described(number)
    # Attached while empty, so that no row has to be looked through; creating it as a partition would lock readers out.
    for statement in (
        f"create table {table.name} (like {LISTS})",
        f"alter table {table.name} alter column list_number set default {number}",
        f"alter table {LISTS} attach partition {table.name} for values in ({number})",
    ):
        connection.exec_driver_sql(statement)
    connection.execute(sa.insert(score_list_state).values(list_number=number, is_current=False))
    return table


def end_list(connection: sa.Connection, table: sa.Table) -> None:
    """Give a new list its indexes and statistics, and make it the current one for whoever begins after the commit."""
    connection.exec_driver_sql(f"set local maintenance_work_mem = '{_SORT_MEMORY}'")
    connection.execute(sa.schema.AddConstraint(table.primary_key))
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        index.create(connection)
    connection.exec_driver_sql(f"analyze {table.name}")
    state = score_list_state
    connection.execute(
        sa.update(state).where(state.c.is_current).values(is_current=False, replaced_by=sa.func.txid_current())
    )
    number = int(table.name.removeprefix(partition_name(0)[:-1]))
    connection.execute(sa.update(state).where(state.c.list_number == number).values(is_current=True))


def drop_replaced_lists(database: Database) -> None:
    """Drop the lists that were replaced, as far as nobody may read them any more; never let a reader wait.

    Called when the next publication begins, so that a list outlives its replacement by one cycle.
    """
    if database.is_sqlite:
        return
    # Tried for a moment in which nobody reads: a request that waits for it would hold up later readers.
    for _ in range(_TRIES):
        try:
            # The pointer is locked first, as one who publishes does: each would wait for what the other holds.
            with database.write(lock=score_list_state, waits=False) as connection:
                _drop_unseen(connection)
        except StoreBusy:
            sleep(_PAUSE)
        else:
            return


def _drop_unseen(connection: sa.Connection) -> None:
    """Drop what no snapshot of this database can see any more. Raises StoreBusy while somebody reads."""
    state = score_list_state
    # A session whose oldest snapshot is older than the replacement may still look for the list before.
    sessions = "from pg_stat_activity where datname = current_database() and backend_type = 'client backend'"
    oldest = sa.text(f"(select txid_current() - coalesce(max(age(backend_xmin)), 0) {sessions})")
    unseen = sa.select(state.c.list_number).where(~state.c.is_current, state.c.replaced_by < oldest)
    numbers = list(connection.execute(unseen).scalars())
    if not numbers:
        return
    connection.exec_driver_sql(f"lock table {LISTS} in access exclusive mode nowait")
    for number in numbers:
        connection.exec_driver_sql(f"drop table if exists {partition_name(number)}")
    connection.execute(sa.delete(state).where(state.c.list_number.in_(numbers)))


def _described(number: int) -> sa.Table:
    """Return the table of a list as `tables.py` describes `scores`, with names of its own."""
    name = partition_name(number)
    table = scores.to_metadata(sa.MetaData(), name=name)
    table.primary_key.name = f"pk_{name}"
    for index in table.indexes:
        index.name = sa.sql.quoted_name(str(index.name).replace("ix_scores", f"ix_{name}", 1), quote=None)
    return table
