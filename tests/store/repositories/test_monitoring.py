from __future__ import annotations

from datetime import date, timedelta

from churn.store import Store
from tests.store.builders import NOON

DAY = date(2026, 3, 1)


def test_each_day_keeps_its_newest_findings_and_lists_are_read_without_them(store: Store) -> None:
    for days, severity, word in ((0, "watch", "first"), (1, "ok", "next"), (0, "act", "again")):
        store.monitoring.save(
            DAY + timedelta(days=days),
            model_version="v1",
            severity=severity,  # type: ignore[arg-type]  # a loop's text
            trend=[{"monitor": "score_drift", "value": float("nan")}],
            document={"word": word, "money": float("inf")},
            at=NOON,
        )

    newest = store.monitoring.latest()
    assert newest is not None
    assert (newest.on_date, newest.severity, newest.document["word"]) == (DAY + timedelta(days=1), "ok", "next")
    before = store.monitoring.latest(on=DAY)
    assert before is not None
    assert (before.severity, before.document) == ("act", {"word": "again", "money": None})
    listed = store.monitoring.list()
    assert [(run.on_date, run.document) for run in listed] == [(DAY + timedelta(days=1), {}), (DAY, {})]
    assert listed[0].trend == [{"monitor": "score_drift", "value": None}]
    assert len(store.monitoring.list(limit=1)) == 1


def test_before_the_first_run_there_is_nothing(store: Store) -> None:
    assert store.monitoring.latest() is None
    assert store.monitoring.list() == []
