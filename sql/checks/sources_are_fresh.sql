-- Every source keeps delivering: none has been silent for over twice its longest pause of the last half year.
-- Level: warn
-- Remedy: Load a newer export of that source with `churn refresh`.

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
),

-- A daily source may rest for three days: only of those that are silent for longer the facts are looked at.
silent as (
    select table_name, newest_at
    from newest
    where newest_at < (select max(newest_at) from newest) - interval 3 day
),

facts as (
    select 'sessions' as table_name, occurred_at from staging.sessions
    union all
    select 'payments' as table_name, occurred_at from staging.payments
    union all
    select 'support_tickets' as table_name, occurred_at from staging.support_tickets
    union all
    select 'events' as table_name, occurred_at from staging.events
),

days as (
    select distinct s.table_name, s.newest_at, cast(f.occurred_at as date) as day
    from silent as s
    inner join facts as f
        on
            s.table_name = f.table_name
            and s.newest_at >= f.occurred_at
            and f.occurred_at > s.newest_at - interval 180 day
),

pauses as (
    select
        table_name,
        newest_at,
        date_diff('day', lag(day) over (partition by table_name order by day), day) as pause
    from days
),

rhythms as (
    -- Of fewer than five days nobody knows a rhythm: two weeks are taken for it.
    select table_name, newest_at, case when count(*) < 5 then 14 else greatest(3, 2 * max(pause)) end as silence_days
    from pauses
    group by table_name, newest_at
)

select
    table_name,  -- Which source.
    newest_at,  -- Its newest fact.
    cast(silence_days as integer) as silence_days  -- The silence, in days, that it may keep.
from rhythms
where newest_at < (select max(n.newest_at) from newest as n) - silence_days * interval 1 day
