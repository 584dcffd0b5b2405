-- At most 1 in 50 values of each attribute is missing.
-- Level: warn
-- Remedy: Find out why the source leaves it empty, or leave the column out of `columns`.

with counted as (
    select 'customers.city' as column_name, count(*) as all_rows, count(city) as filled
    from staging.customers
    where superseded_at is null
    union all
    select 'customers.country' as column_name, count(*) as all_rows, count(country) as filled
    from staging.customers
    where superseded_at is null
    union all
    select 'customers.birth_date' as column_name, count(*) as all_rows, count(birth_date) as filled
    from staging.customers
    where superseded_at is null
    union all
    select 'customers.signed_up_at' as column_name, count(*) as all_rows, count(signed_up_at) as filled
    from staging.customers
    where superseded_at is null
    union all
    select 'payments.method' as column_name, count(*) as all_rows, count(method) as filled
    from staging.payments
    where superseded_at is null
    union all
    select 'support_tickets.category' as column_name, count(*) as all_rows, count(category) as filled
    from staging.support_tickets
    where superseded_at is null
    union all
    -- The sums by month know how many sessions there are, and files tell quickly where a value is missing.
    select
        'sessions.duration_minutes' as column_name,
        t.all_rows,
        t.all_rows - (
            select count(*) from staging.sessions
            where superseded_at is null and duration_minutes is null
        ) as filled
    from (select cast(coalesce(sum(sessions), 0) as bigint) as all_rows from totals.session_months) as t
)

select
    column_name,  -- Which attribute.
    all_rows,  -- Rows of its table.
    all_rows - filled as defect_count  -- Rows without it.
from counted
where filled > 0 and all_rows - filled > 0.02 * all_rows
