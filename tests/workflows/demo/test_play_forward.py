"""`churn demo --play-forward`: the month happens, in a simulated company only."""

from __future__ import annotations

from pathlib import Path

from churn.workflows.demo.play import offer_of
from tests.company import Company, call


def test_a_home_that_the_demo_did_not_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / "churn.toml").write_text("[business]\n", encoding="utf-8")
    done = call("demo", "--play-forward", "--home", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "nobody can play a real one forward" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_new_month_can_be_loaded_and_scored(company: Company) -> None:
    played = company.json("demo", "--play-forward")
    first, end = played["first_date"], played["cutoff_date"]
    assert 0.04 < played["churn_rate"] < 0.15
    assert set(played["rows"]) >= {"customers", "subscriptions", "payments", "sessions", "support_tickets"}
    loaded = {row["source"]: row for row in company.json("refresh")["loads"]}
    assert loaded["payments"]["files_loaded"] == 1
    assert company.json("score", "--date", end)["snapshot_date"] == end
    assert first < end


def test_the_offer_is_the_one_a_campaign_is_named_after() -> None:
    assert offer_of("support_call") == "support_call"
    assert offer_of("support_call_autumn") == "support_call"
    assert offer_of("support_calls") is None
