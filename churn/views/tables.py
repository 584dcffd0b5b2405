"""Finds the published tables in a home: which there are, as of when, and the file of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.documents.published import PublishedTables
from churn.errors import DataError
from churn.languages.words import tr

CURRENT: Final = "current"  # the file that names the folder in use
DOCUMENT: Final = "tables.json"


@dataclass(frozen=True)
class TableSet:
    """One set of published tables and the folder that it lies in."""

    folder: Path
    document: PublishedTables

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of each table."""
        return tuple(self.folder / f"{table.name}.parquet" for table in self.document.tables)


def current_tables(root: Path) -> TableSet | None:
    """Return the set in use below `root`; None before the first publication. Raises ContractBroken."""
    try:
        folder = root / (root / CURRENT).read_text(encoding="utf-8").strip()
        text = (folder / DOCUMENT).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return TableSet(folder, PublishedTables.read(json.loads(text), where=str(folder / DOCUMENT)))


def require_tables(root: Path) -> TableSet:
    """Return the set in use below `root`. Raises DataError before the first publication."""
    tables = current_tables(root)
    if tables is None:
        raise DataError(
            tr("no tables were published yet"),
            where=str(root),
            remedy=tr("Run `churn publish`; every night does so too."),
        )
    return tables
