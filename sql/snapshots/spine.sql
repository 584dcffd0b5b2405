-- Grain: one row per customer and snapshot date.
-- Purpose: the population, those active at the date as known at the date; every feature table has exactly these rows. Where
-- a build takes a share of the customers, a hash of their id chooses them: the same ones wherever the share is the same.

with subscribed as (
    select s.customer_id, s.snapshot_date
    from snapshots.known_subscriptions as s
    cross join snapshots.policy as p
    where
        p.definition <> 'inactivity'
        and p.told_by = 'subscriptions'
        and (s.ended_at is null or s.is_in_grace)
        -- Where the decision is the churn, someone who has canceled is lost already, though service still runs.
        and (s.canceled_at is null or p.dated_by <> 'decision')
),

-- Where the source itself tells of churn, whoever began and of whom no loss was known since.
began as (
    select customer_id, snapshot_date, started_at
    from snapshots.known_subscriptions
    union all
    select c.customer_id, d.snapshot_date, c.occurred_at as started_at
    from staging.customers as c
    inner join snapshots.dates as d
        on
            c.occurred_at < d.snapshot_date
            and c.available_at < d.snapshot_date
            and coalesce(c.superseded_at >= d.snapshot_date, true)
    where not exists (select 1 from staging.subscription_events)
),

lost as (
    select c.customer_id, d.snapshot_date, max(c.occurred_at) as lost_at
    from staging.churn_events as c
    inner join snapshots.dates as d
        on
            c.occurred_at < d.snapshot_date
            and c.available_at < d.snapshot_date
            and coalesce(c.superseded_at >= d.snapshot_date, true)
    where coalesce(c.reason, '') not in ('pause', 'plan_change')
    group by c.customer_id, d.snapshot_date
),

staying as (
    select b.customer_id, b.snapshot_date
    from began as b
    cross join snapshots.policy as p
    left join lost as l on b.customer_id = l.customer_id and b.snapshot_date = l.snapshot_date
    where
        p.definition <> 'inactivity'
        and p.told_by = 'churn_events'
        and (l.lost_at is null or b.started_at >= l.lost_at)
),

seen as (
    select a.customer_id, d.snapshot_date
    from snapshots.activity as a
    cross join snapshots.policy as p
    inner join snapshots.dates as d
        on
            a.occurred_date < d.snapshot_date
            and a.available_date < d.snapshot_date
            and coalesce(a.superseded_date >= d.snapshot_date, true)
            and a.occurred_date >= d.snapshot_date - p.inactivity_days
),

flat as (
    select c.customer_id, d.snapshot_date
    from staging.customer_snapshots as c
    inner join snapshots.dates as d
        on coalesce(c.snapshot_date, d.snapshot_date) = d.snapshot_date
    cross join snapshots.policy as p
    where
        p.definition <> 'inactivity'
        and p.told_by = 'subscriptions'
        and not exists (select 1 from staging.subscription_events)
),

active as (
    select customer_id, snapshot_date from subscribed
    union all
    select customer_id, snapshot_date from staying
    union all
    select customer_id, snapshot_date from seen
    union all
    select customer_id, snapshot_date from flat
)

select distinct
    a.customer_id,  -- The customer.
    a.snapshot_date  -- Only facts from before the beginning of this day (midnight UTC) count.
from active as a
inner join snapshots.dates as d
    on a.snapshot_date = d.snapshot_date and hash(a.customer_id, 1) <= d.customers_until
where a.customer_id is not null
