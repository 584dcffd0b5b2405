"""A dry run shows how each column of the sources would be read, and leaves the home as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn.bootstrap import build_context
from churn.cli import build_app
from churn.config import Settings
from churn.errors import ConfigError
from churn.workflows.refresh.preview import SourcePreview, preview_sources


def previews(folder: Path, **sources: dict[str, object]) -> dict[str, SourcePreview]:
    declared = {name: {"path": str(folder / f"{name}.csv"), **section} for name, section in sources.items()}
    settings = Settings.model_validate({"home": folder / "home", "sources": declared})
    return {preview.source: preview for preview in preview_sources(build_context(settings=settings))}


def test_each_column_is_shown_with_its_type_three_values_and_what_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(
        "id;customer_id;attempted_at;amount;kind\n"
        + "".join(f"{n};{n};0{n}.02.2026;1.02{n},50;a\n" for n in range(1, 6))
        + "6;6;06.02.2026;free;b\n7;7;07.02.2026;;b\n"
    )
    options = {"options": {"decimal_separator": ","}, "columns": {"payment_id": "id"}}
    shown = previews(tmp_path, payments=options)["payments"]
    columns = {column.column: column for column in shown.columns}
    assert (shown.rows, shown.rejected, shown.error) == (7, 0, None)
    amount = columns["amount"]
    assert (amount.kind, amount.missing, amount.unread) == ("number", 2, 1)
    assert amount.examples == ("1021.5", "1022.5", "1023.5")
    assert columns["attempted_at"].examples[0].startswith("2026-02-01")
    assert columns["payment_id"].read_from == "id"
    assert columns["kind"].use.startswith("kept for SQL of your own")
    assert "known_at" not in columns


def test_what_a_refresh_would_refuse_is_part_of_the_answer(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,city\n1,x\n")
    (tmp_path / "sessions.csv").write_text("customer_id,started_at\n1,03/04/2026\n")
    shown = previews(tmp_path, customers={}, sessions={})
    assert shown["customers"].error is None
    assert "3 April or 4 March" in str(shown["sessions"].error)


def test_a_column_of_ones_own_says_whether_it_can_be_learnt_from(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,industry,seats\n1,retail,4\n2,health,5\n")
    (tmp_path / "subscriptions.csv").write_text(
        "subscription_id,customer_id,started_at,seats,known_at\n1,1,2026-01-01,4,2026-01-01\n"
    )
    shown = previews(tmp_path, customers={"static": ["industry"]}, subscriptions={})
    use = {f"{table}.{column.column}": column.use for table in shown for column in shown[table].columns}
    assert use["customers.industry"] == "a feature, declared static"
    assert use["customers.seats"] == (
        'as of today; learnt from once its history is known, or with static = ["seats"] if it never changes'
    )
    assert use["subscriptions.seats"] == "a feature, by known_at"


def test_nothing_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,city\n1,x\n")
    previews(tmp_path, customers={})
    assert not (tmp_path / "home" / "warehouse.duckdb").exists()
    assert not (tmp_path / "home" / "store.db").exists()


def test_without_a_source_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no source is declared"):
        previews(tmp_path)


def test_the_command_shows_it_and_ends_with_the_exit_code_of_refused_data(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id,city\n1,x\n")
    (tmp_path / "sessions.csv").write_text("customer_id,started_at\n1,03/04/2026\n")
    config = tmp_path / "churn.toml"
    config.write_text(
        f"[sources.customers]\npath = '{tmp_path}/customers.csv'\n[sources.sessions]\npath = '{tmp_path}/sessions.csv'\n"
    )
    command = ["refresh", "--dry-run", "--home", str(tmp_path / "home"), "--config", str(config)]
    done = CliRunner().invoke(build_app(), command)
    assert done.exit_code == 3
    assert "2 rows" not in done.output
    assert "3 April or 4 March" in done.output
    as_json = CliRunner().invoke(build_app(), [*command, "--json"])
    assert [preview["source"] for preview in json.loads(as_json.stdout)["sources"]] == ["customers", "sessions"]
