"""Writes what was learnt about uplift: a page to read, and the customers as a list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import ConfigError
from churn.files import write_text, write_whole

if TYPE_CHECKING:
    import polars as pl

LIST_ENDINGS = (".csv", ".parquet")


def check_list_ending(path: Path) -> None:
    """Raise ConfigError when no list can be written to a file of this name."""
    if path.suffix not in LIST_ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where=str(path), remedy="Use .csv or .parquet.")


def write_page(context: Context, document: Mapping[str, Any]) -> Path:
    """Write the self-contained page to reports/uplift-CAMPAIGN.html. Raises ResourceError."""
    from churn.reports.uplift import render_uplift

    path = context.settings.reports_path / f"uplift-{document['campaign']}.html"
    return write_text(path, render_uplift(document, home=context.settings.home))


def write_list(rows: pl.DataFrame, path: Path) -> Path:
    """Write customers with their uplift to `path`; text that a spreadsheet would run is made harmless in CSV."""
    from churn.views.risk_list import without_formulas

    if path.suffix == ".parquet":
        return write_whole(path, rows.write_parquet)
    return write_text(path, without_formulas(rows).write_csv())
