-- The newest data are at most 30 days old: with older data it would look as if nothing had happened since.
-- Level: block
-- Remedy: Load newer exports with `churn refresh`, or choose a date that the data cover.

-- The sums by month know the newest session; only from a month on that holds later ones, the sessions are looked at.
with late as (
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

newest as (
    select max(occurred_at) as newest_at from sessions
    union all
    select max(occurred_at) as newest_at from staging.payments
    where occurred_at <= (select now_at from checks.clock)
    union all
    select max(occurred_at) as newest_at from staging.events
    where occurred_at <= (select now_at from checks.clock)
    union all
    select max(occurred_at) as newest_at from staging.churn_events
    where occurred_at <= (select now_at from checks.clock)
    union all
    -- Ends that may have been planned are no facts: they make nothing fresh.
    select max(occurred_at) as newest_at from staging.subscription_events
    where occurred_at <= (select now_at from checks.clock) and not is_announced
),

overall as (
    select max(newest_at) as newest_at from newest
)

select
    o.newest_at,  -- The newest fact.
    c.now_at  -- As of when it was looked at.
from overall as o
cross join checks.clock as c
where o.newest_at < c.now_at - interval 30 day
