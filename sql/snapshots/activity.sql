-- Grain: one row per customer, day of activity, and day on which we learned of it.
-- Purpose: what counts as a sign of life under the inactivity definition; empty under the others.

with chosen as (
    select activity_table
    from snapshots.policy
    where definition = 'inactivity'
),

signs as (
    select customer_id, occurred_at, available_at
    from staging.sessions
    where (select activity_table from chosen) = 'sessions'
    union all
    select customer_id, occurred_at, available_at
    from staging.payments
    where (select activity_table from chosen) = 'payments' and coalesce(status, 'succeeded') = 'succeeded'
    union all
    select customer_id, occurred_at, available_at
    from staging.events
    where (select activity_table from chosen) = 'events'
)

select distinct
    customer_id,  -- The customer.
    cast(occurred_at as date) as occurred_date,  -- The day of the activity.
    cast(available_at as date) as available_date  -- The day on which we learned of it.
from signs
where customer_id is not null
