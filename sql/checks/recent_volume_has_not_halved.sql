-- The last month brought at least half as many rows as the month before; fewer means that part of a delivery is missing.
-- Level: block
-- Remedy: Find the missing part of the export, then run `churn refresh`.

with months as (
    select month, sum(sessions) as sessions
    from totals.session_months
    where month < (select now_at from checks.clock)
    group by month
),

-- No session is read from before the half year that the last ordinary month ends: there are too many.
half_year as (
    select max(month) - interval 5 month as begins_at
    from months
    where sessions >= 0.02 / 31 * (select median(sessions) from months)
),

days as (
    select 'sessions' as table_name, cast(occurred_at as date) as day, count(*) as rows_count
    from staging.sessions
    where
        occurred_at >= (select begins_at from half_year)
        and occurred_at < (select now_at from checks.clock)
        and superseded_at is null
    group by cast(occurred_at as date)
    union all
    select 'payments' as table_name, cast(occurred_at as date) as day, count(*) as rows_count
    from staging.payments
    where occurred_at < (select now_at from checks.clock) and superseded_at is null
    group by cast(occurred_at as date)
    union all
    select 'events' as table_name, cast(occurred_at as date) as day, count(*) as rows_count
    from staging.events
    where occurred_at < (select now_at from checks.clock) and superseded_at is null
    group by cast(occurred_at as date)
),

usual as (
    select table_name, median(rows_count) as rows_a_day
    from days
    group by table_name
),

-- The last day with an ordinary number of rows ends the data: single stray dates do not.
ends as (
    select d.table_name, max(d.day) as last_day
    from days as d
    inner join usual as u
        on d.table_name = u.table_name and d.rows_count >= 0.02 * u.rows_a_day
    group by d.table_name
),

-- Months of the calendar, so that a day of billing is in both halves. Days of billing that move with the weekend may
-- still fall twice into one of them: where a month has so few days with rows, each has to be half as large, too.
compared as (
    select
        d.table_name,
        e.last_day,
        sum(d.rows_count) filter (where d.day > e.last_day - interval 1 month) as last_month,
        sum(d.rows_count) filter (where d.day <= e.last_day - interval 1 month) as month_before,
        avg(d.rows_count) filter (where d.day > e.last_day - interval 1 month) as last_a_day,
        avg(d.rows_count) filter (where d.day <= e.last_day - interval 1 month) as before_a_day,
        count(*) filter (where d.day <= e.last_day - interval 1 month) <= 3 as is_sparse,
        min(d.day) <= e.last_day - interval 2 month + interval 1 day as is_whole
    from days as d
    inner join ends as e
        on d.table_name = e.table_name and d.day <= e.last_day and d.day > e.last_day - interval 2 month
    group by d.table_name, e.last_day
)

select
    table_name,  -- Which source.
    last_day,  -- Where its data end.
    last_month,  -- Rows of the month up to then.
    month_before,  -- Rows of the month before that.
    cast(month_before - last_month as bigint) as defect_count  -- Rows that seem to be missing.
from compared
where
    is_whole
    and month_before >= 200
    and last_month < 0.5 * month_before
    and (not is_sparse or last_a_day < 0.5 * before_a_day)
