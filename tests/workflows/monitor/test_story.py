"""The case's story, played by the simulated company: small and fast; benchmarks/drift_story.py plays it on five seeds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.drift_story import Told, at, company, month_start, monthly, train_first, watch
from churn.context import Context
from churn.errors import ConfigError
from churn.views.monitoring import read_monitoring
from churn.workflows.monitor import monitor_model
from churn.workflows.train import rollback_model

CUSTOMERS = 4_000
pytestmark = pytest.mark.timeout(1_200)  # a company is simulated, trained and retrained: half a minute on a quiet core
MONTHS = 19  # of data; the competitor comes with the fourteenth


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Context, list[Told]]]:
    home = tmp_path_factory.mktemp("competitor")
    context = company(home, scenario="competitor", seed=2, customers=CUSTOMERS, months=MONTHS)
    train_first(context)
    quiet = month_start(13, _first(context)).replace(day=12)
    days = [quiet, *monthly(context, 14, MONTHS - 2)]
    yield context, list(watch(context, days, act=True))
    shutil.rmtree(home, ignore_errors=True)


def _first(context: Context):
    from benchmarks.drift_story import first_month

    return first_month(context)


@pytest.mark.xdist_group("drift_story")
def test_a_competitor_comes_and_the_challenger_takes_over(story: tuple[Context, list[Told]]) -> None:
    context, told = story
    before, first = told[0], told[1]
    assert "concept_drift: matured labels" not in before.alarms, "nothing has matured yet that knows the competitor"

    # The first cohort that lived with the competitor is final 39 days after its date: that very month it is told.
    assert "concept_drift: matured labels" in first.alarms
    finding = next(f for f in first.document.findings if f.monitor == "concept_drift")
    assert "The rules have changed" in finding.sentence
    assert finding.money_at_risk > 0
    assert first.document.estimated.auc > 0.8, "what the scores promise is blind to it"

    # Retraining on recent data follows by policy, the challenger wins in pairs and serves.
    assert first.document.trained is not None
    assert first.document.retraining.window == "recent"
    promoted = next(step.document for step in told if step.document.promoted)
    won = next(contest for contest in promoted.contests if contest.is_won)
    assert won.challenger == promoted.promoted
    assert 0 < won.low < won.gain < won.high
    assert won.recall_challenger > won.recall_champion + 0.03, "recall recovers"
    with context.open_store() as store:
        assert [change.who for change in store.models.history()] == ["monitor", "story"]
        champion = store.models.champion()
    assert champion is not None
    assert champion.version == promoted.promoted

    # The new champion holds where the old one failed, and one step takes it back.
    after = [step for step in told if step.document.on > promoted.on]
    assert all("concept_drift: matured labels" not in step.alarms for step in after)
    back = rollback_model(context, who="test", why="a test")
    assert back.version != champion.version


@pytest.mark.xdist_group("drift_story")
def test_what_was_found_is_kept_shown_and_alerted(story: tuple[Context, list[Told]]) -> None:
    context, told = story
    history = read_monitoring(context)
    assert history is not None
    assert [day.on for day in history.days] == [step.document.on for step in told]
    assert history.newest.cohorts[-1].churn_rate > 0
    kept = {(row.monitor, row.subject) for day in history.days for row in day.rows}
    assert {("cohort", "auc"), ("cohort", "churn_rate"), ("score_drift", "churn probability")} <= kept
    with context.open_store() as store:
        kinds = {(alert.kind, alert.subject) for alert in store.alerts.open()}
    assert ("monitoring", "concept_drift") not in kinds, "answered by the promotion"

    # A look back is judged by what was known then, and changes no alert of today.
    first, last = told[0].document, told[-1].document
    again = monitor_model(at(context, last.on), first.on).document
    assert [cohort.snapshot_date for cohort in again.cohorts] == [cohort.snapshot_date for cohort in first.cohorts]
    with pytest.raises(ConfigError, match="lies in the future"):
        monitor_model(at(context, last.on), last.on.replace(year=last.on.year + 3))


@pytest.mark.xdist_group("no_signal")
def test_where_there_is_nothing_to_learn_nothing_is_sold(tmp_path: Path) -> None:
    context = company(tmp_path, scenario="no-signal", seed=1, customers=2_000, months=9)
    trained = train_first(context, months=9)

    assert not trained.is_champion
    assert trained.training.selection.reason.startswith("Nothing to learn was found")
    day = month_start(9, _first(context))
    document = monitor_model(at(context, day), day).document
    assert document.severity == "unknown"
    assert document.summary.startswith("No model has been promoted, so there is nothing to monitor.")
    assert "Nothing to learn was found" in document.summary
    assert document.retraining is None
    assert not {"cohorts", "data_drift", "turnover"} & set(document.as_json()), "nobody looked at a model"
