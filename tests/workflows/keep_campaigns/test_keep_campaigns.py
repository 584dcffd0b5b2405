from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from churn.errors import CampaignError
from churn.workflows.define import archive, restore
from churn.workflows.keep_campaigns import destinations, resync_campaigns
from churn.workflows.sync import sync_crm
from tests.crm.homes import NOW, build, context_of, publish
from tests.crm.memory import MemoryCrm


def test_a_campaign_that_runs_is_kept_in_step(tmp_path: Path) -> None:
    crm = MemoryCrm()
    context = context_of(build(tmp_path / "home"), crm)
    sync_crm(context, "call")
    assert destinations(context) == [("call", "crm")]
    kept = resync_campaigns(context)
    assert (kept.rows, kept.failures) == (0, ())
    assert kept.phrases == ("call to crm: 0 written",)


def test_a_campaign_whose_window_has_closed_is_taken_off_once(tmp_path: Path) -> None:
    crm = MemoryCrm()
    context = context_of(build(tmp_path / "home"), crm)
    written = sync_crm(context, "call").report.counts["created"]
    later = replace(context, clock=lambda: NOW + timedelta(days=40))
    publish(later, [f"c{n:02d}" for n in range(20)], 0.5, run_id="s2")
    first = resync_campaigns(later)
    assert first.rows == written > 0
    assert "taken off, for its window has closed" in first.phrases[0]
    assert destinations(later) == []
    assert resync_campaigns(later).phrases == ()


def test_an_archived_campaign_is_taken_off_once_and_pushed_no_more(tmp_path: Path) -> None:
    crm = MemoryCrm()
    context = context_of(build(tmp_path / "home"), crm)
    written = sync_crm(context, "call").report.counts["created"]
    archive(context, "campaigns", "call", who="maria")
    first = resync_campaigns(context)
    assert first.rows == written > 0
    assert destinations(context) == []
    assert resync_campaigns(context).phrases == ()
    with pytest.raises(CampaignError, match="is archived since"):
        sync_crm(context, "call")
    restore(context, "campaigns", "call", who="maria")
    assert sync_crm(context, "call").report.counts["updated"] == written
