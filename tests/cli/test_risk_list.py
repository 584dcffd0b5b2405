"""`churn risk-list` where there is nobody to show: a sentence, and how to see the others, in place of a table without rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from churn.cli import build_app
from churn.store import open_store
from tests.store.builders import run, score_list


def test_a_list_without_anybody_says_so_and_how_to_see_the_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with open_store(f"sqlite:///{home / 'store.sqlite'}") as store:
        scores = score_list(10).with_columns(risk_band=pl.lit("low"), is_listed=pl.lit(value=False))
        store.scores.publish(run(), scores)
    shown = CliRunner().invoke(build_app(), ["--home", str(home), "risk-list"])
    assert "nobody is at high or critical risk" in shown.output
    assert "churn risk-list --band medium --band low" in shown.output
    asked = CliRunner().invoke(build_app(), ["--home", str(home), "risk-list", "--band", "critical"])
    assert "nobody is at critical risk" in asked.output
    low = CliRunner().invoke(build_app(), ["--home", str(home), "risk-list", "--band", "low"])
    assert "nobody" not in low.output
    assert "c9" in low.output
