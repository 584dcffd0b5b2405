"""The canonical raw tables: their columns, types, and which of them a source must deliver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a canonical table; a required one is never null."""

    name: str
    type: str
    is_required: bool = False


@dataclass(frozen=True)
class Table:
    """A canonical table; `occurred_at` names the column that dates its facts, None for a table without.

    `never_before` names pairs of columns: a row whose first lies on an earlier day than its second is no fact.
    """

    name: str
    occurred_at: str | None
    columns: tuple[Column, ...]
    never_before: tuple[tuple[str, str], ...] = ()

    @property
    def types(self) -> dict[str, str]:
        """Column name to type, in order."""
        return {column.name: column.type for column in self.columns}

    @property
    def is_essential(self) -> bool:
        """Whether the table must have rows; an empty export of any other table is normal."""
        return self.name in {"customers", "subscriptions", "customer_snapshots"}

    @property
    def is_kept_in_files(self) -> bool:
        """Whether its rows stay in Parquet files: what happens is many rows, which nobody changes where they lie."""
        return self.name in {"payments", "sessions", "support_tickets", "contacts", "events"}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns a source must deliver."""
        return tuple(column.name for column in self.columns if column.is_required)


# What every raw table carries beside the data: which load, when, from which file, the how-manieth row in it, and until when
# nobody can have known of it, where that is known.
BOOKKEEPING: dict[str, str] = {
    "load_id": "BIGINT",
    "loaded_at": "TIMESTAMP",
    "source_file": "VARCHAR",
    "row_number": "BIGINT",
    "unknown_until": "TIMESTAMP",
}


def _table(
    name: str,
    occurred_at: str | None,
    *,
    required: str,
    optional: str,
    never_before: tuple[tuple[str, str], ...] = (),
) -> Table:
    def parsed(text: str, *, is_required: bool) -> list[Column]:
        return [
            Column(name, kind, is_required=is_required) for name, kind in (part.split() for part in text.split(","))
        ]

    known_at = [Column("known_at", "TIMESTAMP")]
    columns = parsed(required, is_required=True) + parsed(optional, is_required=False) + known_at
    return Table(name, occurred_at, tuple(columns), never_before)


_ALL = (
    _table(
        "customers",
        "signed_up_at",
        required="customer_id VARCHAR",
        optional="signed_up_at TIMESTAMP, birth_date DATE, city VARCHAR, country VARCHAR, email VARCHAR, phone VARCHAR, "
        "marketing_consent BOOLEAN, objected_at TIMESTAMP",
    ),
    _table(
        "subscriptions",
        "started_at",
        required="subscription_id VARCHAR, customer_id VARCHAR, started_at TIMESTAMP",
        optional="plan VARCHAR, monthly_fee DOUBLE, canceled_at TIMESTAMP, ended_at TIMESTAMP, end_reason VARCHAR, "
        "term_end TIMESTAMP, billing_interval VARCHAR",
        never_before=(("ended_at", "started_at"),),
    ),
    _table(
        "payments",
        "attempted_at",
        required="payment_id VARCHAR, customer_id VARCHAR, attempted_at TIMESTAMP",
        optional="amount DOUBLE, status VARCHAR, method VARCHAR",
    ),
    _table(
        "sessions",
        "started_at",
        required="customer_id VARCHAR, started_at TIMESTAMP",
        optional="duration_minutes DOUBLE",
    ),
    _table(
        "support_tickets",
        "opened_at",
        required="ticket_id VARCHAR, customer_id VARCHAR, opened_at TIMESTAMP",
        optional="closed_at TIMESTAMP, category VARCHAR",
        never_before=(("closed_at", "opened_at"),),
    ),
    _table(
        "contacts",
        "contacted_at",
        required="customer_id VARCHAR, contacted_at TIMESTAMP",
        optional="campaign VARCHAR, channel VARCHAR",
    ),
    _table(
        "events",
        "occurred_at",
        required="customer_id VARCHAR, event_type VARCHAR, occurred_at TIMESTAMP",
        optional="event_id VARCHAR, quantity DOUBLE",
    ),
    _table(
        "churn_events",
        "churned_at",
        required="customer_id VARCHAR, churned_at TIMESTAMP",
        optional="reason VARCHAR",
    ),
    _table(
        "customer_snapshots",
        None,
        required="customer_id VARCHAR",
        optional="snapshot_date DATE, has_churned BOOLEAN",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
