"""Outcomes from files and from CRMs: every event once, whatever is read twice, and nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.context import Context
from churn.crm.connector import OutcomeEvent, OutcomePage
from churn.errors import ConfigError, ConnectorError, ContractBroken, RateLimited, ResourceError, Unreachable
from churn.views.outcomes import list_outcomes, rejected_outcomes
from churn.workflows.measure import import_outcomes, pull_outcomes
from tests.workflows.measure.campaign_world import DAY, NOW, context, customers, plan
from tests.worlds import World

HEADER = "customer_id,campaign,event_id,kind,occurred_at"
MOMENT = datetime(2024, 6, 3, 9)


@pytest.fixture
def here(tmp_path: Path) -> Context:
    plan(tmp_path, customers(10))
    return context(tmp_path, World())


def told(folder: Path, *lines: str, name: str = "outcomes.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


def event(number: int, **changes: Any) -> OutcomeEvent:
    first = OutcomeEvent(
        event_id=f"e{number}",
        customer_id=f"c00{number}",
        remote_id=f"r{number}",
        campaign="support_call",
        kind="contacted",
        occurred_at=MOMENT + timedelta(minutes=number),
    )
    return replace(first, **changes)


class Feed:
    """A CRM that tells its events in pages of two; its cursor is how many it has told, less an overlap of one."""

    def __init__(self, events: Sequence[OutcomeEvent], fails_at: int | None = None) -> None:
        self.events, self.fails_at, self.cursors, self.is_closed = list(events), fails_at, [], False

    def outcomes(self, cursor: str | None) -> OutcomePage:
        self.cursors.append(cursor)
        start = max(int(cursor or 0) - 1, 0)
        if self.fails_at is not None and start >= self.fails_at:
            raise Unreachable("does not answer", where="file")
        end = min(start + 3, len(self.events))
        return OutcomePage(tuple(self.events[start:end]), str(end), is_last=end == len(self.events))

    def close(self) -> None:
        self.is_closed = True


def with_feed(here: Context, feed: Any) -> Context:
    return replace(here, open_connector=lambda _name: feed)


def test_a_file_is_taken_in_once_however_often_it_comes(here: Context, tmp_path: Path) -> None:
    path = told(
        tmp_path,
        "c001,support_call,e1,contacted,2024-06-03 09:00",
        "c001,support_call,e1,contacted,2024-06-03 09:00",
        "c002,support_call,e2,accepted,2024-06-03 10:00",
        "c003,support_call,e3,lost,2024-05-31 23:59",
        "zz,support_call,e4,contacted,2024-06-03 09:00",
        "c001,other,e5,contacted,2024-06-03 09:00",
        "c004,support_call,e6,phoned,2024-06-03 09:00",
        "c005,support_call,e7,contacted,2034-06-03 09:00",
    )
    first = import_outcomes(here, path)
    assert (first.read, first.new, first.known, first.rejected) == (8, 5, 1, 2)
    assert (first.unmatched, first.before_assignment) == (2, 1)
    assert {example.customer_id for example in first.unmatched_examples} == {"zz", "c001"}
    assert first.reasons == {"unknown kind": 1, "occurred in the future or long ago (clock skew)": 1}
    again = import_outcomes(here, path)
    assert (again.new, again.known, again.rejected) == (0, 6, 2)
    assert list_outcomes(here).rejected == 2


def test_rejected_rows_can_be_written_mended_and_taken(here: Context, tmp_path: Path) -> None:
    import_outcomes(here, told(tmp_path, "c004,support_call,e6,phoned,2024-06-03 09:00", "c001,support_call,,lost,x"))
    out = tmp_path / "deep" / "rejected.csv"
    assert rejected_outcomes(here, out=out).rejected == 2
    frame = pl.read_csv(out, infer_schema=False)
    assert set(frame["reason"]) == {
        "has no event_id",
        "is of the unknown kind phoned; known: contacted, delivered, accepted, declined, canceled, unsubscribed, lost, won",
    }
    frame.with_columns(kind=pl.lit("contacted"), event_id=pl.lit("e6"), occurred_at=pl.lit("2024-06-03")).write_csv(out)
    assert import_outcomes(here, out).new == 2
    with pytest.raises(ConfigError, match=r"Use .csv"):
        rejected_outcomes(here, out=tmp_path / "r.txt")


def test_a_row_from_the_future_is_taken_once_its_time_has_come(here: Context, tmp_path: Path) -> None:
    path = told(tmp_path, f"c001,support_call,e1,contacted,{NOW + timedelta(days=1)}")
    assert import_outcomes(here, path).rejected == 1
    later = replace(here, clock=lambda: NOW + timedelta(days=2))
    assert import_outcomes(later, path).new == 1
    assert rejected_outcomes(later).rejected == 0


def test_an_event_told_again_with_another_kind_is_rejected_and_the_first_stays(here: Context, tmp_path: Path) -> None:
    import_outcomes(here, told(tmp_path, "c001,support_call,e1,contacted,2024-06-03"))
    found = import_outcomes(here, told(tmp_path, "c001,support_call,e1,lost,2024-06-04"))
    assert (found.new, found.known, found.rejected) == (0, 0, 1)
    assert found.reasons == {"event id told before with another kind": 1}
    assert [event.kind for event in list_outcomes(here).events] == ["contacted"]


def test_a_refused_file_leaves_nothing_behind_but_the_failed_run(here: Context, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("who,when\na,b\n")
    with pytest.raises(ContractBroken, match="lacks customer_id"):
        import_outcomes(here, path)
    with here.open_store() as store:
        assert store.runs.list()[0].outcome == "failed"
        assert store.outcomes.recent().is_empty()


def test_a_place_that_cannot_be_written_is_told(here: Context, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        rejected_outcomes(here, out=tmp_path / "file" / "r.csv")


def test_a_pull_reads_all_pages_with_their_overlap_and_counts_each_event_once(here: Context) -> None:
    feed = Feed([event(n) for n in range(7)])
    found = pull_outcomes(with_feed(here, feed), "file")
    assert (found.new, found.rejected, found.pages, found.cursor) == (7, 0, 3, "7")
    assert found.known == 2  # the overlap of each page
    assert feed.is_closed
    feed.events.append(event(8))
    again = pull_outcomes(with_feed(here, feed), "file")
    assert (again.new, feed.cursors[-1]) == (1, "7")
    whole = pull_outcomes(with_feed(here, feed), "file", from_start=True)
    assert whole.new == 0


def test_a_pull_that_fails_midway_keeps_what_it_read_and_goes_on_from_there(here: Context) -> None:
    feed = Feed([event(n) for n in range(7)], fails_at=4)
    with pytest.raises(Unreachable):
        pull_outcomes(with_feed(here, feed), "file", sleep=lambda _seconds: None)
    with here.open_store() as store:
        assert store.alerts.open(kind="outcomes_not_read")[0].message == "Outcomes were not read: file: does not answer"
    assert list_outcomes(here).counts[0].events == 5
    feed.fails_at = None
    found = pull_outcomes(with_feed(here, feed), "file")
    assert (found.new, feed.cursors[-1]) == (2, "5")
    with here.open_store() as store:
        assert store.alerts.open() == []


def test_a_crm_that_asks_to_slow_down_is_asked_again_after_as_long_as_it_wished(here: Context) -> None:
    class Busy(Feed):
        def outcomes(self, cursor: str | None) -> OutcomePage:
            if len(self.cursors) == 1:
                self.cursors.append("busy")
                raise RateLimited("asks to slow down", retry_after=7.0)
            return super().outcomes(cursor)

    waited: list[float] = []
    found = pull_outcomes(with_feed(here, Busy([event(n) for n in range(7)])), "file", sleep=waited.append)
    assert (found.new, waited) == (7, [7.0])


def test_a_connector_whose_cursor_never_advances_is_stopped(here: Context) -> None:
    class Stuck(Feed):
        def outcomes(self, cursor: str | None) -> OutcomePage:
            return OutcomePage((event(1),), cursor, is_last=False)

    with pytest.raises(ConnectorError, match="same page again"):
        pull_outcomes(with_feed(here, Stuck([])), "file")


def test_events_are_matched_by_our_map_of_remote_ids_and_by_the_last_campaign(here: Context) -> None:
    with here.open_store() as store, store.database.write() as connection:
        connection.exec_driver_sql("insert into crm_ids values ('file', 'c002', 'r2', '2024-06-01 00:00:00.000000')")
    feed = Feed(
        [
            event(2, customer_id=None, campaign=None),
            event(5, customer_id=None),
            event(1, customer_id=None, remote_id=None),
        ]
    )
    found = pull_outcomes(with_feed(here, feed), "file")
    assert (found.new, found.unmatched, found.rejected) == (2, 1, 1)
    with here.open_store() as store:
        known = dict(store.outcomes.of("support_call").select("customer_id", "is_matched").iter_rows())
    assert known == {"c002": True, "file:r5": False}
    assert datetime.combine(DAY, datetime.min.time()) < MOMENT


def test_outcomes_are_counted_by_campaign_and_kind(here: Context, tmp_path: Path) -> None:
    import_outcomes(here, told(tmp_path, "c001,support_call,e1,contacted,2024-06-03", "zz,other,e2,lost,2024-06-04"))
    document = list_outcomes(here)
    assert [(c.campaign, c.kind, c.events, c.matched) for c in document.counts] == [
        ("other", "lost", 1, 0),
        ("support_call", "contacted", 1, 1),
    ]
    assert [each.event_id for each in document.events] == ["e2", "e1"]
    assert [each.event_id for each in list_outcomes(here, campaign="support_call").events] == ["e1"]


def test_an_outcome_that_a_spreadsheet_would_run_is_written_harmless(here: Context, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("customer_id,campaign,event_id,kind,occurred_at\n=1+1,support_call,e1,phoned,2024-06-03\n")
    import_outcomes(here, path)
    out = tmp_path / "rejected.csv"
    rejected_outcomes(here, out=out)
    assert "'=1+1," in out.read_text()
