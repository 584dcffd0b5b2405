"""`churn check` tries the features of the home's SQL point in time, and ends with the exit code of refused data."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from churn.cli import build_app

GOOD = "f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date and coalesce(f.superseded_at >= s.snapshot_date, true)"


def feature(home: Path, name: str, condition: str) -> None:
    folder = home / "sql" / "features"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sql").write_text(
        f"select s.customer_id, s.snapshot_date, count(f.customer_id) as {name}_count from snapshots.spine as s"
        f" left join staging.sessions as f on s.customer_id = f.customer_id and {condition} group by all",
        encoding="utf-8",
    )


def test_the_column_that_knows_too_much_is_named(tmp_path: Path) -> None:
    (tmp_path / "sessions.csv").write_text(
        "customer_id,started_at\n" + "".join(f"c{n % 9},2026-02-{1 + n % 27:02} 10:00\n" for n in range(90))
    )
    (tmp_path / "subscriptions.csv").write_text(
        "subscription_id,customer_id,started_at\n" + "".join(f"s{n},c{n},2025-01-01\n" for n in range(9))
    )
    config, home = tmp_path / "churn.toml", tmp_path / "home"
    config.write_text("".join(f'[sources.{name}]\npath = "{name}.csv"\n' for name in ("sessions", "subscriptions")))
    where = ["--home", str(home), "--config", str(config)]
    assert CliRunner().invoke(build_app(), ["refresh", *where]).exit_code == 0
    feature(home, "good", GOOD)
    done = CliRunner().invoke(build_app(), ["check", *where, "--json"])
    assert json.loads(done.stdout)["point_in_time"] == {"tried": ["features.good"], "leaks": []}
    feature(home, "early", "f.occurred_at < s.snapshot_date and f.available_at is not null")
    done = CliRunner().invoke(build_app(), ["check", *where, "--json"])
    assert done.exit_code == 3
    (leak,) = json.loads(done.stdout)["point_in_time"]["leaks"]
    assert (leak["feature"], leak["column"]) == ("features.early", "early_count")
    assert leak["kinds"] == ["facts that are told late", "later versions of facts"]
    shown = " ".join(CliRunner().invoke(build_app(), ["check", *where]).output.split())
    assert "early_count of" in shown
    assert "f.available_at < s.snapshot_date" in shown
