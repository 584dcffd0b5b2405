-- Every row belongs to a known customer.
-- Level: warn
-- Remedy: Load the missing customers, or use the id that both sources share.

with facts as (
    select 'subscription_events' as table_name, customer_id, count(*) as rows_count
    from staging.subscription_events
    where superseded_at is null
    group by customer_id
    union all
    select 'payments' as table_name, customer_id, count(*) as rows_count
    from staging.payments
    where superseded_at is null
    group by customer_id
    union all
    select 'support_tickets' as table_name, customer_id, count(*) as rows_count
    from staging.support_tickets
    where superseded_at is null
    group by customer_id
    union all
    select 'contacts' as table_name, customer_id, count(*) as rows_count
    from staging.contacts
    where superseded_at is null
    group by customer_id
    union all
    select 'sessions' as table_name, customer_id, cast(sum(sessions) as bigint) as rows_count
    from totals.session_months
    group by customer_id
    union all
    select 'events' as table_name, customer_id, count(*) as rows_count
    from staging.events
    where superseded_at is null
    group by customer_id
)

select
    f.table_name,  -- Where the rows are.
    min(f.customer_id) as example_customer_id,  -- One of the unknown customers.
    cast(sum(f.rows_count) as bigint) as defect_count  -- Rows of unknown customers.
from facts as f
anti join staging.customers as k on f.customer_id = k.customer_id
where exists (select 1 from staging.customers)
group by f.table_name
