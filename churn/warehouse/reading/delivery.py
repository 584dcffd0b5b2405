"""What a source hands over: a relation that may be scanned, with its columns, the files behind it, and unreadable lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SourceFile:
    """A file to load: the name it is known by, where it lies on this machine, and what tells a change."""

    name: str
    path: Path
    size: int
    changed: str  # modification time, ETag, or the like: equal means unchanged
    content_hash: str = ""


@dataclass(frozen=True)
class BadLine:
    """A line that is not a row: its number in the file, what is wrong, and its text."""

    file: str
    row_number: int
    reason: str
    text: str


@dataclass(frozen=True)
class Delivery:
    """Rows as delivered: `sql` is a select with the columns `columns` (name to DuckDB type), `_churn_file` and `_churn_row`.

    `is_text`: the format has no types of its own, so that what a column of text holds is told from all of its values; `is_cleaned`: its words for no value are null already. `has_open_keys`:
    a row may lack any key, so that a file without a column is no fault where earlier files had it. `is_parquet`: the rows
    are those of Parquet files, read without any option. `in_two_spellings`: names in small letters that stand in the
    header in two spellings, over different values.
    """

    files: tuple[SourceFile, ...]
    sql: str
    columns: dict[str, str]
    bad_lines: tuple[BadLine, ...] = field(default=())
    is_text: bool = False
    is_cleaned: bool = False
    has_open_keys: bool = False
    is_parquet: bool = False
    in_two_spellings: frozenset[str] = frozenset()
