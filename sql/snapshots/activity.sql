-- Grain: one row per customer, day of activity, and days from which to which it was known.
-- Purpose: what counts as a sign of life under the inactivity definition; empty under the others.
-- Months of staging.sessions: select null from snapshots.policy where definition = 'inactivity'
-- Months of staging.events: select null from snapshots.policy where definition = 'inactivity'

with chosen as (
    select activity_table
    from snapshots.policy
    where definition = 'inactivity'
),

signs as (
    select customer_id, occurred_at, available_at, superseded_at
    from staging.sessions
    where (select activity_table from chosen) = 'sessions'
    union all
    select customer_id, occurred_at, available_at, superseded_at
    from staging.payments
    where (select activity_table from chosen) = 'payments' and coalesce(status, 'succeeded') = 'succeeded'
    union all
    select customer_id, occurred_at, available_at, superseded_at
    from staging.events
    where (select activity_table from chosen) = 'events'
)

select distinct
    customer_id,  -- The customer.
    cast(occurred_at as date) as occurred_date,  -- The day of the activity.
    cast(available_at as date) as available_date,  -- The day on which we learned of it.
    cast(superseded_at as date) as superseded_date  -- The day from which something else was known; null if none.
from signs
where customer_id is not null
