"""The published tables: what is written beside the warehouse for SQL and BI, and what each column means."""

from __future__ import annotations

from datetime import datetime

from churn.documents.document import Document


class PublishedColumn(Document):
    """A column with its type (DuckDB's name of it); `is_personal` where it names or describes a customer."""

    name: str
    type: str
    description: str
    is_personal: bool


class PublishedTable(Document):
    """A table; `grain` says what one row is."""

    name: str
    grain: str
    description: str
    columns: tuple[PublishedColumn, ...]
    rows: int


class PublishedTables(Document):
    """All tables as of one instant; `data_cutoff` is the newest fact behind them."""

    published_at: datetime
    data_cutoff: datetime
    currency: str
    tables: tuple[PublishedTable, ...]
