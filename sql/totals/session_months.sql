-- Grain: one row per customer and month of use.
-- Purpose: use over all time in a twentieth of the rows, brought forward by what a load added. A total as of a date
-- takes a month whole where everything in it was known by then, and looks at the sessions themselves where not. Versions
-- of a session share its customer and start, so the first one tells all that is summed here.
-- Incremental by: customer_id, month of occurred_at

select
    customer_id,  -- Who used the product.
    date_trunc('month', occurred_at) as month,  -- The month's first instant.
    count(*) as sessions,  -- Sessions begun in it.
    min(occurred_at) as first_at,  -- The first of them.
    max(occurred_at) as last_at,  -- The newest of them.
    greatest(max(occurred_at), max(available_at)) as known_at  -- From when all of them count.
from staging.sessions
where fact_version = 1
group by customer_id, date_trunc('month', occurred_at)
