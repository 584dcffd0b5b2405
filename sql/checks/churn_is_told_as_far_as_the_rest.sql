-- The source that churn is told by goes on as long as the others: where it stopped, nobody would seem to leave after.
-- Level: block
-- Remedy: Load the newer export of the subscriptions, then run `churn refresh`.

with told as (
    select
        cast(e.occurred_at as date) as day,
        max(e.occurred_at) over () as newest_at
    from staging.subscription_events as e
    cross join checks.clock as c
    -- Ends that may have been planned are no facts.
    where e.occurred_at <= c.now_at and not e.is_announced
),

usual as (
    select
        max(newest_at) as newest_at,
        count(distinct day) as days,
        date_diff('day', min(day), max(day)) as span_days
    from told
    where day > newest_at - interval 180 day
),

others as (
    select max(occurred_at) as newest_at from staging.sessions
    where occurred_at <= (select now_at from checks.clock)
    union all
    select max(occurred_at) as newest_at from staging.payments
    where occurred_at <= (select now_at from checks.clock)
    union all
    select max(occurred_at) as newest_at from staging.events
    where occurred_at <= (select now_at from checks.clock)
)

select
    'subscriptions' as source,  -- Which source.
    u.newest_at as told_until,  -- The newest it tells of.
    (select max(o.newest_at) from others as o) as others_until  -- The newest that others tell of.
from usual as u
where
    -- Only a source that used to tell of something again and again can be missed.
    u.days >= 20
    and u.newest_at
    < (select max(o.newest_at) from others as o) - greatest(30, 5 * u.span_days / u.days) * interval 1 day
