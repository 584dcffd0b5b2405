-- Each source has delivered facts of the last 14 days, measured from the newest fact of all.
-- Level: warn
-- Remedy: Load the newer export of that source, then run `churn refresh`.

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
    select 'sessions' as table_name, max(occurred_at) as newest_at from sessions
    union all
    select 'payments' as table_name, max(occurred_at) as newest_at from staging.payments
    where occurred_at <= (select now_at from checks.clock)
    union all
    select 'support_tickets' as table_name, max(occurred_at) as newest_at from staging.support_tickets
    where occurred_at <= (select now_at from checks.clock)
    union all
    select 'events' as table_name, max(occurred_at) as newest_at from staging.events
    where occurred_at <= (select now_at from checks.clock)
)

select
    table_name,  -- Which source.
    newest_at  -- Its newest fact.
from newest
where newest_at < (select max(newest_at) from newest) - interval 14 day
