"""docs/tables.md is what the SQL files say of their tables and columns: WRITE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn.warehouse.models.sql_models import SqlModel, load_models
from churn.warehouse.published.export import published_models
from tests import ROOT

PAGE = ROOT / "docs" / "tables.md"
HEAD = """# Published tables

What `churn sql`, `POST /v1/query` and BI tools read: [sql.md](sql.md) says how. The comments of the SQL files under `sql/published` and
`sql/marts` are this page, and the comments of the tables in the database. Instants are UTC, shares 0 to 1, amounts in
`[business] currency`. *Personal* columns name or describe a customer: the reader role of the database does not see them.
"""
MODELS = published_models(load_models(Path("nowhere")))


def section(model: SqlModel) -> str:
    rows = [
        f"| `{column.name}` | {column.description}{' *Personal.*' if column.name in model.personal else ''} |"
        for column in model.columns
    ]
    words = " ".join(f"{part[:1].upper()}{part[1:]}" for part in (model.settings["grain"], model.description))
    return "\n".join([f"## {model.table}", "", words, "", "| column | holds |", "|---|---|", *rows, ""])


def test_the_page_is_what_the_sql_says() -> None:
    text = "\n".join([HEAD, *(section(model) for model in MODELS)])
    if os.environ.get("WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_table_says_what_a_row_is_and_every_column_what_it_holds(model: SqlModel) -> None:
    assert model.settings["grain"].startswith("one row per")
    assert model.description
    assert [column.name for column in model.columns if not column.description] == []
