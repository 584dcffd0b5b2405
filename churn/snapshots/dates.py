"""Reads from the staged facts how far they reach, and from that which dates to train on and which one to score."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from churn.errors import NotEnoughData
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse
from churn.warehouse.facts import parts

FACTS = ("sessions", "payments", "support_tickets", "contacts", "events", "churn_events", "subscription_events")
_OF_CHURN = ("subscription_events", "churn_events")
_UNDATED = date(2000, 1, 1)  # for flat rows without a date that come from no load
_RENEWED_EARLY_DAYS = 31  # a term may be renewed so long before the last one ends
_RENEWING_SHARE = 0.5  # of ends that are followed by a new start: renewals, not plan changes here and there
_EDGE_DAYS = 14  # looked at first: most tables end there
_STRAY_SHARE = 0.0001  # this share of a table's facts at either end may bear impossible dates


def data_cutoff(warehouse: Warehouse) -> datetime:
    """Return until when the staged facts reach: the midnight after the newest known fact, or the last load if earlier.

    Ends of service that may have been planned do not count; where contracts are renewed again and again, the newest
    renewal limits what is known, or everyone would seem lost after it. Raises NotEnoughData when there are no facts.
    """
    loaded = _loaded_at(warehouse)
    days = [_edge(warehouse, table, loaded, newest=True) for table in _present(warehouse, FACTS)]
    known = [day for day in days if day is not None]
    if known:
        newest = min(max(known), _renewals_known_until(warehouse) or date.max)
        reached = datetime.combine(newest + timedelta(days=1), time())
        return min(reached, loaded) if loaded is not None else reached
    if is_flat(warehouse):
        return datetime.combine(_newest_flat_date(warehouse) or _undated(warehouse), time())
    if warehouse.has_table("staging.customers") and warehouse.rows("select 1 from staging.customers limit 1"):
        raise NotEnoughData(
            "customers have been loaded, and nothing of what happened to them",
            where="staging",
            remedy="Declare [sources.subscriptions] or another table of facts; one flat table with a column that says who "
            "left is [sources.customer_snapshots] (docs/sources.md).",
        )
    raise NotEnoughData(
        "no facts have been loaded", where="staging", remedy="Declare [sources] and run `churn refresh`."
    )


def require_told(warehouse: Warehouse, policy: SnapshotPolicy) -> None:
    """Raise NotEnoughData where nothing that was loaded can say who left, with what to declare or to set."""
    active = [table for table in ("events", "sessions", "payments") if _present(warehouse, (table,))]
    by_silence = f'set [churn] definition = "inactivity" and activity_table = "{active[0]}"' if active else ""
    if policy.definition == "inactivity":
        if policy.activity_table in active:
            return
        raise NotEnoughData(
            f"churn is told by silence in `{policy.activity_table}`, of which nothing has been loaded",
            where="[churn] activity_table",
            remedy=f"Declare [sources.{policy.activity_table}]{f', or {by_silence}' if by_silence else ''}.",
        )
    if policy.told_by_table == "churn_events" or _present(warehouse, ("subscription_events",)) or is_flat(warehouse):
        return
    what = "nothing that was loaded says who left: there are no subscriptions"
    if _present(warehouse, ("churn_events",)):
        remedy = 'The table churn_events says it: set told_by = "churn_events".'
        raise NotEnoughData(what, where="[churn] told_by", remedy=remedy)
    raise NotEnoughData(
        what,
        where="[churn] definition",
        remedy="Declare [sources.subscriptions], or [sources.churn_events] with told_by"
        f"{f'; where silence is all that tells, {by_silence}' if by_silence else ''}.",
    )


def default_snapshot_date(warehouse: Warehouse, today: date, cutoff: datetime | None = None) -> date:
    """Return the date to score: the day after the newest fact, today at the latest; of flat sources their own date.

    `cutoff` is what `data_cutoff` returned, for whoever has asked already: it reads all facts.
    """
    if is_flat(warehouse):
        return _newest_flat_date(warehouse) or _undated(warehouse)
    cutoff = cutoff or data_cutoff(warehouse)
    reached = cutoff.date() if cutoff.time() == time() else cutoff.date() + timedelta(days=1)
    return min(reached, today)


def training_dates(
    warehouse: Warehouse,
    policy: SnapshotPolicy,
    *,
    every: str | None = None,
    limit: int | None = None,
    as_of: datetime | None = None,
) -> list[date]:
    """Return the snapshot dates to train on, oldest first: the newest `limit` ones whose labels are final.

    `as_of` looks back: labels that were final by then. Flat sources bring their own dates: those with labels. Raises NotEnoughData saying what is missing.
    """
    if is_flat(warehouse):
        return _flat_dates(warehouse, policy.snapshots if limit is None else limit)
    cutoff = data_cutoff(warehouse)
    first, last = labelled_span(warehouse, policy, cutoff if as_of is None else min(cutoff, as_of))
    return policy.training_dates(first, last, every, limit)


def labelled_span(warehouse: Warehouse, policy: SnapshotPolicy, cutoff: datetime) -> tuple[date, datetime]:
    """Return the first day of behaviour, and until when labels can be final of facts up to `cutoff`: it reads all facts.

    Not for flat sources. Raises NotEnoughData where nothing tells of churn.
    """
    last = final_until(warehouse, policy, cutoff)
    behaviour = [table for table in _present(warehouse, FACTS) if table not in _OF_CHURN]
    days = [_edge(warehouse, table, None, newest=False) for table in behaviour or _present(warehouse, _OF_CHURN)]
    return min(day for day in days if day is not None), last


def final_until(warehouse: Warehouse, policy: SnapshotPolicy, cutoff: datetime) -> datetime:
    """Return until when labels can be final where facts reach to `cutoff`: as far as the source of churn reaches."""
    until = told_until(warehouse, policy)
    return cutoff if until is None else min(cutoff, until)


def told_until(warehouse: Warehouse, policy: SnapshotPolicy) -> datetime | None:
    """Return until when the source of churn reports it, after which no label is final; None without such a source.

    That is the midnight after its newest fact that is no planned end, or its last load if earlier. Silence is told by
    the activity table.
    """
    source = policy.told_by_table
    loaded = _loaded_at(warehouse, source)
    if policy.definition == "inactivity":
        newest = _edge(warehouse, source, loaded, newest=True) if _present(warehouse, (source,)) else None
    elif source == "churn_events":
        newest = _churn_events_told_until(warehouse, loaded)
    else:
        newest = _subscriptions_told_until(warehouse, loaded)
    if newest is None:
        return None
    reached = datetime.combine(newest + timedelta(days=1), time())
    return reached if loaded is None else min(reached, loaded)


def _churn_events_told_until(warehouse: Warehouse, loaded: datetime | None) -> date:
    newest: date | None = None
    if warehouse.has_table("staging.churn_events"):
        newest = warehouse.rows(
            "select max(cast(occurred_at as date)) from staging.churn_events "
            "where superseded_at is null and occurred_at <= coalesce(?, timestamp '9000-01-01')",
            [loaded],
        )[0][0]
    if newest is None:
        raise NotEnoughData(
            "nothing tells who left",
            where="[churn] told_by",
            remedy='Declare [sources.churn_events] and run `churn refresh`, or set told_by = "subscriptions".',
        )
    return newest


def _subscriptions_told_until(warehouse: Warehouse, loaded: datetime | None) -> date | None:
    if not _present(warehouse, ("subscription_events",)):
        return None
    newest: date | None = warehouse.rows(
        "select max(cast(occurred_at as date)) from staging.subscription_events "
        "where superseded_at is null and not is_announced and occurred_at <= coalesce(?, timestamp '9000-01-01')",
        [loaded],
    )[0][0]
    return newest and min(newest, _renewals_known_until(warehouse) or newest)


def is_flat(warehouse: Warehouse) -> bool:
    """Say whether customers come from a flat snapshot source rather than from subscriptions or activity.

    Beside facts of other kinds a flat source leads where it brings labels; without, it only adds attributes.
    """
    if _present(warehouse, ("subscription_events",)) or not _present(warehouse, ("customer_snapshots",)):
        return False
    labelled = "select 1 from staging.customer_snapshots where has_churned is not null limit 1"
    return not _present(warehouse, FACTS) or bool(warehouse.rows(labelled))


def _present(warehouse: Warehouse, tables: Sequence[str]) -> list[str]:
    return [
        table
        for table in tables
        if warehouse.has_table(f"staging.{table}") and warehouse.rows(f"select 1 from staging.{table} limit 1")
    ]


def _edge(warehouse: Warehouse, table: str, loaded: datetime | None, *, newest: bool) -> date | None:
    """Return the newest (or oldest) day of a table's facts, leaving out the few that bear impossible dates.

    Only days near the end are read, but where nearly all that lies there is stray.
    """
    column, order = ("available_at", "desc") if newest else ("occurred_at", "asc")
    condition = "not is_announced" if table == "subscription_events" else "true"
    source = f"from staging.{table} where {condition} and " + (f"{column} <= ?" if loaded is not None else "true")
    bound = [loaded] if loaded is not None else []
    total = parts.count(warehouse, f"staging.{table}")
    first, last = parts.times_of(warehouse, table)
    end = last if newest else first
    if end is None:
        end = warehouse.rows(f"select {'max' if newest else 'min'}({column}) {source}", bound)[0][0]
    if end is None:
        return None
    if newest and loaded is not None:
        end = min(end, loaded)
    near = end + timedelta(days=-_EDGE_DAYS if newest else _EDGE_DAYS)
    for reach in (f"{column} {'>' if newest else '<'} ?", "? is not null"):  # all days, if those near the end are stray
        passed = 0
        for day, count in warehouse.rows(
            f"select cast({column} as date) as day, count(*) {source} and {reach} group by day order by day {order}",
            [*bound, near],
        ):
            passed += count
            if passed > _STRAY_SHARE * total:
                return day  # type: ignore[no-any-return]  # a driver row is untyped
    return None


def _renewals_known_until(warehouse: Warehouse) -> date | None:
    """Return the day of the newest start where most ends are followed by a new start, else None.

    A start beside service that goes on is another product, and follows nothing.
    """
    if not _present(warehouse, ("subscription_events",)):
        return None
    renewals, ends, newest = warehouse.rows(
        "with firsts as (select customer_id, min(occurred_at) filter (where event_type = 'started') as started_at, "
        "min(occurred_at) filter (where event_type = 'ended') as ended_at from staging.subscription_events group by 1) "
        "select count(*) filter (where e.event_type = 'started' and e.occurred_at > f.started_at "
        f"and e.occurred_at >= f.ended_at - interval {_RENEWED_EARLY_DAYS} day), "
        "count(*) filter (where e.event_type = 'ended'), "
        "max(cast(e.occurred_at as date)) filter (where e.event_type = 'started') "
        "from staging.subscription_events as e inner join firsts as f on e.customer_id = f.customer_id"
    )[0]
    return newest if ends and renewals >= _RENEWING_SHARE * ends else None


def _loaded_at(warehouse: Warehouse, source: str | None = None) -> datetime | None:
    if not warehouse.has_table("raw.loads"):
        return None
    chosen = "true" if source is None else "source = ?"
    rows = warehouse.rows(f"select max(loaded_at) from raw.loads where {chosen}", [source] if source else [])
    return rows[0][0]  # type: ignore[no-any-return]  # a driver row is untyped


def _undated(warehouse: Warehouse) -> date:
    loaded = _loaded_at(warehouse)
    return loaded.date() if loaded is not None else _UNDATED


def _newest_flat_date(warehouse: Warehouse) -> date | None:
    return warehouse.rows("select max(snapshot_date) from staging.customer_snapshots")[0][0]  # type: ignore[no-any-return]  # a driver row is untyped


def _flat_dates(warehouse: Warehouse, limit: int) -> list[date]:
    rows = warehouse.rows(
        "select distinct snapshot_date from staging.customer_snapshots where has_churned is not null "
        "order by snapshot_date desc nulls last limit ?",
        [limit],
    )
    if not rows:
        raise NotEnoughData(
            "the flat source has no labels to learn from",
            where="[sources.customer_snapshots]",
            remedy='Name the label column: columns = { has_churned = "theirs" }.',
        )
    return sorted(day if day is not None else _undated(warehouse) for (day,) in rows)
