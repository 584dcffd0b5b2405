"""Takes in what happened to the customers of campaigns, from files and from CRMs: every event once, nothing lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.campaigns.outcomes import before_assignment, contradictions, judge, read_outcomes, with_campaign
from churn.context import Context
from churn.crm.opening import connector_section
from churn.crm.retry import Patience
from churn.errors import ConnectorError

if TYPE_CHECKING:
    import polars as pl

    from churn.campaigns.outcomes import JudgedOutcomes
    from churn.crm.connector import Connector, OutcomeEvent, OutcomePage
    from churn.store import Store


UNREAD: Final = "outcomes_not_read"  # the kind of alert
_EXAMPLES = 5
_PAGES = 100_000  # more than any CRM has: a connector with endless pages is broken


@dataclass(frozen=True)
class RejectedExample:
    """A row that could not be taken, and why; `row_number` is its place in the file."""

    row_number: int | None
    customer_id: str | None
    campaign: str | None
    event_id: str | None
    reason: str


@dataclass(frozen=True)
class UnmatchedExample:
    """An event about somebody who is not assigned to the campaign it names."""

    customer_id: str
    campaign: str
    event_id: str


@dataclass(frozen=True)
class RecordedOutcomes:
    """What became of the events of one source.

    read = new + known + rejected. `unmatched` (nobody assigned to that campaign) and `before_assignment` are parts of
    new and known: kept, and counted for nothing. `reasons` counts the rejected by reason, examples in `examples`.
    """

    source: str
    read: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    unmatched: int = 0
    before_assignment: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[RejectedExample, ...] = ()
    unmatched_examples: tuple[UnmatchedExample, ...] = ()
    pages: int = 0
    cursor: str | None = None

    def with_page(self, page: RecordedOutcomes, cursor: str | None) -> RecordedOutcomes:
        """Return what became of these events and of another page's, up to `cursor`."""
        return RecordedOutcomes(
            source=self.source,
            read=self.read + page.read,
            new=self.new + page.new,
            known=self.known + page.known,
            rejected=self.rejected + page.rejected,
            unmatched=self.unmatched + page.unmatched,
            before_assignment=self.before_assignment + page.before_assignment,
            kinds=dict(Counter(self.kinds) + Counter(page.kinds)),
            reasons=dict(Counter(self.reasons) + Counter(page.reasons)),
            examples=(*self.examples, *page.examples)[:_EXAMPLES],
            unmatched_examples=(*self.unmatched_examples, *page.unmatched_examples)[:_EXAMPLES],
            pages=self.pages + 1,
            cursor=cursor,
        )


def import_outcomes(context: Context, path: Path, *, campaign: str | None = None) -> RecordedOutcomes:
    """Take in a CSV, Parquet or JSON file with customer_id, campaign, event_id, kind, occurred_at.

    The same file again adds nothing. Rows that cannot be taken are kept with the reason, and taken when they come
    mended. Raises ContractBroken for a file that cannot be read, is empty, or lacks a column; nothing is taken then.
    """
    with context.recorded("record_outcomes"):
        context.progress.step(f"Reading {path.name}")
        rows = read_outcomes(path, campaign=campaign)
        with context.open_store() as store:
            return _take(
                context, store, judge(rows, now=context.clock()), store.assignments.customers(), f"file:{path.name}"
            )


def take_outcomes(context: Context, events: Sequence[Mapping[str, str]], *, source: str) -> RecordedOutcomes:
    """Take in events that a system sends us: customer_id, campaign, event_id, kind, occurred_at (UTC, ISO 8601).

    The same events again add nothing; those that cannot be taken are kept with the reason.
    """
    import polars as pl

    names = ("customer_id", "campaign", "event_id", "kind", "occurred_at", "fault")
    rows = [{**event, "fault": None, "row_number": number} for number, event in enumerate(events, start=1)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String) | {"row_number": pl.Int64})
    with context.open_store() as store:
        return _take(context, store, judge(frame, now=context.clock()), store.assignments.customers(), source)


def pull_outcomes(
    context: Context, name: str, *, from_start: bool = False, sleep: Callable[[float], None] = time.sleep
) -> RecordedOutcomes:
    """Take in what a connector has to tell since the last time, page by page, with the overlap that it reads.

    Each page is kept before its cursor is, so a killed pull reads a page twice and counts it once. A busy system is
    asked again. Raises ConfigError for an unknown connector, ConnectorError when it fails: what was read until then
    stays, and an alert is open until a pull succeeds.
    """
    recorded = RecordedOutcomes(source=f"connector:{name}")
    with context.recorded("record_outcomes"), context.open_store() as store:
        assigned = store.assignments.customers()
        patience = Patience(connector_section(name, context.settings), seed=name, sleep=sleep)
        connector = context.open_connector(name)
        try:
            for page in _pages(connector, patience, None if from_start else store.crm.cursor(name), name):
                context.progress.step(f"Reading outcomes from {name}: {recorded.read + len(page.events):,} events")
                judged = judge(_rows(store, name, page.events), now=context.clock())
                taken = _take(context, store, judged, assigned, recorded.source)
                store.crm.save_cursor(name, page.cursor, context.clock())
                recorded = recorded.with_page(taken, page.cursor)
        except ConnectorError as error:
            store.alerts.raise_(UNREAD, name, "warning", f"Outcomes were not read: {error}", context.clock())
            raise
        finally:
            connector.close()
        store.alerts.resolve(UNREAD, name, context.clock())
    return recorded


def _pages(connector: Connector, patience: Patience, cursor: str | None, name: str) -> Iterator[OutcomePage]:
    """Yield page after page from `cursor` on. Raises ConnectorError when the system repeats the same page forever."""
    for _ in range(_PAGES):
        page = patience.call(partial(connector.outcomes, cursor))
        yield page
        if page.is_last:
            return
        if page.cursor == cursor:
            break
        cursor = page.cursor
    raise ConnectorError(
        "hands out the same page again and again",
        where=name,
        remedy="Its cursor does not advance: look at its paging settings.",
    )


def _rows(store: Store, name: str, events: tuple[OutcomeEvent, ...]) -> pl.DataFrame:
    """Return a page's events as `judge` takes them; who is known by the CRM's own id only is looked up in our map."""
    import polars as pl

    remote = [event.remote_id for event in events if event.customer_id is None and event.remote_id is not None]
    ours = store.crm.customers_of(name, remote) if remote else {}
    values = [
        {
            "customer_id": event.customer_id or ours.get(event.remote_id or "") or _stranger(name, event.remote_id),
            "campaign": event.campaign,
            "event_id": event.event_id,
            "kind": event.kind,
            "occurred_at": event.occurred_at.isoformat(),
            "row_number": None,
            "fault": None,
        }
        for event in events
    ]
    schema = dict.fromkeys(("customer_id", "campaign", "event_id", "kind", "occurred_at", "fault"), pl.String)
    return pl.DataFrame(values, schema=schema | {"row_number": pl.Int64})


def _stranger(name: str, remote_id: str | None) -> str | None:
    """Return an id for a record that is no customer of ours, so that its events count as unmatched."""
    return f"{name}:{remote_id}" if remote_id else None


def _take(
    context: Context, store: Store, judged: JudgedOutcomes, assigned: pl.DataFrame, source: str
) -> RecordedOutcomes:
    """Keep what was accepted and what was rejected, and count both; `assigned` is everybody assigned to a campaign."""
    import polars as pl

    now = context.clock()
    events = with_campaign(judged.accepted, assigned)
    contradicting = contradictions(events, store.outcomes.known(events))
    if contradicting.height:
        events = events.join(contradicting, on=["campaign", "customer_id", "event_id", "kind"], how="anti")
    rejected = pl.concat([judged.rejected, _contradicting(contradicting)]).with_columns(source=pl.lit(source))
    added = store.outcomes.add(events.drop("rejection_id").with_columns(source=pl.lit(source)), now)
    store.outcomes.keep_rejected(rejected, now, accepted=events["rejection_id"].to_list())
    strangers = events.join(assigned, on=["campaign", "customer_id"], how="anti")
    examples = rejected.select("row_number", "customer_id", "campaign", "event_id", "reason").head(_EXAMPLES)
    unmatched = strangers.select("customer_id", "campaign", "event_id").head(_EXAMPLES)
    return RecordedOutcomes(
        source=source,
        read=judged.accepted.height + judged.rejected.height,
        new=added.new,
        known=events.height - added.new,
        rejected=rejected.height,
        unmatched=strangers.height,
        before_assignment=before_assignment(events, assigned).height,
        kinds=dict(Counter(events["kind"].to_list())),
        reasons=dict(Counter(_group(reason) for reason in rejected["reason"].to_list())),
        examples=tuple(RejectedExample(*row) for row in examples.iter_rows()),
        unmatched_examples=tuple(UnmatchedExample(*row) for row in unmatched.iter_rows()),
    )


def _contradicting(events: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    reason = pl.format("event {} was told as {} before, now as {}", "event_id", "known_kind", "kind")
    return events.select(
        "customer_id",
        pl.when(pl.col("campaign") != "").then("campaign"),
        "event_id",
        "kind",
        pl.col("occurred_at").dt.to_string("%Y-%m-%dT%H:%M:%S%.f"),
        pl.lit(None, dtype=pl.Int64).alias("row_number"),
        "rejection_id",
        reason.alias("reason"),
    )


def _group(reason: str) -> str:
    """Return a reason without the values of its row, so that rows with the same fault are counted together."""
    for start, group in (
        ("occurred at", "occurred in the future or long ago (clock skew)"),
        ("is of the unknown kind", "unknown kind"),
        ("occurred_at is no instant", "occurred_at is no instant"),
        ("event ", "event id told before with another kind"),
    ):
        if reason.startswith(start):
            return group
    return reason
