"""The night plans programmes by their cadence, and leaves their rounds alone otherwise."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from churn.store import open_store
from churn.views.programmes import show_programme
from churn.workflows.keep_campaigns import plan_programmes, replan_campaigns
from tests.workflows.plan.keeping import APPROVAL, PROGRAMME, assigned, keep_in, write
from tests.workflows.plan.town import Town


def night(town: Town, day: date, run_id: str) -> tuple[str, ...]:
    town.now = datetime(day.year, day.month, day.day, 6)
    town.publish(day, run_id=run_id)
    return plan_programmes(town.context).phrases


def test_a_monthly_programme_is_planned_once_a_month(town: Town) -> None:
    keep_in(town)
    (phrase,) = plan_programmes(town.context).phrases
    assert phrase.startswith("keep: round 1, ")
    assert night(town, date(2026, 3, 20), "r2") == ()
    (phrase,) = night(town, date(2026, 4, 1), "r3")
    assert phrase.startswith("keep: round 2, ")
    before = assigned(town).height
    assert replan_campaigns(town.context).phrases == ()  # a round is never added to
    assert assigned(town).height == before


def test_a_draft_waits_and_lapses(town: Town) -> None:
    keep_in(town, PROGRAMME + APPROVAL)
    (phrase,) = plan_programmes(town.context).phrases
    assert phrase.endswith("waiting for approval")
    assert night(town, date(2026, 3, 20), "r2") == ("keep: the draft of round 1 has expired",)
    assert [row.state for row in show_programme(town.context, "keep").rounds] == ["expired"]


@pytest.mark.parametrize(("cadence", "rounds"), [("by_hand", 0), ("weekly", 2), ("daily", 3)])
def test_other_cadences(town: Town, cadence: str, rounds: int) -> None:
    keep_in(town)
    text = (town.home / "programmes" / "keep.toml").read_text(encoding="utf-8")
    text = text.replace('title = "Keep them"\n', f'title = "Keep them"\ncadence = "{cadence}"\n')
    (town.home / "programmes" / "keep.toml").write_text(text, encoding="utf-8")
    plan_programmes(town.context)
    night(town, date(2026, 3, 5), "r2")
    night(town, date(2026, 3, 8), "r3")
    assert len(show_programme(town.context, "keep").rounds) == rounds


def test_a_programme_with_a_mistake_is_held_back_with_an_alert(town: Town) -> None:
    keep_in(town)
    write(town, "[offers.mial]\n")
    (phrase,) = plan_programmes(town.context).phrases
    assert "left as it is (no campaign `mial`)" in phrase
    with open_store(town.settings.database_url) as store:
        (alert,) = store.alerts.open(kind="campaign_held_back")
    assert "Did you mean `mail`" in alert.message
