-- The source that says who left is as recent as the others; otherwise nobody would seem to leave after its last day.
-- Level: block
-- Remedy: Load a newer export of the subscriptions with `churn refresh`.

with events as (
    -- Ends that may have been planned are no facts.
    select 'subscriptions' as source, occurred_at
    from staging.subscription_events
    where occurred_at <= (select now_at from checks.clock) and not is_announced
    union all
    select 'churn_events' as source, occurred_at
    from staging.churn_events
    where occurred_at <= (select now_at from checks.clock)
),

told as (
    select source, cast(occurred_at as date) as day, max(occurred_at) over (partition by source) as newest_at
    from events
),

usual as (
    select
        source,
        max(newest_at) as newest_at,
        count(distinct day) as days,
        date_diff('day', min(day), max(day)) as span_days
    from told
    where day > newest_at - interval 180 day
    group by source
),

-- The sums by month know the newest session; only from a month on that holds later ones, the sessions are looked at.
late as (
    select min(month) as begins_at
    from totals.session_months
    where last_at > (select now_at from checks.clock)
    having count(*) > 0
),

sessions as (
    select last_at as occurred_at from totals.session_months
    where last_at <= (select now_at from checks.clock)
    union all
    select s.occurred_at
    from staging.sessions as s
    inner join late as l on s.occurred_at >= l.begins_at
    where s.occurred_at <= (select now_at from checks.clock)
),

others as (
    select max(occurred_at) as newest_at from sessions
    union all
    select max(occurred_at) as newest_at from staging.payments
    where occurred_at <= (select now_at from checks.clock)
    union all
    select max(occurred_at) as newest_at from staging.events
    where occurred_at <= (select now_at from checks.clock)
)

select
    u.source,  -- Which source.
    u.newest_at as told_until,  -- The newest it tells of.
    (select max(o.newest_at) from others as o) as others_until  -- The newest that others tell of.
from usual as u
where
    -- Only a source that used to tell of something again and again can be missed.
    u.days >= 20
    and u.newest_at
    < (select max(o.newest_at) from others as o) - greatest(30, 5 * u.span_days / u.days) * interval 1 day
