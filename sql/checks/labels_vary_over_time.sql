-- Churn is spread over time: other customers leave at each date, some leave at every date, and no day holds half of all ends.
-- Level: warn
-- Remedy: Give each row the outcome of its own date, empty while it is not known, and each end the day on which it happened.

with labels as (
    select customer_id, snapshot_date, has_churned
    from staging.customer_snapshots
    where snapshot_date is not null and has_churned is not null
),

churners as (
    select
        customer_id,
        count(distinct snapshot_date) as dates,
        bool_and(has_churned) as is_always
    from labels
    group by customer_id
    having bool_or(has_churned)
),

by_date as (
    select
        snapshot_date,
        count(*) as rows_count,
        count(*) filter (where has_churned) as churned
    from labels
    group by snapshot_date
),

usual as (
    select sum(churned) / sum(rows_count) as share
    from by_date
    where churned > 0
),

ends as (
    select
        cast(occurred_at as date) as day,
        count(*) as ended,
        sum(count(*)) over () as all_ended,
        date_diff('day', min(min(occurred_at)) over (), max(max(occurred_at)) over ()) as span_days
    from staging.subscription_events
    where event_type = 'ended'
    group by cast(occurred_at as date)
)

select
    'customer_snapshots.has_churned' as column_name,  -- Which column.
    'true on every date of whoever churned' as condition,  -- What is wrong with it.
    min(customer_id) filter (where is_always) as example,  -- One of the customers, or the day.
    count(*) filter (where is_always) as defect_count  -- Customers, or rows.
from churners
where dates >= 3
having count(*) >= 20 and count(*) filter (where is_always) >= 0.9 * count(*)
union all
select
    'customer_snapshots.has_churned' as column_name,
    'nobody has churned, where others of the dates have churners' as condition,
    cast(min(d.snapshot_date) as varchar) as example,
    sum(d.rows_count) as defect_count
from by_date as d
cross join usual as u
where d.churned = 0 and d.rows_count * u.share >= 10
having count(*) > 0
union all
select
    'subscriptions.ended_at' as column_name,
    'more than half of all ends on one day' as condition,
    cast(day as varchar) as example,
    ended as defect_count
from ends
where all_ended >= 50 and span_days >= 180 and ended > 0.5 * all_ended
