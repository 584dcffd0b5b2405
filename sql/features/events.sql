-- Grain: one row per spine row.
-- Purpose: events of any kind: totals, and a map per window with one entry per kind of event. Each entry becomes a
-- feature of its own; a kind that a customer never had counts 0.
-- Months of staging.events: select day from snapshots.recent_days

with recent as (
    select
        f.customer_id,
        d.snapshot_date,
        f.event_type,
        count(*) filter (where d.days_ago <= 7) as events_7d,
        count(*) filter (where d.days_ago <= 28) as events_28d,
        count(*) as events_90d,
        min(d.days_ago) as days_since_last,
        cast(sum(try_cast(f.quantity as decimal(18, 4))) filter (where d.days_ago <= 28) as double) as quantity_28d
    from staging.events as f
    inner join snapshots.recent_days as d
        on
            cast(f.occurred_at as date) = d.day
            and f.available_at < d.snapshot_date
            and coalesce(f.superseded_at >= d.snapshot_date, true)
            and hash(f.customer_id, 1) <= d.customers_until
    where f.occurred_at >= (select min(day) from snapshots.recent_days)
    group by f.customer_id, d.snapshot_date, f.event_type
),

summed as (
    select
        customer_id,
        snapshot_date,
        sum(events_7d) as events_7d,
        sum(events_28d) as events_28d,
        sum(events_90d) as events_90d,
        count(*) as event_types_90d,
        min(days_since_last) as days_since_last,
        map_from_entries(list(struct_pack(k := event_type, v := cast(events_28d as double)))) as counts_28d,
        map_from_entries(list(struct_pack(k := event_type, v := cast(events_90d as double)))) as counts_90d,
        map_from_entries(list(struct_pack(k := event_type, v := (events_28d / 28.0) / (events_90d / 90.0)))) as trends,
        map_from_entries(list(struct_pack(k := event_type, v := coalesce(quantity_28d, 0)))) as quantities_28d
    from recent
    where event_type is not null
    group by customer_id, snapshot_date
)

select
    s.customer_id,
    s.snapshot_date,
    r.days_since_last as days_since_last_event,  -- Days since the newest event of 90 days. [actionable] "nothing happened for {} days" "missing: no event in 90 days | 0: active today | nothing happened for {} days"
    coalesce(r.events_7d, 0) as event_count_7d,  -- Events in 7 days. [actionable] "{} events in 7 days"
    coalesce(r.events_28d, 0) as event_count_28d,  -- Events in 28 days. [actionable] "{} events in 28 days"
    coalesce(r.events_90d, 0) as event_count_90d,  -- Events in 90 days. [actionable] "{} events in 90 days"
    coalesce((r.events_7d / 7.0) / nullif(r.events_28d / 28.0, 0), 0) as event_ratio_7_28,  -- Daily events of the last week against 28 days. [actionable] "last week's activity was {} times the month's pace" "0: no activity in the last week | last week's activity was {pace} the month's pace"
    coalesce((r.events_28d / 28.0) / nullif(r.events_90d / 90.0, 0), 0) as event_ratio_28_90,  -- Daily events of 28 days against 90 days. [actionable] "activity is {} times the usual pace" "0: no activity in the last month | activity is {pace} the usual pace"
    coalesce(r.event_types_90d, 0) as event_types_90d,  -- Kinds of events in 90 days. [context] "{} kinds of events in 90 days"
    r.counts_28d as events_28d,  -- Events of the kind {key} in 28 days. [actionable] "{} x {key} in 28 days" "0: no {key} in 28 days | {key} {times} in 28 days"
    r.counts_90d as events_90d,  -- Events of the kind {key} in 90 days. [actionable] "{} x {key} in 90 days" "0: no {key} in 90 days | {key} {times} in 90 days"
    r.trends as event_trend,  -- Daily events of the kind {key}, 28 days against 90. [actionable] "{key} at {} times the usual pace" "0: no {key} in the last month | {key} is {pace} the usual pace"
    r.quantities_28d as event_quantity_28d  -- Sum of the quantity of {key} in 28 days. [actionable] "{key} sums to {} in 28 days" "{key} sums to {} in 28 days"
from snapshots.spine as s
left join summed as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
