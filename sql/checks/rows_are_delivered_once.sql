-- No row is delivered twice; repeated rows count once.
-- Level: warn
-- Remedy: Nothing has to be done where rows repeat one another. If there are many, look at the export.

with counted as (
    select
        'payments' as table_name,
        (select count(*) from raw.payments) as delivered,
        (select count(*) from staging.payments) as kept
    union all
    select
        'sessions' as table_name,
        (select count(*) from raw.sessions) as delivered,
        -- Their sums by month count the first version of each.
        (select coalesce(sum(sessions), 0) from totals.session_months)
        + (
            select count(*) from staging.sessions
            where fact_version > 1
        ) as kept
    union all
    select
        'support_tickets' as table_name,
        (select count(*) from raw.support_tickets) as delivered,
        (select count(*) from staging.support_tickets) as kept
    union all
    select
        'contacts' as table_name,
        (select count(*) from raw.contacts) as delivered,
        (select count(*) from staging.contacts) as kept
    union all
    select
        'events' as table_name,
        (select count(*) from raw.events) as delivered,
        (select count(*) from staging.events) as kept
    union all
    select
        'customers' as table_name,
        (select count(*) from raw.customers) as delivered,
        (select count(*) from staging.customers) as kept
    union all
    select
        'subscriptions' as table_name,
        (select count(*) from raw.subscriptions) as delivered,
        (select count(*) from staging.subscriptions) as kept
    union all
    select
        'customer_snapshots' as table_name,
        (select count(*) from raw.customer_snapshots) as delivered,
        (select count(*) from staging.customer_snapshots) as kept
)

select
    table_name,  -- Where the rows were.
    delivered,  -- Rows in the raw table.
    kept,  -- Rows left in staging.
    cast(delivered - kept as bigint) as defect_count  -- Rows removed.
from counted
where delivered > kept
