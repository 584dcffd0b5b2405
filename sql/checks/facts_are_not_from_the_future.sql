-- No date lies more than a day after the delivery.
-- Level: warn
-- Remedy: Say how the dates are written (`dates`, `zone`), or leave planned rows out with `where`.

with facts as (
    select 'subscriptions' as table_name, started_at as occurred_at, loaded_at from raw.subscriptions
    union all
    select 'payments' as table_name, attempted_at as occurred_at, loaded_at from raw.payments
    union all
    select 'support_tickets' as table_name, opened_at as occurred_at, loaded_at from raw.support_tickets
    union all
    select 'contacts' as table_name, contacted_at as occurred_at, loaded_at from raw.contacts
    union all
    select 'sessions' as table_name, started_at as occurred_at, loaded_at from raw.sessions
    union all
    select 'events' as table_name, occurred_at, loaded_at from raw.events
    union all
    select 'customers' as table_name, signed_up_at as occurred_at, loaded_at from raw.customers
    union all
    select 'customer_snapshots' as table_name, snapshot_date as occurred_at, loaded_at from raw.customer_snapshots
)

select
    table_name,  -- Where the rows are.
    max(occurred_at) as latest_at,  -- The furthest date.
    count(*) as defect_count  -- Rows from the future.
from facts
where occurred_at > loaded_at + interval 1 day
group by table_name
